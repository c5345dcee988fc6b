#include "known.hpp"

#include <cmath>

#include "../thread/pool.hpp"

namespace flipslide {

namespace {

// Outputs that are looked at together, about; at least so many windows along an axis, which have samples in common.
constexpr Index kOutputs = 8192, kWindows = 4;
// From this many pairs on only those are compared that every window holds one of; of fewer all are, as vectors.
constexpr Index kManyPairs = 16;
constexpr Index kPiece = 256;

struct KnownScratch {
  Scratch rows[2], samples, flags[3];
  void trim() {
    for (Scratch* scratch : {&rows[0], &rows[1], &samples, &flags[0], &flags[1], &flags[2]}) scratch->trim();
  }
};

thread_local KnownScratch own;

// Whether a place of n is one of those of which k neighbours, d apart, always hold one. The first and the last of them
// are as far from the ends as they may be, as there may be no samples.
bool is_one_of(Index place, Index n, Index d, Index k) {
  const Index at = place / d, last = ceil_div(n, d) - k;
  return at >= last ? at == std::max<Index>(last, 0) : at % k == k - 1;
}

template <class T>
class Settler {
 public:
  using Flag = std::uint8_t;

  Settler(const Laid& call, const TaskPlace& place, const Index* low, const Index* extent)
      : call_(call), c_(call.c), place_(place), extent_(extent) {
    x_ = call.x.data + locate(call.batch_loops, &Loop::x_dim, place.batch, call.x) +
         locate(c_.group_loops, &Loop::x_dim, place.group, call.x);
    y_ = call.y.data + call.y_offset + locate(call.batch_loops, &Loop::y_dim, place.batch, call.y) +
         locate(c_.group_loops, &Loop::y_dim, place.group, call.y);
    for (int a = 0; a <= inner(); ++a) {
      first_[a] = axis(a).start + axis(a).stride * low[a];
      n_[a] = axis(a).stride * (extent[a] - 1) + call.axes[a].overhang + 1;
      y_ += low[a] * call.axes[a].y_stride;
    }
    reads_in_place_ = same_bits(c_.types.x, c_.types.compute) && call.axes[inner()].x_stride == sizeof(T) &&
                      reinterpret_cast<std::uintptr_t>(x_) % sizeof(T) == 0;
  }

  void constants() const {
    std::uint32_t known = 0;
    Flag* flags = nullptr;
    for (Index k = place_.first_channel; k < place_.end_channel; ++k) {
      const std::uint32_t cancels = call_.w.cancels[static_cast<std::size_t>(place_.group * c_.n_out + k)];
      if (!cancels) continue;
      if (cancels != known) flags = find_constants(cancels);
      known = cancels;
      if (flags) write_known(k, flags);
    }
  }

  void signs() const {
    for (Index k = place_.first_channel; k < place_.end_channel; ++k) {
      if (bias_of(k) < 0 || !has_negative_outputs(k)) continue;
      if (has_negative_samples()) return;
      each_output(k, [&](std::byte* y, T* outputs, Index n) {
        for (Index i = 0; i < n; ++i) outputs[i] = outputs[i] < 0 ? T(0) : outputs[i];
        store(y, outputs, n);
        return true;
      });
    }
  }

 private:
  const Laid& call_;
  const Convolution& c_;
  const TaskPlace& place_;
  const Index* extent_;
  const std::byte* x_;
  std::byte* y_;
  Index first_[kMaxAxes], n_[kMaxAxes];  // of the samples that the windows hold
  bool reads_in_place_;

  int inner() const { return call_.n_axes - 1; }
  const Axis& axis(int a) const { return call_.axes[a].axis; }

  // Calls visit(at) for the places of all axes but the last, until it is false.
  template <class Visit>
  bool each_row(const Index* n, const Visit& visit) const {
    Index at[kMaxAxes] = {};
    for (;;) {
      if (!visit(at)) return false;
      int a = inner();
      while (a-- > 0 && ++at[a] == n[a]) at[a] = 0;
      if (a < 0) return true;
    }
  }

