// What the transforms share: tiles of x, how their numbers are read and written.
//
// Overlap-save: a tile of n extended samples gives n - span + 1 outputs per axis; the others are
// wrapped and never stored. Two tiles of real numbers travel as the real and the imaginary part
// of one: w is real, so they do not mix. The lanes of the vectors are filled in one of two ways.
//
//   overlap   each lane has a tile (or two) of its own; a group of tiles fits the second-level cache
//   fft       one tile (or two), the lanes are neighbours along its last axis: for long taps
//
// A tile with an output that is not finite is done again by the direct kernel, so that infinities
// and NaNs stand where the definition puts them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <vector>

#include "../driver.hpp"
#include "../thread/pool.hpp"
#include "radices.hpp"

namespace flipslide {

inline constexpr Index kStretch = 256;  // numbers of a row that are moved at once

// Scratch that a thread keeps from call to call.
struct TransformScratch {
  Scratch data, product, rows, line, factors;
};

TransformScratch& transform_scratch();

// The tiles of a convolution, and its taps: tap j of an axis stands at -dilation j, modulo the points
// of the tile, so that y[i] = sum_j w[j] x[i + dilation j] is a circular sum.
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
  const Index bytes_;
  const FsLanes& f_;
  const bool is_complex_;
  const int n_axes_;
  const Index n_out_;
  Index outputs_[kMaxAxes];  // of a tile
  Index blocks_[kMaxAxes];
  Index points_ = 1, n_tiles_;  // of a tile; of a group, all batches

  int last() const { return n_axes_ - 1; }
  const Axis& axis(int a) const { return c_.slides_[a].axis; }
  Index n_groups() const { return c_.n_groups_; }
  Index channels() const { return n_groups() * n_out_; }
  Tile tile_at(Index number) const;

  // Calls visit(place[], part, value) for every tap of a channel, scaled by 1 / points.
  template <class T, class Visit>
  void each_tap(const View& w, Index channel, const Visit& visit) const;
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

  // n numbers of a row from position `first` on: where they lie, or put together in `to`.
  template <class T>
  const T* stretch(const Row& row, Index first, Index n, int part, T* to) const;

  // Writes n numbers (which a bias may change) from the q-th of a row of y on.
  template <class T>
  void put(std::byte* y, const std::byte* bias, Index q, int part, T* from, Index n) const;

  void redo(const Tile& tile, Index group, Index k) const;
};

// ------------------------------------------------------------------------------- bodies

template <class T, class Visit>
void Transformer::each_tap(const View& w, Index channel, const Visit& visit) const {
  const FsLoadFn load = c_.isa_.elements->load[c_.types_.compute][c_.types_.w];
  const Convolution::Slide& inner = c_.slides_.back();
  const Index n_inner = inner.axis.w, stride = w.stride(inner.axis.w_dim) * (inner.w_reversed ? -1 : 1);
  const T scale = T(1) / static_cast<T>(points_);
  std::vector<T> row(static_cast<std::size_t>(n_inner));
  const auto place_of = [&](int a, Index tap) {
    const Index at = c_.slides_[a].offset(tap);
    return at == 0 ? 0 : c_.tile_[a] - at;
  };
  for (int part = 0; part < c_.parts_; ++part)
    c_.for_each_tap_row(w, c_.taps_of(w, channel / n_out_, channel % n_out_, 0), [&](Index tap, const std::byte* from) {
      load(row.data(), from + part * kTypeBytes[c_.types_.w], stride, n_inner);
      Index place[kMaxAxes], rest = tap / n_inner;
      for (int a = last() - 1; a >= 0; --a) {
        place[a] = place_of(a, rest % axis(a).w);
        rest /= axis(a).w;
      }
      const T sign = part == 1 && c_.spec_.conj_w ? -scale : scale;
      for (Index j = 0; j < n_inner; ++j) {
        place[last()] = place_of(last(), j);
        visit(place, part, sign * row[j]);
      }
    });
}

template <class T>
const T* TransformCall::stretch(const Row& row, Index first, Index n, int part, T* to) const {
  const Axis& inner = axis(last());
  const Index low = std::clamp<Index>(-first, 0, n), high = std::clamp<Index>(inner.x - first, low, n);
  const std::byte* at = row.at + first * x_stride_[last()];
  if (row.kind == 0 && x_in_place_ && low == 0 && high == n) return reinterpret_cast<const T*>(at);
  const std::byte* begin = row.at + (is_complex_ ? part * kTypeBytes[c_.types_.x] : 0);
  T fill = T(0);
  std::memcpy(&fill, c_.fill_.parts[is_complex_ ? part : 0], sizeof(T));
  const FsLoadFn load = c_.isa_.elements->load[c_.types_.compute][c_.types_.x];
  for (Index q = 0; q < n; ++q) {
    if (q == low && row.kind == 0) q = high;
    if (q == n) break;
    const Index from = row.kind == kGap ? kGap : extend(first + q, inner.x, inner.boundary);
    if (from == kGap)
      to[q] = T(0);
    else if (from == kFill || row.kind == kFill)
      to[q] = fill;
    else
      load(to + q, begin + from * x_stride_[last()], 0, 1);
  }
  if (row.kind == 0 && high > low)
    load(to + low, begin + (first + low) * x_stride_[last()], x_stride_[last()], high - low);
  return to;
}

template <class T>
void TransformCall::put(std::byte* y, const std::byte* bias, Index q, int part, T* from, Index n) const {
  if (bias) {
    T value;
    std::memcpy(&value, bias + (is_complex_ ? part * bytes_ : 0), sizeof(T));
    for (Index i = 0; i < n; ++i) from[i] += value;
  }
  y += q * y_stride_[last()] + (is_complex_ ? part * kTypeBytes[c_.types_.y] : 0);
  c_.isa_.elements->store[c_.types_.compute][c_.types_.y](y, y_stride_[last()], from, n);
}

// Each transform in its own file.
void pack_overlap(const Convolution& c, const View& w, PackedTaps& packed, int threads);
void run_overlap(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                 int threads);
void pack_fft(const Convolution& c, const View& w, PackedTaps& packed, int threads);
void run_fft(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads);

}  // namespace flipslide
