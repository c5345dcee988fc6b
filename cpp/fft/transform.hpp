// What the transforms share: tiles of x, how their numbers are read and written.
//
// Overlap-save: a tile of n extended samples gives n - span + 1 outputs per axis; the others are
// wrapped and never stored, unless they wrap onto zeros.
//
// A tile of real numbers is folded at a right angle (Crandall and Fagin 1994): with n = 2 N along the
// last axis, z[k] = (x[k] + i x[k + N]) w^k, w = e^(2 pi i / 4 N), is x as a polynomial modulo t^N = i,
// in t = w u. There a product is a cyclic one of N complex numbers, with all of x y in its parts, and
// what wraps around at n changes its sign, which nobody sees: it is not stored. So the last axis of a
// real tile has an even number of points, and costs a transform of half of them.
//
// The lanes of the vectors are filled in one of two ways.
//
//   overlap   each lane has a tile of its own; a group of tiles fits the second-level cache
//   fft       one tile, the lanes are neighbours inside it: for long taps
//
// Integers are doubles here, and an output is the nearest integer: Convolution::rounds_right has made sure
// that it is the right one.
//
// Numbers inside a transform are of the size of its largest, so what is too small to be normal counts as zero there,
// as long as the largest samples and taps are neither small nor large (`is_usual`). Samples of a tile that are, and
// taps, are multiplied by powers of two on the way in, and the outputs by others on the way out: nothing is rounded by
// that but outputs that are subnormal themselves.
//
// A tile with an output that is not finite is done again by the direct kernel, so that infinities
// and NaNs stand where the definition puts them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "../sums/sums.hpp"
#include "../taps/pack.hpp"
#include "../thread/pool.hpp"
#include "radices.hpp"
#include "flush.hpp"

namespace flipslide {

// Less is not shared among threads, about 30 microseconds: vectors of points of all tiles that fill lanes; samples of
// all tiles whose lanes are neighbours.
inline constexpr double kOverlapWorthSharing = 2500, kFftWorthSharing = 16e3;

// Samples of a tile that gives all outputs of an axis. What wraps around corrupts only outputs that read the tile's
// first samples; where those are zeros before x nothing is lost, so the tile may be shorter than the window by as many.
Index whole_tile(Index overhang, const Axis& axis);

inline constexpr Index kStretch = 256;  // points of a row that are moved at once
inline constexpr int kMaxLanes = 16;

// Scratch that a thread keeps from call to call.
struct TransformScratch {
  Scratch data, product, rows, line, factors, taps, staged;
};

TransformScratch& transform_scratch();

// The tiles of a convolution, and its taps. Tap j of an axis stands at dilation j; the conjugate of
// their spectrum makes the circular sum y[i] = sum_j w[j] x[i + dilation j].
class Transformer {
 public:
  explicit Transformer(const Convolution& c);

 protected:
  // Where one tile's window begins, and how many of its outputs exist.
  struct Tile {
    bool used = false;
    Index batch = 0;
    Index low[kMaxAxes] = {};
    Index count[kMaxAxes] = {};
  };

  // The first sample of a row, or what stands there in place of samples.
  struct Row {
    const std::byte* at;
    Index kind;  // 0, kGap or kFill
  };

  const Convolution& c_;
  const FsCompute compute_;  // of the points
  const Index bytes_;
  const FsButterflies& f_;
  const bool is_complex_;
  const int n_axes_;
  const Index parts_;  // numbers of a sample: 1 or 2
  const Index n_out_;
  Index outputs_[kMaxAxes];  // of a tile
  Index blocks_[kMaxAxes];
  Index samples_ = 1, n_tiles_;  // of a tile; of a group, all batches
  Index folded_;                 // complex points along the last axis

  int last() const { return n_axes_ - 1; }
  const Axis& axis(int a) const { return c_.slides[a].axis; }
  Index n_groups() const { return c_.n_groups; }
  Index channels() const { return n_groups() * n_out_; }
  Tile tile_at(Index number) const;