  // ---- samples

  const std::byte* x_of(Index in) const { return x_ + locate(c_.in_loops, &Loop::x_dim, in, call_.x); }

  // Where the samples of a row begin, and what stands there instead (kGap, kFill) or 0.
  const std::byte* find_row(Index in, const Index* at, Index& kind) const {
    const std::byte* from = x_of(in);
    kind = 0;
    for (int a = 0; a < inner(); ++a) {
      const Index sample = sample_at(call_.axes[a], first_[a] + at[a]);
      if (sample < 0)
        kind = kind == kGap || sample == kGap ? kGap : kFill;
      else
        from += sample * call_.axes[a].x_stride;
    }
    return from;
  }

  T fill() const {
    T value;
    std::memcpy(&value, c_.fill.parts[0], sizeof value);
    return value;
  }

  T sample_of(const std::byte* row, Index kind, Index i) const {
    const Index sample = sample_at(call_.axes[inner()], first_[inner()] + i);
    if (kind == kGap || sample == kGap) return 0;
    if (kind == kFill || sample == kFill) return fill();
    T value;
    load(row + sample * call_.axes[inner()].x_stride, &value, 1);
    return value;
  }

  T sample_of(Index in, const Index* at, Index i) const {
    Index kind;
    const std::byte* row = find_row(in, at, kind);
    return sample_of(row, kind, i);
  }

  void load(const std::byte* from, T* to, Index n) const {
    c_.isa.convert->load[c_.types.compute][c_.types.x](to, from, call_.axes[inner()].x_stride, n);
  }

  // All samples of a row that the windows hold: where they lie, or in a thread's room.
  const T* read_row(Index in, const Index* at, Scratch& room) const {
    Index kind;
    const std::byte* from = find_row(in, at, kind);
    const Index n = n_[inner()], first = first_[inner()];
    const Index low = kind == 0 ? std::clamp<Index>(-first, 0, n) : n;
    const Index high = kind == 0 ? std::clamp<Index>(axis(inner()).x - first, low, n) : n;
    const std::byte* inside = from + (first + low) * call_.axes[inner()].x_stride;
    if (reads_in_place_ && high - low == n) return reinterpret_cast<const T*>(inside);
    T* to = room.template reserve<T>(n);
    if (low < high) load(inside, to + low, high - low);
    for (Index i = 0; i < low; ++i) to[i] = sample_of(from, kind, i);
    for (Index i = high; i < n; ++i) to[i] = sample_of(from, kind, i);
    return to;
  }

  bool has_negative_samples() const {
    for (Index in = 0; in < c_.n_in; ++in)
      if (!each_row(n_, [&](const Index* at) {
            const T* row = read_row(in, at, own.rows[0]);
            return std::none_of(row, row + n_[inner()], [](T sample) { return sample < 0; });
          }))
        return true;
    return false;
  }

  // ---- windows that are constant

  // Axes with one tap count for nothing.
  bool cancels_along(std::uint32_t cancels, int a) const {
    const auto long_axes = std::count_if(call_.axes, call_.axes + a, [](const SumAxis& b) { return b.axis.w > 1; });
    return axis(a).w > 1 && (cancels == kCancelsAll || (cancels >> long_axes & 1));
  }

  // Any of the axes will do along which the taps add up to zero; all must, where only all taps do.
  bool has_line(std::uint32_t cancels) const {
    const bool needs_all = cancels == kCancelsAll;
    for (int a = 0; a <= inner(); ++a)
      if (cancels_along(cancels, a) && has_line_along(a) != needs_all) return !needs_all;
    return needs_all;
  }

