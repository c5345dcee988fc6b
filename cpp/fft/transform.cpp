#include "transform.hpp"

namespace flipslide {

TransformScratch& transform_scratch() {
  static thread_local TransformScratch scratch;
  return scratch;
}

Transformer::Transformer(const Convolution& c)
    : c_(c),
      bytes_(kComputeBytes[c.types_.compute]),
      f_(c.isa_.lanes[bytes_ == 8]),
      is_complex_(c.types_.is_complex),
      n_axes_(static_cast<int>(c.slides_.size())),
      n_out_(c.n_out_),
      n_tiles_(c.n_batch_) {
  for (int a = 0; a < n_axes_; ++a) {
    outputs_[a] = c.tile_[a] - c.slides_[a].overhang();
    blocks_[a] = (axis(a).y + outputs_[a] - 1) / outputs_[a];
    points_ *= c.tile_[a];
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
  for (int a = 0; a < n_axes_; ++a) {
    x_stride_[a] = x.stride(axis(a).x_dim);
    y_stride_[a] = y.stride(axis(a).y_dim);
    if (c.slides_[a].y_reversed) {
      y_base_ += y_stride_[a] * (axis(a).y - 1);
      y_stride_[a] = -y_stride_[a];
    }
  }
  x_in_place_ = !is_complex_ && same_bits(c.types_.x, c.types_.compute) && x_stride_[last()] == bytes_;
  y_in_place_ = !is_complex_ && same_bits(c.types_.y, c.types_.compute) && y_stride_[last()] == bytes_ && !bias;
}

const std::byte* TransformCall::x_of(const Tile& tile, Index group) const {
  return x_.data + locate(c_.group_, &Loop::x_dim, group, x_) + locate(c_.batch_, &Loop::x_dim, tile.batch, x_);
}

std::byte* TransformCall::y_of(const Tile& tile, Index group, Index k) const {
  std::byte* at = y_base_ + locate(c_.group_, &Loop::y_dim, group, y_) + locate(c_.out_, &Loop::y_dim, k, y_) +
                  locate(c_.batch_, &Loop::y_dim, tile.batch, y_);
  for (int a = 0; a < n_axes_; ++a) at += tile.low[a] * y_stride_[a];
  return at;
}

const std::byte* TransformCall::bias_of(Index group, Index k) const {
  return bias_ ? bias_ + (group * n_out_ + k) * c_.parts_ * bytes_ : nullptr;
}

void TransformCall::redo(const Tile& tile, Index group, Index k) const {
  Index high[kMaxAxes];
  for (int a = 0; a < n_axes_; ++a) high[a] = tile.low[a] + tile.count[a];
  run_region(c_, x_, w_, bias_, y_, {tile.batch, group, k, tile.low, high});
}

void pack_spectra(const Convolution& c, const View& w, PackedTaps& packed, int threads) {
  (c.transform() == Transform::overlap ? pack_overlap : pack_fft)(c, w, packed, threads);
}

void run_transform(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                   int threads) {
  (c.transform() == Transform::overlap ? run_overlap : run_fft)(c, x, w, bias, y, threads);
}

}  // namespace flipslide
