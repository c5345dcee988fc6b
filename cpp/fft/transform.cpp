#include "transform.hpp"

#include <stdexcept>

namespace flipslide {

TransformScratch& transform_scratch() {
  static thread_local TransformScratch scratch;
  return scratch;
}

Index whole_tile(Index overhang, const Axis& axis) {
  const Index window = axis.y + overhang;
  const Index zeros = axis.boundary == Boundary::zero ? std::clamp<Index>(-axis.start, 0, overhang) : 0;
  return std::max(window - zeros, std::min(window, axis.x - axis.start));
}

static Index outputs_of(Index n, Index overhang, const Axis& axis) {
  return n >= whole_tile(overhang, axis) ? std::max<Index>(1, axis.y) : n - overhang;
}

Transformer::Transformer(const Convolution& c)
    : c_(c),
      compute_(c.rounds() ? FS_F64 : c.types.compute),
      bytes_(kComputeBytes[compute_]),
      f_(c.isa.butterflies[bytes_ == 8]),
      is_complex_(c.types.is_complex),
      n_axes_(static_cast<int>(c.slides.size())),
      parts_(c.parts),
      n_out_(c.n_out),
      n_tiles_(c.n_batch),
      folded_(c.tile.back() / (is_complex_ ? 1 : 2)) {
  if (!is_complex_ && c.tile.back() % 2) throw std::invalid_argument("the last axis of a real tile is odd");
  for (int a = 0; a < n_axes_; ++a) {
    outputs_[a] = outputs_of(c.tile[a], c.slides[a].overhang(), axis(a));
    blocks_[a] = (axis(a).y + outputs_[a] - 1) / outputs_[a];
    samples_ *= c.tile[a];
    n_tiles_ *= blocks_[a];
  }
}

Transformer::Tile Transformer::tile_at(Index number) const {
  Tile tile;
  if (number >= n_tiles_) return tile;
  tile.used = true;
  for (int a = last(); a >= 0; --a) {
    tile.low[a] = number % blocks_[a] * outputs_[a];
    tile.count[a] = std::min(outputs_[a], axis(a).y - tile.low[a]);
    number /= blocks_[a];
  }
  tile.batch = number;
  return tile;
}

TransformCall::TransformCall(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y)
    : Transformer(c), x_(x), w_(w), bias_(static_cast<const std::byte*>(bias)), y_(y), y_base_(y.data) {
  Index y_offset = 0;
  for (int a = 0; a < n_axes_; ++a) {
    axes_[a] = placed(c.slides[a], x, y, y_offset);
    x_stride_[a] = axes_[a].x_stride;
    y_stride_[a] = axes_[a].y_stride;
  }
  y_base_ += y_offset;
  x_in_place_ = same_bits(c.types.x, compute_) && x_stride_[last()] == parts_ * bytes_;
  y_in_place_ = same_bits(c.types.y, compute_) && y_stride_[last()] == parts_ * bytes_ && !bias;
}

void TransformCall::set_inner(Inner& inner, int lane, const Tile& tile) const {
  inner.first[lane] = axis(last()).start + tile.low[last()];
  inner.count[lane] = tile.count[last()];
}

void TransformCall::look_at(Inner& inner) const {
  inner.reads_in_place = x_in_place_;
  inner.writes_in_place = y_in_place_;
  for (int l = 0; l < f_.lanes; ++l) {
    const Index first = inner.first[l], end = first + c_.tile.back();
    inner.reads_in_place = inner.reads_in_place && first >= 0 && end <= axis(last()).x;
    inner.writes_in_place = inner.writes_in_place && inner.count[l] == outputs_[last()];
  }
}

const std::byte* TransformCall::x_of(const Tile& tile, Index group) const {
  return x_.data + locate(c_.group_loops, &Loop::x_dim, group, x_) +
         locate(c_.batch_loops, &Loop::x_dim, tile.batch, x_);
}

std::byte* TransformCall::y_of(const Tile& tile, Index group, Index k) const {
  std::byte* at = y_base_ + locate(c_.group_loops, &Loop::y_dim, group, y_) +
                  locate(c_.out_loops, &Loop::y_dim, k, y_) + locate(c_.batch_loops, &Loop::y_dim, tile.batch, y_);
  for (int a = 0; a < n_axes_; ++a) at += tile.low[a] * y_stride_[a];
  return at;
}

const std::byte* TransformCall::bias_of(Index group, Index k) const {
  return bias_ ? bias_ + (group * n_out_ + k) * c_.parts * kComputeBytes[c_.types.compute] : nullptr;
}

// The bias is added to integers: as a double it might not be exact.
void TransformCall::put_whole(std::byte* y, const std::byte* bias, const void* from, Index n) const {
  const FsConvert& convert = *c_.isa.convert;
  std::uint64_t whole[kStretch], added = 0;
  convert.round(whole, from, n);
  if (bias) convert.load[FS_I64][c_.types.compute == FS_I32 ? FS_T_I32 : FS_T_I64](&added, bias, 0, 1);
  if (bias)
    for (Index i = 0; i < n; ++i) whole[i] += added;
  const FsStoreFn store = c_.types.saturate ? convert.store_saturated[c_.types.y] : convert.store[FS_I64][c_.types.y];
  store(y, y_stride_[last()], whole, n);
}

void TransformCall::settle_known(const Tile& tile, Index group, Index k, bool is_negative) const {
  const Laid laid{c_, x_, w_, bias_, y_, n_axes_, axes_, c_.batch_loops, y_base_ - y_.data};
  const TaskPlace place{tile.batch, group, k, k + 1};
  settle_constants(laid, place, tile.low, tile.count);
  if (is_negative && w_.none_negative && !has_negative_sample(tile, group))
    settle_signs(laid, place, tile.low, tile.count);
}

// Of a few samples of the tile, as where there are negative ones they are seldom few.
bool TransformCall::has_negative_sample(const Tile& tile, Index group) const {
  constexpr Index n = 8;
  const FsLoadFn load = c_.isa.convert->load[FS_F64][c_.types.x];
  for (Index i = 1; i <= n; ++i) {
    const std::byte* from = x_of(tile, group);
    for (int a = 0; a < n_axes_; ++a) {
      const Index place = axis(a).start + tile.low[a] + (a == last() ? i : n / 2) * c_.tile[a] / (n + 1);
      from += std::clamp<Index>(place, 0, axis(a).x - 1) * x_stride_[a];
    }
    double sample;
    load(&sample, from, 0, 1);
    if (sample < 0) return true;
  }
  return false;
}

void TransformCall::redo(const Tile& tile, Index group, Index k) const {
  Box box{};
  for (int a = 0; a < n_axes_; ++a) box.high[a] = tile.count[a];
  redo_box(tile, group, k, box);
}

void TransformCall::redo_box(const Tile& tile, Index group, Index k, const Box& box) const {
  Box region;
  Index n = 1;
  for (int a = 0; a < n_axes_; ++a) {
    region.low[a] = tile.low[a] + box.low[a];
    region.high[a] = tile.low[a] + box.high[a];
    n *= region.high[a] - region.low[a];
  }
  redone_ += n;
  run_region(c_, x_, w_, bias_, y_, {tile.batch, group, k, region.low, region.high});
}

}  // namespace flipslide