  // Whether some line of samples along an axis that a window may hold is constant.
  bool has_line_along(int a) const {
    const Index d = axis(a).dilation, pairs = axis(a).w - 1, n = n_[inner()] - (a == inner() ? d : 0);
    const auto is_seen = [&](Index i) {
      return is_one_of(i, n, axis(inner()).dilation, a == inner() ? pairs : axis(inner()).w);
    };
    return !each_row(n_, [&](Index* at) {
      for (int b = 0; b < inner(); ++b)
        if (!is_one_of(at[b], n_[b] - (b == a ? d : 0), axis(b).dilation, b == a ? pairs : axis(b).w)) return true;
      if (a != inner() && at[a] + d >= n_[a]) return true;
      const T* row = read_row(0, at, own.rows[0]);
      if (a == inner() && pairs >= kManyPairs) return !has_long_run(row, n, d, pairs);
      const T* next = row + d;
      if (a != inner()) {
        at[a] += d;
        next = read_row(0, at, own.rows[1]);
        at[a] -= d;
      }
      for (Index i = find_same(row, next, 0, n); i < n; i = find_same(row, next, i + 1, n))
        if (is_seen(i) && (a == inner() ? is_run(row, n, i, d, pairs) : is_column(at, i, a))) return false;
      return true;
    });
  }

  Index find_same(const T* row, const T* next, Index from, Index n) const {
    return from >= n ? n : from + c_.isa.same->find[sizeof(T) == 8](row + from, next + from, n - from);
  }

  static bool has_long_run(const T* row, Index n, Index d, Index pairs) {
    const auto has_run_of = [&](Index block) {
      for (Index i = block * d; i < std::min((block + 1) * d, n); ++i)
        if (row[i] - row[i + d] == 0 && is_run(row, n, i, d, pairs)) return true;
      return false;
    };
    const Index last = std::max<Index>(0, ceil_div(n, d) - pairs);
    for (Index block = pairs - 1; block < last; block += pairs)
      if (has_run_of(block)) return true;
    return has_run_of(last);
  }

  // Whether so many pairs that follow each other are the same, with the i-th one among them. The last is that of n - 1.
  static bool is_run(const T* row, Index n, Index i, Index d, Index pairs) {
    Index low = i, high = i;
    while (high - low < (pairs - 1) * d && low >= d && row[low - d] - row[low] == 0) low -= d;
    while (high - low < (pairs - 1) * d && high + d < n && row[high + d] - row[high + 2 * d] == 0) high += d;
    return high - low >= (pairs - 1) * d;
  }

  bool is_column(const Index* place, Index i, int a) const {
    Index at[kMaxAxes];
    std::copy(place, place + inner(), at);
    const Index d = axis(a).dilation, pairs = axis(a).w - 1;
    const T value = sample_of(0, at, i);
    Index found = 1;
    for (at[a] = place[a] - d; found < pairs && at[a] >= 0 && sample_of(0, at, i) - value == 0; at[a] -= d) ++found;
    for (at[a] = place[a] + 2 * d; found < pairs && at[a] < n_[a] && sample_of(0, at, i) - value == 0; at[a] += d)
      ++found;
    return found >= pairs;
  }

  // A flag for each output, or null where there is none.
  Flag* find_constants(std::uint32_t cancels) const {
    if (!has_line(cancels)) return nullptr;
    Index n = 1, outputs = 1;
    for (int a = 0; a <= inner(); ++a) {
      n *= n_[a];
      outputs *= extent_[a];
    }
    Flag* found = own.flags[0].template reserve<Flag>(outputs);
    std::fill(found, found + outputs, Flag(1));
    for (Index in = 0; in < c_.n_in; ++in) {
      T* samples = own.samples.template reserve<T>(n);
      T* to = samples;
      each_row(n_, [&](const Index* at) {
        const T* row = read_row(in, at, own.rows[0]);
        to = std::copy(row, row + n_[inner()], to);
        return true;
      });
      join_axes(samples, n, outputs, cancels, found);
    }
    return std::any_of(found, found + outputs, [](Flag flag) { return flag != 0; }) ? found : nullptr;
  }

