#include "infinite.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "../thread/pool.hpp"
#include "pack.hpp"

namespace flipslide {

namespace {

constexpr Index kPiece = 256;

template <class T>
struct Number {
  T part[2] = {0, 0};
  bool is_finite() const { return std::isfinite(part[0]) && std::isfinite(part[1]); }
};

template <class T>
Number<T> read(const Convolution& c, FsType type, const std::byte* from) {
  Number<T> number;
  for (Index p = 0; p < c.parts; ++p)
    c.isa.convert->load[c.types.compute][type](&number.part[p], from + p * kTypeBytes[type], 0, 1);
  return number;
}

// Calls visit(i) for each of n numbers, `step` bytes apart, that is not finite.
template <class T, class Visit>
void each_infinite(const Convolution& c, const std::byte* from, Index step, Index n, const Visit& visit) {
  const FsLoadFn load = c.isa.convert->load[c.types.compute][c.types.w];
  for (Index i = 0; i < n; i += kPiece) {
    const Index some = std::min(kPiece, n - i);
    T doubt[kPiece] = {};
    for (Index p = 0; p < c.parts; ++p) {
      T part[kPiece];
      load(part, from + i * step + p * kTypeBytes[c.types.w], step, some);
      for (Index k = 0; k < some; ++k) doubt[k] += part[k] - part[k];  // 0 for finite numbers, NaN for others
    }
    T sum = 0;
    for (Index k = 0; k < some; ++k) sum += doubt[k];
    if (sum == 0) continue;
    for (Index k = 0; k < some; ++k)
      if (doubt[k] != 0) visit(i + k);
  }
}

// A tap that is not finite: of which input channel, where along the axes, and what it is.
template <class T>
struct Special {
  Index in;
  Index place[kMaxAxes];
  Number<T> value;
};

template <class T>
class Adder {
 public:
  Adder(const Convolution& c, const View& x, const View& w, const View& y) : c_(c), x_(x), w_(w), y_(y) {}

  bool run(int threads) const {
    std::vector<std::vector<Special<T>>> found(static_cast<std::size_t>(c_.n_channels()));
    for (Index channel = 0; channel < c_.n_channels(); ++channel) find(channel, found[channel]);
    std::atomic<bool> good{true};
    parallel_for(c_.n_channels() * c_.n_batch, threads, [&](Index task) {
      const Index channel = task / c_.n_batch, batch = task % c_.n_batch;
      for (const Special<T>& special : found[channel])
        if (!add(channel / c_.n_out, channel % c_.n_out, batch, special)) good = false;
    });
    return good;
  }

 private:
  const Convolution& c_;
  const View &x_, &w_, &y_;

  int last() const { return static_cast<int>(c_.slides.size()) - 1; }
  const Axis& axis(int a) const { return c_.slides[static_cast<std::size_t>(a)].axis; }

  void find(Index channel, std::vector<Special<T>>& found) const {
    const Index n_rows = c_.taps_per_channel / axis(last()).w;
    for (Index in = 0; in < c_.n_in; ++in)
      for (Index row = 0; row < n_rows; ++row) {
        Special<T> special{in, {}, {}};
        const std::byte* from =
            taps_of(c_, w_, channel / c_.n_out, channel % c_.n_out) + locate(c_.in_loops, &Loop::w_dim, in, w_);
        Index rest = row;
        for (int a = last() - 1; a >= 0; rest /= axis(a).w, --a) {
          special.place[a] = rest % axis(a).w;
          from += special.place[a] * w_step(a);
        }
        each_infinite<T>(c_, from, w_step(last()), axis(last()).w, [&](Index tap) {
          special.place[last()] = tap;
          special.value = read<T>(c_, c_.types.w, from + tap * w_step(last()));
          if (c_.spec.conj_w) special.value.part[1] = -special.value.part[1];
          found.push_back(special);
        });
      }
  }

  Index w_step(int a) const {
    return w_.stride(axis(a).w_dim) * (c_.slides[static_cast<std::size_t>(a)].w_reversed ? -1 : 1);
  }

  // Which sample of an axis a tap meets at an output: its index, kFill or kGap.
  Index source(int a, Index output, Index tap) const {
    const Index at = axis(a).start + axis(a).stride * output + axis(a).dilation * tap;
    const Index index = floor_div(at, axis(a).up);
    return index * axis(a).up == at ? extend(index, axis(a).x, axis(a).boundary) : kGap;
  }

  // For all outputs of a channel.
  bool add(Index group, Index out, Index batch, const Special<T>& special) const {
    const std::byte* x = x_.data + locate(c_.batch_loops, &Loop::x_dim, batch, x_) +
                         locate(c_.group_loops, &Loop::x_dim, group, x_) +
                         locate(c_.in_loops, &Loop::x_dim, special.in, x_);
    std::byte* y = y_.data + locate(c_.batch_loops, &Loop::y_dim, batch, y_) +
                   locate(c_.group_loops, &Loop::y_dim, group, y_) + locate(c_.out_loops, &Loop::y_dim, out, y_);
    for (int a = 0; a <= last(); ++a)
      if (c_.slides[static_cast<std::size_t>(a)].y_reversed) y += (axis(a).y - 1) * y_.stride(axis(a).y_dim);
    return add_axis(0, x, false, y, special);
  }

  Index y_step(int a) const {
    return y_.stride(axis(a).y_dim) * (c_.slides[static_cast<std::size_t>(a)].y_reversed ? -1 : 1);
  }

