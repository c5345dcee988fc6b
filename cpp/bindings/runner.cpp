#include "runner.hpp"

#include <stdexcept>

#include "../taps/infinite.hpp"
#include "lock.hpp"

namespace flipslide {

namespace {

// A thread's own taps, so that small calls allocate nothing.
thread_local Taps own_taps;

int limit(int threads) { return threads > 0 ? threads : thread_limit(); }

}  // namespace

Runner::Runner(Convolution convolution, bool checks_bound, bool needs_finite)
    : convolution_(std::move(convolution)), checks_bound_(checks_bound), needs_finite_(needs_finite) {}

template <class Work>
Outcome Runner::unlocked(const Work& work) const {
  if (convolution_.products < 20000) return work();
  return without_lock(work);
}

void Runner::pack_into(Taps& taps, const Array& w, int threads) const {
  check(w, "w", &Axis::w_dim, &Axis::w, &Loop::w_dim, convolution_.types.w);
  convolution_.pack(w.view, taps.packed, limit(threads));
}

Outcome Runner::run(const Array& x, const Array& w, const Bias& bias, const Array& y, int threads) const {
  check(x, y);
  check(w, "w", &Axis::w_dim, &Axis::w, &Loop::w_dim, convolution_.types.w);
  threads = limit(threads);
  return unlocked([&] {
    if (convolution_.packs_long())
      if (const SharedTaps kept = cache_.find(convolution_, w.view, threads))
        if (kept->is_finite || !needs_finite_) return compute(x.view, *kept, bias, y.view, threads);
    PackedTaps& packed = own_taps.packed;
    convolution_.pack(w.view, packed, threads);
    Outcome outcome = compute(x.view, packed, bias, y.view, threads);
    if (outcome.refusal == Refusal::taps) outcome = contain(x.view, w.view, bias, y.view, threads);
    packed.trim();
    return outcome;
  });
}

Outcome Runner::run(const Array& x, const Taps& w, const Bias& bias, const Array& y, int threads) const {
  check(x, y);
  return unlocked([&] { return compute(x.view, w.packed, bias, y.view, limit(threads)); });
}

Outcome Runner::compute(const View& x, const PackedTaps& w, const Bias& bias, const View& y, int threads) const {
  if (needs_finite_ && !w.is_finite) return {Refusal::taps};
  if (convolution_.must_separate() && w.factors.empty()) return {Refusal::product};
  Bound bound;
  if (checks_bound_) bound = convolution_.bound(x, w, bias.magnitude, bias.negative, threads);
  if (!bound.fits) return {Refusal::bound, bound};
  convolution_.run(x, w, bias.data, y, threads, bound.magnitude);
  return {};
}

// The sum without the taps that are not finite, and then those.
Outcome Runner::contain(const View& x, const View& w, const Bias& bias, const View& y, int threads) const {
  const std::vector<std::byte> finite = finite_taps(convolution_, w);
  std::vector<Index> strides(static_cast<std::size_t>(w.ndim));
  Index step = kTypeBytes[convolution_.types.w] * convolution_.parts;
  for (int d = w.ndim; d-- > 0; step *= w.shape[d]) strides[static_cast<std::size_t>(d)] = step;
  const View rest{const_cast<std::byte*>(finite.data()), w.ndim, w.shape, strides.data()};
  const SharedTaps kept = convolution_.packs_long() ? cache_.find(convolution_, rest, threads) : nullptr;
  PackedTaps packed;
  if (!kept) convolution_.pack(rest, packed, threads);
  const bool is_done = compute(x, kept ? *kept : packed, bias, y, threads).refusal == Refusal::none &&
                       add_infinite_taps(convolution_, x, w, y, threads);
  return {is_done ? Refusal::none : Refusal::taps};
}

void Runner::check(const Array& x, const Array& y) const {
  check(x, "x", &Axis::x_dim, &Axis::x, &Loop::x_dim, convolution_.types.x);
  check(y, "y", &Axis::y_dim, &Axis::y, &Loop::y_dim, convolution_.types.y);
}

void Runner::check(const Array& array, const char* name, int Axis::* axis_dim, Index Axis::* size, int Loop::* loop_dim,
                   FsType type) const {
  const View& view = array.view;
  bool fits = array.item_bytes == kTypeBytes[type] * (convolution_.types.is_complex ? 2 : 1);
  for (const Axis& axis : convolution_.spec.axes)
    fits = fits && axis.*axis_dim < view.ndim && view.shape[axis.*axis_dim] == axis.*size;
  for (const Loop& loop : convolution_.spec.loops)
    fits = fits && loop.*loop_dim < view.ndim && (loop.*loop_dim < 0 || view.shape[loop.*loop_dim] == loop.size);
  if (!fits) throw std::invalid_argument(std::string(name) + " is not an array of the shape and type planned for");
}

}  // namespace flipslide