  void join_axes(const T* samples, Index n, Index outputs, std::uint32_t cancels, Flag* found) const {
    const bool needs_all = cancels == kCancelsAll;
    Flag* joined = own.flags[2].template reserve<Flag>(outputs);
    std::fill(joined, joined + outputs, Flag(needs_all));
    for (int a = 0; a <= inner(); ++a) {
      if (!cancels_along(cancels, a)) continue;
      const Flag* along = find_along(samples, n, a);
      for (Index i = 0; i < outputs; ++i) joined[i] = needs_all ? joined[i] & along[i] : joined[i] | along[i];
    }
    for (Index i = 0; i < outputs; ++i) found[i] &= joined[i];
  }

  // Windows whose samples are the same along one axis.
  const Flag* find_along(const T* samples, Index n, int a) const {
    Flag* flags = own.flags[1].template reserve<Flag>(n);
    Index step = axis(a).dilation, sizes[kMaxAxes];
    for (int b = a + 1; b <= inner(); ++b) step *= n_[b];
    for (Index i = 0; i < n - step; ++i) flags[i] = samples[i + step] - samples[i] == 0;
    std::fill(flags + std::max<Index>(0, n - step), flags + n, Flag(0));
    std::copy(n_, n_ + call_.n_axes, sizes);
    for (int b = 0; b <= inner(); ++b) {
      all_along(flags, sizes, b, axis(b).w - (b == a));
      sizes[b] = extent_[b];
    }
    return flags;
  }

  // The flags of an axis become those of its outputs: set where those of so many taps are. Of twice as many they follow
  // from those of as many.
  void all_along(Flag* flags, const Index* sizes, int b, Index taps) const {
    Index outer = 1, row = 1, length = 1;
    for (int a = 0; a <= inner(); ++a) (a < b ? outer : row) *= a == b ? 1 : sizes[a];
    const Index d = axis(b).dilation * row, n = sizes[b] * row;
    for (; 2 * length <= taps; length *= 2)
      for (Index o = 0; o < outer; ++o)
        for (Index i = o * n; i < (o + 1) * n - length * d; ++i) flags[i] &= flags[i + length * d];
    Flag* to = flags;
    for (Index o = 0; o < outer; ++o)
      for (Index m = 0; m < extent_[b]; ++m) {
        const Flag* from = flags + o * n + m * axis(b).stride * row;
        for (Index i = 0; i < row; ++i) to[i] = from[i] & from[i + (taps - length) * d];
        to += row;
      }
  }

  // ---- outputs

  T bias_of(Index k) const {
    T value = 0;
    if (call_.bias)
      std::memcpy(&value, call_.bias + (place_.group * c_.n_out + k) * static_cast<Index>(sizeof(T)), sizeof value);
    return value;
  }

  Index y_step() const { return call_.axes[inner()].y_stride; }

  void store(std::byte* y, const T* from, Index n) const {
    c_.isa.convert->store[c_.types.compute][c_.types.y](y, y_step(), from, n);
  }

  template <class Visit>
  bool each_y(Index k, const Visit& visit) const {
    std::byte* base = y_ + locate(c_.out_loops, &Loop::y_dim, k, call_.y);
    return each_row(extent_, [&](const Index* at) {
      std::byte* y = base;
      for (int a = 0; a < inner(); ++a) y += at[a] * call_.axes[a].y_stride;
      return visit(y);
    });
  }

  // In pieces.
  template <class Visit>
  bool each_output(Index k, const Visit& visit) const {
    T outputs[kPiece];
    return each_y(k, [&](std::byte* y) {
      for (Index i = 0; i < extent_[inner()]; i += kPiece) {
        const Index n = std::min(kPiece, extent_[inner()] - i);
        c_.isa.convert->load[c_.types.compute][c_.types.y](outputs, y + i * y_step(), y_step(), n);
        if (!visit(y + i * y_step(), outputs, n)) return false;
      }
      return true;
    });
  }

