#include "runner.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "../exact/exact.hpp"
#include "../taps/infinite.hpp"
#include "lock.hpp"

namespace flipslide {

namespace {

// A thread's own taps, so that small calls allocate nothing.
thread_local Taps own_taps;
thread_local Scratch own_sums;

// Doubles that a thread sits on between calls.
constexpr std::size_t kMostKept = 1 << 17;

int limit(int threads) { return threads > 0 ? threads : thread_limit(); }

}  // namespace

Runner::Runner(Convolution convolution, bool checks_bound, bool needs_finite, std::optional<FsType> rounds_to)
    : convolution_(std::move(convolution)),
      checks_bound_(checks_bound),
      needs_finite_(needs_finite),
      rounds_to_(rounds_to) {}

template <class Work>
Outcome Runner::unlocked(const Work& work) const {
  if (convolution_.products < 20000) return work();
  return without_lock(work);
}

void Runner::pack_into(Taps& taps, const Array& w, int threads) const {
  check(w, "w", &Axis::w_dim, &Axis::w, &Loop::w_dim, convolution_.types.w);
  convolution_.pack(w.view, taps.packed, limit(threads));
  if (rounds_to_) read_taps(convolution_, w.view, taps.exact);
}

Outcome Runner::run(const Array& x, const Array& w, const Bias& bias, const Array& y, int threads) const {
  check(x, y);
  check(w, "w", &Axis::w_dim, &Axis::w, &Loop::w_dim, convolution_.types.w);
  threads = limit(threads);
  return unlocked([&] {
    if (!rounds_to_) return sum(x.view, w.view, bias, y.view, threads);
    ExactTaps& taps = own_taps.exact;
    read_taps(convolution_, w.view, taps);
    const Outcome outcome = round(x.view, taps, bias, y.view, threads,
                                  [&](const View& sums) { return sum(x.view, w.view, bias, sums, threads); });
    if (taps.rows.size() > kMostKept) taps.rows = {};
    return outcome;
  });
}

Outcome Runner::run(const Array& x, const Taps& w, const Bias& bias, const Array& y, int threads) const {
  check(x, y);
  threads = limit(threads);
  return unlocked([&] {
    const auto make = [&](const View& sums) { return compute(x.view, w.packed, bias, sums, threads); };
    return rounds_to_ ? round(x.view, w.exact, bias, y.view, threads, make) : make(y.view);
  });
}

Outcome Runner::sum(const View& x, const View& w, const Bias& bias, const View& y, int threads) const {
  if (convolution_.packs_long())
    if (const SharedTaps kept = cache_.find(convolution_, w, threads))
      if (kept->is_finite || !needs_finite_) return compute(x, *kept, bias, y, threads);
  PackedTaps& packed = own_taps.packed;
  convolution_.pack(w, packed, threads);
  Outcome outcome = compute(x, packed, bias, y, threads);
  if (outcome.refusal == Refusal::taps) outcome = contain(x, w, bias, y, threads);
  packed.trim();
  return outcome;
}

// Where taps keep the sums from being made, all outputs are uncertain.
template <class Sum>
Outcome Runner::round(const View& x, const ExactTaps& w, const Bias& bias, const View& y, int threads,
                      const Sum& sum) const {
  const ExactCall call{convolution_, x, w, static_cast<const double*>(bias.data), y, *rounds_to_};
  if (*rounds_to_ == FS_T_F64) {
    round_once(call, nullptr, threads);
    return {};
  }
  Index step = static_cast<Index>(sizeof(double)) * convolution_.parts;
  std::vector<Index> strides(static_cast<std::size_t>(y.ndim));
  for (int d = y.ndim; d-- > 0; step *= y.shape[d]) strides[static_cast<std::size_t>(d)] = step;
  double* sums = own_sums.reserve<double>(step / static_cast<Index>(sizeof(double)));
  const Outcome outcome = sum({reinterpret_cast<std::byte*>(sums), y.ndim, y.shape, strides.data()});
  if (outcome.refusal == Refusal::taps)
    std::fill_n(sums, step / static_cast<Index>(sizeof(double)), std::numeric_limits<double>::quiet_NaN());
  if (outcome.refusal != Refusal::none && outcome.refusal != Refusal::taps) return outcome;
  round_once(call, sums, threads);
  own_sums.trim();
  return {};
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
  check(y, "y", &Axis::y_dim, &Axis::y, &Loop::y_dim, rounds_to_.value_or(convolution_.types.y));
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