  bool add_axis(int a, const std::byte* x, bool is_fill, std::byte* y, const Special<T>& special) const {
    if (a == last()) return add_row(x, is_fill, y, special);
    bool good = true;
    for (Index m = 0; m < axis(a).y; ++m) {
      const Index from = source(a, m, special.place[a]);
      if (from == kGap) continue;
      const Index step = from >= 0 ? from * x_.stride(axis(a).x_dim) : 0;
      good &= add_axis(a + 1, x + step, is_fill || from == kFill, y + m * y_step(a), special);
    }
    return good;
  }

  // Outputs whose samples follow each other in x are done in pieces, those at the ends one by one.
  bool add_row(const std::byte* x, bool is_fill, std::byte* y, const Special<T>& special) const {
    const Axis& inner = axis(last());
    const Index at = inner.start + inner.dilation * special.place[last()];
    Index low = inner.y, high = inner.y;
    if (inner.up == 1 && !is_fill) {
      low = std::clamp<Index>(-floor_div(at, inner.stride), 0, inner.y);
      high = std::clamp<Index>(floor_div(inner.x - 1 - at, inner.stride) + 1, low, inner.y);
    }
    bool good = add_samples(x, at, low, high, y, special.value);
    for (Index m = 0; m < inner.y; ++m) {
      if (m == low) m = high;
      if (m >= inner.y) break;
      const Index from = source(last(), m, special.place[last()]);
      if (from == kGap) continue;
      const Number<T> sample = is_fill || from == kFill ? fill() : of_x(x + from * x_.stride(inner.x_dim));
      good &= add_one(y + m * y_step(last()), sample, special.value);
    }
    return good;
  }

  Number<T> of_x(const std::byte* from) const {
    Number<T> sample = read<T>(c_, c_.types.x, from);
    if (c_.spec.conj_x) sample.part[1] = -sample.part[1];
    return sample;
  }

  Number<T> fill() const {
    Number<T> sample;
    for (Index p = 0; p < c_.parts; ++p) std::memcpy(&sample.part[p], c_.fill.parts[p], sizeof(T));
    return sample;
  }

  static bool are_apart(const Number<T>& x, const Number<T>& w, Index parts) {
    return x.is_finite() || (parts == 1 && !(std::isinf(x.part[0]) && std::isinf(w.part[0])));
  }

  bool add_one(std::byte* to, const Number<T>& x, const Number<T>& w) const {
    Number<T> sum = read<T>(c_, c_.types.y, to);
    if (c_.parts == 1) {
      sum.part[0] += w.part[0] * x.part[0];
    } else {
      sum.part[0] += w.part[0] * x.part[0] - w.part[1] * x.part[1];
      sum.part[1] += w.part[0] * x.part[1] + w.part[1] * x.part[0];
    }
    for (Index p = 0; p < c_.parts; ++p)
      c_.isa.convert->store[c_.types.compute][c_.types.y](to + p * kTypeBytes[c_.types.y], 0, &sum.part[p], 1);
    return are_apart(x, w, c_.parts);
  }

  bool add_samples(const std::byte* x, Index at, Index low, Index high, std::byte* y, const Number<T>& w) const {
    const Index stride = axis(last()).stride, x_step = x_.stride(axis(last()).x_dim);
    bool good = true;
    if (c_.parts == 2) {
      for (Index m = low; m < high; ++m)
        good &= add_one(y + m * y_step(last()), of_x(x + (at + stride * m) * x_step), w);
      return good;
    }
    const FsConvert& convert = *c_.isa.convert;
    T from[kPiece], sums[kPiece];
    for (Index m = low; m < high; m += kPiece) {
      const Index n = std::min(kPiece, high - m);
      std::byte* to = y + m * y_step(last());
      convert.load[c_.types.compute][c_.types.x](from, x + (at + stride * m) * x_step, stride * x_step, n);
      convert.load[c_.types.compute][c_.types.y](sums, to, y_step(last()), n);
      T doubt = 0;
      for (Index i = 0; i < n; ++i) {
        sums[i] += w.part[0] * from[i];
        doubt += from[i] - from[i];
      }
      convert.store[c_.types.compute][c_.types.y](to, y_step(last()), sums, n);
      if (doubt == 0) continue;
      for (Index i = 0; i < n; ++i) good &= are_apart({{from[i], 0}}, w, 1);
    }
    return good;
  }
};

}  // namespace

std::vector<std::byte> finite_taps(const Convolution& c, const View& w) {
  const Index item = kTypeBytes[c.types.w] * c.parts;
  Index n = 1;
  for (int d = 0; d < w.ndim; ++d) n *= w.shape[d];
  std::vector<std::byte> taps(static_cast<std::size_t>(n * item));
  const Index length = w.ndim > 0 ? w.shape[w.ndim - 1] : 1, step = w.ndim > 0 ? w.strides[w.ndim - 1] : item;
  for (Index first = 0; first < n; first += length) {
    const std::byte* from = w.data;
    Index rest = first / length;
    for (int d = w.ndim - 1; d-- > 0; rest /= w.shape[d]) from += rest % w.shape[d] * w.strides[d];
    std::byte* row = taps.data() + first * item;
    for (Index i = 0; i < length; ++i) std::memcpy(row + i * item, from + i * step, static_cast<std::size_t>(item));
    const auto blank = [&](Index i) { std::fill(row + i * item, row + (i + 1) * item, std::byte{0}); };
    c.types.compute == FS_F32 ? each_infinite<float>(c, from, step, length, blank)
                              : each_infinite<double>(c, from, step, length, blank);
  }
  return taps;
}

bool add_infinite_taps(const Convolution& c, const View& x, const View& w, const View& y, int threads) {
  return c.types.compute == FS_F32 ? Adder<float>(c, x, w, y).run(threads) : Adder<double>(c, x, w, y).run(threads);
}

}  // namespace flipslide