  bool has_negative_outputs(Index k) const {
    return !each_output(k, [](std::byte*, const T* outputs, Index n) {
      return std::none_of(outputs, outputs + n, [](T output) { return output < 0; });
    });
  }

  void write_known(Index k, const Flag* flags) const {
    T values[kPiece];
    std::fill(values, values + kPiece, bias_of(k));
    each_y(k, [&](std::byte* y) {
      const Index n = extent_[inner()];
      for (Index i = 0, end; i < n; i = end) {
        end = i + 1;
        if (!flags[i]) continue;
        while (end < n && end - i < kPiece && flags[end]) ++end;
        store(y + i * y_step(), values, end - i);
      }
      flags += n;
      return true;
    });
  }
};

// In pieces whose samples stay in the caches.
template <class Visit>
void each_piece(const Laid& call, const Index* low, const Index* extent, const Visit& visit) {
  Index sizes[kMaxAxes], from[kMaxAxes], some[kMaxAxes], at[kMaxAxes] = {}, n = 1;
  for (int a = call.n_axes; a-- > 0; n *= sizes[a])
    sizes[a] = std::clamp<Index>(std::max(kWindows * call.axes[a].axis.w, kOutputs / n), 1, extent[a]);
  for (int a = 0; a >= 0;) {
    for (a = 0; a < call.n_axes; ++a) {
      from[a] = low[a] + at[a];
      some[a] = std::min(sizes[a], extent[a] - at[a]);
    }
    visit(from, some);
    while (a-- > 0 && (at[a] += sizes[a]) >= extent[a]) at[a] = 0;
  }
}

template <class Visit>
void each_settler(const Laid& call, const TaskPlace& place, const Index* low, const Index* extent, const Visit& visit) {
  each_piece(call, low, extent, [&](const Index* from, const Index* some) {
    call.c.types.compute == FS_F32 ? visit(Settler<float>(call, place, from, some))
                                   : visit(Settler<double>(call, place, from, some));
  });
  own.trim();
}

// A place between samples holds none, and no window is known without those.
bool has_gaps(const Laid& call) {
  return std::any_of(call.axes, call.axes + call.n_axes,
                     [](const SumAxis& axis) { return axis.axis.up != 1 || axis.axis.x == 0; });
}

}  // namespace

void settle_constants(const Laid& call, const TaskPlace& place, const Index* low, const Index* extent) {
  if (call.w.cancels.empty() || has_gaps(call)) return;
  each_settler(call, place, low, extent, [](const auto& settler) { settler.constants(); });
}

void settle_signs(const Laid& call, const TaskPlace& place, const Index* low, const Index* extent) {
  if (!call.w.none_negative || has_gaps(call)) return;
  each_settler(call, place, low, extent, [](const auto& settler) { settler.signs(); });
}

void settle_all(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads,
                bool may_lose_signs) {
  if (w.cancels.empty() && !(w.none_negative && may_lose_signs)) return;
  SumAxis axes[kMaxAxes];
  Index low[kMaxAxes] = {}, extent[kMaxAxes], y_offset = 0;
  const int n_axes = static_cast<int>(c.slides.size());
  for (int a = 0; a < n_axes; ++a) {
    axes[a] = placed(c.slides[static_cast<std::size_t>(a)], x, y, y_offset);
    extent[a] = axes[a].axis.y;
  }
  const Laid call{c, x, w, static_cast<const std::byte*>(bias), y, n_axes, axes, c.batch_loops, y_offset};
  const auto settle = [&](Index element) {
    const TaskPlace place{element / c.n_groups, element % c.n_groups, 0, c.n_out};
    settle_constants(call, place, low, extent);
    if (may_lose_signs) settle_signs(call, place, low, extent);
  };
  const Index n = c.n_batch * c.n_groups;
  n == 1 ? settle(0) : parallel_for(n, is_small(c) ? 1 : threads, settle);
}

}  // namespace flipslide