  // Complex points along each axis of a tile.
  std::vector<Index> folded_tile() const {
    std::vector<Index> n = c_.tile;
    n.back() = folded_;
    return n;
  }

  // A row of taps, spread over its places and scaled by 1 / points and by 2^-exponent, in `to` (reach() samples). The
  // index of each other axis is that of a place: there may be no taps. Then the result is false.
  template <class T>
  bool tap_row(const View& w, Index channel, const Index* place, T* to, int exponent) const;
  template <class T, class Visit>
  void each_tap_row(const View& w, Index channel, const Visit& visit) const;
  // Of the largest tap of each channel, where it is not usual; nothing where all are.
  template <class T>
  std::vector<int> tap_exponents(const View& w) const;
  // Beyond its reach a row of the last axis has no taps.
  Index reach() const { return c_.slides.back().overhang() + 1; }
};

// The arrays of one call.
class TransformCall : protected Transformer {
 protected:
  TransformCall(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y);

  const View& x_;
  const PackedTaps& w_;
  const std::byte* bias_;
  const View& y_;
  std::byte* y_base_;
  bool x_in_place_, y_in_place_;
  Index x_stride_[kMaxAxes], y_stride_[kMaxAxes];

  const std::byte* x_of(const Tile& tile, Index group) const;
  std::byte* y_of(const Tile& tile, Index group, Index k) const;
  const std::byte* bias_of(Index group, Index k) const;

  // The row i further on axis a, for a tile.
  Row step_row(const Row& row, const Tile& tile, int a, Index i) const {
    if (row.kind == kGap) return row;
    const Index from = extend(axis(a).start + tile.low[a] + i, axis(a).x, axis(a).boundary);
    if (from >= 0) return {row.at + from * x_stride_[a], row.kind};
    return {row.at, from == kGap ? kGap : kFill};
  }

  // Along the last axis: where the tiles in the lanes begin and how many outputs they have, whether all
  // lie inside x and are read there, and whether all outputs exist and are written where they belong.
  struct Inner {
    Index first[kMaxLanes], count[kMaxLanes];
    bool reads_in_place, writes_in_place;
  };
  void set_inner(Inner& inner, int lane, const Tile& tile) const;
  void look_at(Inner& inner) const;

  // A row of the last axis in each lane, whose squares are added to `squares`. Rows of y that are null are not written;
  // the bits of the result say which lanes have a number that is not finite.
  template <class T>
  void load_lanes(const Inner& inner, const Row* rows, T* data, T* squares) const;
  template <class T>
  std::uint32_t store_lanes(const Inner& inner, std::byte* const* y, const std::byte* bias, const T* data) const;

  // n samples of a row from position `first` on: where they lie, or put together in `to`.
  template <class T>
  const T* stretch(const Row& row, Index first, Index n, T* to) const;

  // Writes n samples (which a bias may change) from the q-th of a row of y on.
  template <class T>
  void put(std::byte* y, const std::byte* bias, Index q, T* from, Index n) const;

  void redo(const Tile& tile, Index group, Index k) const;

  int tap_exponent(Index group, Index k) const {
    return w_.exponents.empty() ? 0 : w_.exponents[static_cast<std::size_t>(group * n_out_ + k)];
  }

