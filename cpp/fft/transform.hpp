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

#include "../sums/known.hpp"
#include "../sums/sums.hpp"
#include "../taps/pack.hpp"
#include "../thread/pool.hpp"
#include "guard.hpp"
#include "radices.hpp"
#include "flush.hpp"

namespace flipslide {

// Less is not shared among threads, about 30 microseconds: vectors of points of all tiles that fill lanes; samples of
// all tiles whose lanes are neighbours.
inline constexpr double kOverlapWorthSharing = 2500, kFftWorthSharing = 16e3;

// Samples of a tile that gives all outputs of an axis. What wraps around corrupts only outputs that read the tile's
// first samples; where those are zeros before x nothing is lost, so the tile may be shorter than the window by as many.
Index whole_tile(Index overhang, const Axis& axis);

// Where each lane has a tile, its numbers lie row-major, in vectors of complex numbers: how many elements there are
// from neighbour to neighbour along each axis, and in all. Rows of the outer axes are one vector longer than needed: a
// step of a power of two would use few sets of the caches.
inline Index lane_steps(const Index* n, int n_axes, Index lanes, Index* step) {
  Index at = 2 * lanes;
  for (int a = n_axes - 1; a >= 0; --a) {
    step[a] = at;
    at = at * n[a] + (a == 0 ? 0 : 2 * lanes);
  }
  return at;
}

inline constexpr Index kStretch = 256;  // points of a row that are moved at once
inline constexpr int kMaxLanes = 16;

// Scratch that a thread keeps from call to call.
struct TransformScratch {
  Scratch data, product, rows, line, factors, taps, staged, means, largest;
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
  std::shared_ptr<Guard> make_guard(std::vector<double> limits) const;
  Guard::Reach reach_of(const Tile& tile, int a) const;
  double guard_limit(double sum, double norm, double peak) const;
  // Of taps whose spectrum has `n_each` numbers for each channel; null where nothing is guarded.
  template <class T>
  std::shared_ptr<Guard> guard_of(const View& w, const PackedTaps& packed, Index n_each) const;
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
  SumAxis axes_[kMaxAxes];

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
  // the bits of the result say which lanes have a number that is not finite and, 16 further, one that is negative.
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

  // What is known of a tile's outputs without a sum, after they are written.
  bool has_known(bool is_negative) const { return !w_.cancels.empty() || (is_negative && w_.none_negative); }
  void settle_known(const Tile& tile, Index group, Index k, bool is_negative) const;
  bool has_negative_sample(const Tile& tile, Index group) const;

  // What Guard::largest says of a tile alone, of samples by 2^-exponent.
  template <class T>
  const T* look_at_tile(const Tile& tile, Index group, int exponent) const;
  // And of all lanes, from the mean squares of the cells of rows.
  template <class T>
  const T* largest_in_cells(const T* means, Index lanes) const;
  // One tile after its outputs are written: those that may be too far off, for the samples they see, are done again.
  // `cells` holds what is largest in each, of which this tile has every so many numbers; r is the root mean square.
  // Both are 2^-exponent of what they are in x.
  template <class T>
  void check_tile(const Tile& tile, Index group, Index k, const T* cells, Index lanes, double r, int exponent) const;
  double limit(Index group, Index k) const { return w_.guard->limits[static_cast<std::size_t>(group * n_out_ + k)]; }
  void count_redone() const { outputs_redone() = redone_; }

  int tap_exponent(Index group, Index k) const {
    return w_.exponents.empty() ? 0 : w_.exponents[static_cast<std::size_t>(group * n_out_ + k)];
  }

 private:
  mutable std::atomic<Index> redone_{0};