 private:
  // At most kStretch integers.
  void put_whole(std::byte* y, const std::byte* bias, const void* from, Index n) const;
  template <class T>
  void read(const Row& row, Index at, Index n, T* to) const;
  template <class T>
  void extend_row(const Row& row, Index first, Index n, T* to) const;
};

// ------------------------------------------------------------------------------- bodies

// (re, im) pairs from rows of each, and back.
template <class T>
void zip(const T* re, const T* im, Index n, T* to) {
  for (Index i = 0; i < n; ++i) {
    to[2 * i] = re[i];
    to[2 * i + 1] = im[i];
  }
}

template <class T>
void unzip(const T* from, Index n, T* re, T* im) {
  for (Index i = 0; i < n; ++i) {
    re[i] = from[2 * i];
    im[i] = from[2 * i + 1];
  }
}

// The power of two that brings a magnitude into [1, 2), unless it is usual, zero or not finite: then 0. Within the
// usual range neither sums of squares nor products of two spectra leave the normal numbers by less than 2^30.
template <class T>
int unusual_exponent(T magnitude) {
  constexpr int most = std::numeric_limits<T>::max_exponent / 4;
  if (magnitude == 0 || !(magnitude <= std::numeric_limits<T>::max())) return 0;
  const int exponent = std::ilogb(magnitude);
  return exponent < -most || exponent > most ? exponent : 0;
}

// In two steps, as the whole factor may not be a normal number; the second one alone may round.
template <class T>
void scale_by(T* data, Index n, int exponent) {
  if (exponent == 0) return;
  const T first = std::ldexp(T(1), exponent / 2), second = std::ldexp(T(1), exponent - exponent / 2);
  for (Index i = 0; i < n; ++i) data[i] = data[i] * first * second;
}

// The same with an exponent for each lane of n vectors.
template <class T>
void scale_lanes(T* data, Index n, Index lanes, const int* exponents) {
  T first[kMaxLanes], second[kMaxLanes];
  for (Index l = 0; l < lanes; ++l) {
    first[l] = std::ldexp(T(1), exponents[l] / 2);
    second[l] = std::ldexp(T(1), exponents[l] - exponents[l] / 2);
  }
  for (Index i = 0; i < n; ++i, data += lanes)
    for (Index l = 0; l < lanes; ++l) data[l] = data[l] * first[l] * second[l];
}

// Calls visit(row, n) for the taps of a channel, in pieces of a row along the last axis, each part on its own.
template <class T, class Visit>
void Transformer::each_tap_row(const View& w, Index channel, const Visit& visit) const {
  const FsLoadFn load = c_.isa.convert->load[compute_][c_.types.w];
  const auto step = [&](int a) { return w.stride(axis(a).w_dim) * (c_.slides[a].w_reversed ? -1 : 1); };
  Index j[kMaxAxes] = {};
  for (int a = 0; a >= 0;) {
    const std::byte* from = taps_of(c_, w, channel / n_out_, channel % n_out_);
    for (a = 0; a < last(); ++a) from += j[a] * step(a);
    T some[kStretch];
    for (Index i = 0; i < axis(last()).w; i += kStretch)
      for (Index part = 0; part < parts_; ++part) {
        const Index n = std::min(kStretch, axis(last()).w - i);
        load(some, from + i * step(last()) + part * kTypeBytes[c_.types.w], step(last()), n);
        visit(some, n);
      }
    while (a-- > 0 && ++j[a] == axis(a).w) j[a] = 0;
  }
}

template <class T>
std::vector<int> Transformer::tap_exponents(const View& w) const {
  std::vector<int> found(static_cast<std::size_t>(channels()), 0);
  for (Index channel = 0; channel < channels(); ++channel) {
    T most = 0;
    each_tap_row<T>(w, channel, [&](const T* taps, Index n) {
      for (Index i = 0; i < n; ++i) most = std::max(most, std::abs(taps[i]));
    });
    found[static_cast<std::size_t>(channel)] = unusual_exponent(most);
  }
  if (std::all_of(found.begin(), found.end(), [](int e) { return e == 0; })) found.clear();
  return found;
}

template <class T>
bool Transformer::tap_row(const View& w, Index channel, const Index* place, T* to, int exponent) const {
  const std::byte* from = taps_of(c_, w, channel / n_out_, channel % n_out_);
  for (int a = 0; a < last(); ++a) {
    const Index tap = place[a] / axis(a).dilation;
    if (place[a] % axis(a).dilation || tap >= axis(a).w) return false;
    from += (c_.slides[a].w_reversed ? -tap : tap) * w.stride(axis(a).w_dim);
  }
  const Slide& inner = c_.slides.back();
  const FsLoadFn load = c_.isa.convert->load[compute_][c_.types.w];
  const Index stride = w.stride(inner.axis.w_dim) * (inner.w_reversed ? -1 : 1), step = inner.axis.dilation * parts_;
  std::fill(to, to + reach() * parts_, T(0));
  T some[kStretch];
  for (int part = 0; part < parts_; ++part) {
    // The conjugate of what the sum multiplies by, as the spectrum's conjugate is taken.
    const T by = T(1) / static_cast<T>(samples_ / (is_complex_ ? 1 : 2)) * T(part == 1 && !c_.spec.conj_w ? -1 : 1);
    for (Index j = 0; j < inner.axis.w; j += kStretch) {
      const Index n = std::min(kStretch, inner.axis.w - j);
      load(some, from + j * stride + part * kTypeBytes[c_.types.w], stride, n);
      scale_by(some, n, -exponent);
      T* at = to + j * step + part;
      for (Index i = 0; i < n; ++i) at[i * step] = by * some[i];
    }
  }
  return true;
}

template <class T>
void TransformCall::load_lanes(const Inner& inner, const Row* rows, T* data, T* squares) const {
  // Real numbers fill the real parts, then the imaginary ones; complex ones lie as the points do.
  const Index lanes = f_.lanes, step = is_complex_ ? lanes : 2 * lanes;
  const void* from[kMaxLanes];
  const bool in_place =
      inner.reads_in_place && std::all_of(rows, rows + lanes, [](const Row& row) { return row.kind == 0; });
  const Index length = in_place ? folded_ : kStretch;
  T* scratch = in_place ? nullptr : transform_scratch().rows.reserve<T>(kMaxLanes * kStretch * parts_);
  for (int half = 0; half < 3 - parts_; ++half)
    for (Index q = 0; q < folded_; q += length) {
      const Index n = std::min(length, folded_ - q);
      for (int l = 0; l < lanes; ++l) {
        const Index first = inner.first[l] + half * folded_ + q;
        from[l] = in_place ? reinterpret_cast<const T*>(rows[l].at + first * x_stride_[last()])
                           : stretch(rows[l], first, n, scratch + l * kStretch * parts_);
      }
      f_.gather_squares(from, n * parts_, data + q * 2 * lanes + half * lanes, step, squares);
    }
}

template <class T>
std::uint32_t TransformCall::store_lanes(const Inner& inner, std::byte* const* y, const std::byte* bias,
                                         const T* data) const {
  const Index lanes = f_.lanes, step = is_complex_ ? lanes : 2 * lanes, outputs = outputs_[last()];
  void* to[kMaxLanes];
  const bool in_place =
      inner.writes_in_place && std::all_of(y, y + lanes, [](const std::byte* at) { return at != nullptr; });
  const Index length = in_place ? folded_ : kStretch;
  T* scratch = in_place ? nullptr : transform_scratch().rows.reserve<T>(kMaxLanes * kStretch * parts_);
  std::uint32_t bad = 0;
  for (int half = 0; half < 3 - parts_; ++half)
    for (Index q = 0; q < std::min(folded_, outputs - half * folded_); q += length) {
      const Index place = half * folded_ + q, n = std::min({length, folded_ - q, outputs - place});
      for (int l = 0; l < lanes; ++l) {
        const bool whole = in_place || (y[l] && y_in_place_ && place + n <= inner.count[l]);
        to[l] = whole ? static_cast<void*>(y[l] + place * y_stride_[last()])
                      : static_cast<void*>(scratch + l * kStretch * parts_);
      }
      bad |= f_.scatter(data + q * 2 * lanes + half * lanes, step, n * parts_, to);
      if (in_place) continue;
      for (int l = 0; l < lanes; ++l) {
        T* from = scratch + l * kStretch * parts_;
        const Index count = std::min(n, inner.count[l] - place);
        if (to[l] == from && y[l] && count > 0) put(y[l], bias, place, from, count);
      }
    }
  return bad;
}

template <class T>
const T* TransformCall::stretch(const Row& row, Index first, Index n, T* to) const {
  const Index size = axis(last()).x;
  const Index low = row.kind == 0 ? std::clamp<Index>(-first, 0, n) : n;
  const Index high = row.kind == 0 ? std::clamp<Index>(size - first, low, n) : n;
  if (x_in_place_ && low == 0 && high == n)
    if (row.kind == 0) return reinterpret_cast<const T*>(row.at + first * x_stride_[last()]);
  extend_row(row, first, low, to);
  if (low < high) read(row, first + low, high - low, to + low * parts_);
  extend_row(row, first + high, n - high, to + high * parts_);
  return to;
}

// Samples that are not there.
template <class T>
void TransformCall::extend_row(const Row& row, Index first, Index n, T* to) const {
  const Axis& inner = axis(last());
  if (row.kind == kGap || (row.kind == 0 && inner.boundary == Boundary::zero)) {
    std::fill(to, to + n * parts_, T(0));
    return;
  }
  for (Index q = 0; q < n; ++q, to += parts_) {
    const Index from = extend(first + q, inner.x, inner.boundary);
    if (from >= 0 && row.kind == 0)
      read(row, from, 1, to);
    else
      for (int part = 0; part < parts_; ++part) {
        if (from == kGap)
          to[part] = T(0);
        else if (c_.rounds())
          to[part] = static_cast<T>(c_.whole_fill());
        else
          std::memcpy(to + part, c_.fill.parts[part], sizeof(T));
      }
  }
}

template <class T>
void TransformCall::read(const Row& row, Index at, Index n, T* to) const {
  const FsLoadFn load = c_.isa.convert->load[compute_][c_.types.x];
  const Index stride = x_stride_[last()], part = kTypeBytes[c_.types.x];
  const std::byte* from = row.at + at * stride;
  if (!is_complex_) return load(to, from, stride, n);
  if (x_in_place_) {
    std::memcpy(to, from, static_cast<std::size_t>(n * 2) * sizeof(T));
    return;
  }
  T re[kStretch], im[kStretch];
  for (Index q = 0; q < n; q += kStretch) {
    const Index some = std::min(kStretch, n - q);
    load(re, from + q * stride, stride, some);
    load(im, from + q * stride + part, stride, some);
    zip(re, im, some, to + 2 * q);
  }
}

template <class T>
void TransformCall::put(std::byte* y, const std::byte* bias, Index q, T* from, Index n) const {
  if (c_.rounds()) return put_whole(y + q * y_stride_[last()], bias, from, n);
  const FsStoreFn store = c_.isa.convert->store[compute_][c_.types.y];
  T value[2] = {};
  if (bias) {
    std::memcpy(value, bias, static_cast<std::size_t>(parts_) * sizeof(T));
    for (Index i = 0; i < n * parts_; ++i) from[i] += value[i % parts_];
  }
  y += q * y_stride_[last()];
  if (!is_complex_) return store(y, y_stride_[last()], from, n);
  T re[kStretch], im[kStretch];
  unzip(from, n, re, im);
  store(y, y_stride_[last()], re, n);
  store(y + kTypeBytes[c_.types.y], y_stride_[last()], im, n);
}

// Each transform in its own file.
void pack_overlap(const Convolution& c, const View& w, PackedTaps& packed, int threads);
void run_overlap(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                 int threads);
void pack_fft(const Convolution& c, const View& w, PackedTaps& packed, int threads);
void run_fft(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads);

// Taps that turned out to be products, and integers that a transform might round wrongly, are summed directly.
template <auto run>
void run_transform(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                   int threads, std::uint64_t reach) {
  if (w.factors.empty() && (!c.rounds() || rounds_right(c, x, w, reach, threads)))
    run(c, x, w, bias, y, threads);
  else
    run_sums(c, x, w, bias, y, threads);
}

}  // namespace flipslide