  // Outputs of a tile, and samples: [low, high) along each axis.
  struct Box {
    Index low[kMaxAxes], high[kMaxAxes];
  };
  // What is known of a tile: the mean square of each cell, what it must be, and what a sample of x must be.
  template <class T>
  struct Known {
    const T* cells;
    Index lanes;
    double least, least_of_x;
  };
  template <class T>
  void check_shares(const Tile& tile, Index group, Index k, const std::vector<Guard::Share>* shares,
                    const Known<T>& known, int a, Index cell, Box& box) const;
  void redo_box(const Tile& tile, Index group, Index k, const Box& box) const;
  template <class T>
  bool settle(const Tile& tile, Index group, Index k, const Box& box, double least) const;
  template <class T>
  void write_zeros(std::byte* y, const std::byte* bias, int a, const Box& box) const;
  // Whether a sample of a box is of at least this magnitude.
  template <class T>
  bool has_sample(const Tile& tile, const Row& row, int a, const Box& box, double least) const;
  template <class T>
  T* mean_squares(const Tile& tile, const Row& row, int a, T scale, T* to) const;

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

// Whether numbers with this sum of squares need no scaling; zeros and what is not finite are looked at again.
template <class T>
bool has_usual_squares(T sum) {
  return sum > 0 && sum <= std::numeric_limits<T>::max() && unusual_exponent(sum) == 0;
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
  T* scratch = in_place ? nullptr : transform_scratch().rows.reserve<T>(lanes * kStretch * parts_);
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
  T* scratch = in_place ? nullptr : transform_scratch().rows.reserve<T>(lanes * kStretch * parts_);
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

// Of every `step`-th of n samples. Eight maxima of their own keep a processor's units busy.
template <class T>
T largest_magnitude(const T* at, Index n, Index step, Index parts) {
  T most = 0;
  if (step > 1) {
    for (Index i = 0; i < n; i += step)
      for (Index part = 0; part < parts; ++part) most = std::max(most, std::abs(at[i * parts + part]));
    return most;
  }
  T lanes[8] = {};
  const Index numbers = n * parts, whole = numbers / 8 * 8;
  for (Index i = 0; i < whole; i += 8)
    for (Index lane = 0; lane < 8; ++lane) lanes[lane] = std::max(lanes[lane], std::abs(at[i + lane]));
  for (Index i = whole; i < numbers; ++i) lanes[0] = std::max(lanes[0], std::abs(at[i]));
  return *std::max_element(lanes, lanes + 8);
}

// ------------------------------------------------------------------------------- guards

template <class T>
std::shared_ptr<Guard> Transformer::guard_of(const View& w, const PackedTaps& packed, Index n_each) const {
  if (!c_.guards || c_.rounds()) return nullptr;
  std::vector<double> limits;
  const T* spectrum = reinterpret_cast<const T*>(packed.spectrum);
  for (Index channel = 0; channel < channels(); ++channel, spectrum += n_each) {
    const int exponent = packed.exponents.empty() ? 0 : packed.exponents[static_cast<std::size_t>(channel)];
    double sum = 0, square = 0;
    each_tap_row<T>(w, channel, [&](const T* taps, Index n) {
      for (Index i = 0; i < n; ++i) {
        const double tap = std::ldexp(static_cast<double>(std::abs(taps[i])), -exponent);
        sum += tap;
        square += tap * tap;
      }
    });
    T most = 0;
    for (Index i = 0; i < n_each; ++i) most = std::max(most, std::abs(spectrum[i]));
    const double points = static_cast<double>(samples_) / (is_complex_ ? 1 : 2), root2 = std::sqrt(2.0);
    limits.push_back(guard_limit(is_complex_ ? sum / root2 : sum, std::sqrt(square), root2 * points * most));
  }
  return make_guard(std::move(limits));
}

template <class T>
const T* TransformCall::largest_in_cells(const T* means, Index lanes) const {
  T* spare = transform_scratch().largest.reserve<T>(2 * w_.guard->room(n_axes_, lanes));
  return w_.guard->largest(means, spare, n_axes_, lanes);
}

template <class T>
void TransformCall::check_tile(const Tile& tile, Index group, Index k, const T* cells, Index lanes, double r,
                               int exponent) const {
  const double least = limit(group, k) * r;
  if (!(least > 0)) return;
  static thread_local std::vector<Guard::Share> shares[kMaxAxes];
  for (int a = 0; a < n_axes_; ++a) w_.guard->add_shares(reach_of(tile, a), a, shares[a]);
  Box box;
  check_shares<T>(tile, group, k, shares, {cells, lanes, least * least, std::ldexp(least, exponent)}, 0, 0, box);
}

// Of the axes before a, `box` has the outputs and `cell` the place of what they depend on; -1: that is not known.
template <class T>
void TransformCall::check_shares(const Tile& tile, Index group, Index k, const std::vector<Guard::Share>* shares,
                                 const Known<T>& known, int a, Index cell, Box& box) const {
  if (a == n_axes_) {
    if (cell < 0 || !(static_cast<double>(known.cells[cell * known.lanes]) >= known.least))
      if (settle<T>(tile, group, k, box, known.least_of_x)) redo_box(tile, group, k, box);
    return;
  }
  for (const Guard::Share& share : shares[a]) {
    const Index next = cell < 0 || share.cell < 0 ? -1 : cell * std::ssize(w_.guard->cells[a]) + share.cell;
    // Outputs that are apart have windows that are apart.
    const Index length = share.step == 1 ? share.end - share.first : 1;
    for (Index o = share.first; o < share.end; o += share.step == 1 ? length : share.step) {
      box.low[a] = o;
      box.high[a] = o + length;
      check_shares(tile, group, k, shares, known, a + 1, next, box);
    }
  }
}

// In halves, where the samples that all outputs see do not decide, down to a few outputs or a 128th of a window: to
// look at a window costs as much as to sum some outputs of it. Returns whether all of the box is to be done again,
// together with what lies beside it: the taps of a small box take longer to list than to sum.
constexpr Index kFewOutputs = 16;

template <class T>
bool TransformCall::settle(const Tile& tile, Index group, Index k, const Box& box, double least) const {
  // The samples that all of these outputs see, and those that one of them does.
  Box common = box, all = box;
  int longest = -1;
  for (int a = 0; a < n_axes_; ++a) {
    const Index overhang = c_.slides[a].overhang(), length = box.high[a] - box.low[a];
    common.low[a] = box.high[a] - 1;
    common.high[a] = box.low[a] + overhang + 1;
    all.high[a] = box.high[a] + overhang;
    const Index few = std::clamp<Index>(overhang / 8, 1, std::max(kFewOutputs, overhang / 128));
    const bool is_long = length > few;
    if (is_long && (longest < 0 || length > box.high[longest] - box.low[longest])) longest = a;
  }
  const Row row{x_of(tile, group), 0};
  if (has_sample<T>(tile, row, 0, common, least)) return false;
  if (!has_sample<T>(tile, row, 0, all, std::numeric_limits<double>::denorm_min())) {
    std::byte* y = y_of(tile, group, k);
    for (int a = 0; a < n_axes_; ++a) y += box.low[a] * y_stride_[a];
    write_zeros<T>(y, bias_of(group, k), 0, box);
    return false;
  }
  if (longest < 0) return true;
  Box halves[2] = {box, box};
  halves[0].high[longest] = halves[1].low[longest] = (box.low[longest] + box.high[longest]) / 2;
  const bool fails[2] = {settle<T>(tile, group, k, halves[0], least), settle<T>(tile, group, k, halves[1], least)};
  for (int i = 0; i < 2; ++i)
    if (fails[i] && !fails[1 - i]) redo_box(tile, group, k, halves[i]);
  return fails[0] && fails[1];
}

template <class T>
void TransformCall::write_zeros(std::byte* y, const std::byte* bias, int a, const Box& box) const {
  const Index n = box.high[a] - box.low[a];
  if (a < last()) {
    for (Index i = 0; i < n; ++i) write_zeros<T>(y + i * y_stride_[a], bias, a + 1, box);
    return;
  }
  T zeros[2 * kStretch];
  for (Index q = 0; q < n; q += kStretch) {
    const Index some = std::min(kStretch, n - q);
    std::fill(zeros, zeros + some * parts_, T(0));
    put(y, bias, q, zeros, some);
  }
}

template <class T>
bool TransformCall::has_sample(const Tile& tile, const Row& row, int a, const Box& box, double least) const {
  const Index step = axis(a).dilation;
  if (a < last()) {
    for (Index i = box.low[a]; i < box.high[a]; i += step)
      if (has_sample<T>(tile, step_row(row, tile, a, i), a + 1, box, least)) return true;
    return false;
  }
  if (row.kind == kGap) return false;
  T some[2 * kStretch];
  const Index piece = step < kStretch ? kStretch / step * step : 1, next = step < kStretch ? piece : step;
  for (Index q = box.low[a]; q < box.high[a]; q += next) {
    const Index n = std::min(piece, box.high[a] - q);
    const T* at = stretch(row, axis(a).start + tile.low[a] + q, n, some);
    if (static_cast<double>(largest_magnitude(at, n, step, parts_)) >= least) return true;
  }
  return false;
}

template <class T>
T* TransformCall::mean_squares(const Tile& tile, const Row& row, int a, T scale, T* to) const {
  const Guard& guard = *w_.guard;
  if (a < last()) {
    for (Index s = 0; s < c_.tile[a]; ++s)
      if (guard.number_of[a][static_cast<std::size_t>(s)] >= 0)
        to = mean_squares(tile, step_row(row, tile, a, s), a + 1, scale, to);
    return to;
  }
  const Index first = axis(a).start + tile.low[a];
  const bool is_there = x_in_place_ && row.kind == 0;
  for (const Guard::Cell& cell : guard.cells[a]) {
    T sum = 0;
    for (Index s = cell.low; s <= cell.high; s += cell.step) {
      T some[2] = {};
      if (is_there && first + s >= 0 && first + s < axis(a).x)
        std::memcpy(some, row.at + (first + s) * x_stride_[a], static_cast<std::size_t>(parts_) * sizeof(T));
      else if (row.kind != kGap)
        std::copy_n(stretch(row, first + s, 1, some), parts_, some);
      for (const T part : some) sum += part * scale * (part * scale);
    }
    *to++ = sum / static_cast<T>(parts_ * (cell.is_end ? 1 : guard.each));
  }
  return to;
}

template <class T>
const T* TransformCall::look_at_tile(const Tile& tile, Index group, int exponent) const {
  T* means = transform_scratch().means.reserve<T>(w_.guard->room(n_axes_, 1));
  mean_squares(tile, Row{x_of(tile, group), 0}, 0, std::ldexp(T(1), -exponent), means);
  return largest_in_cells(means, 1);
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
