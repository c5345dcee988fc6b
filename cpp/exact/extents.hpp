// How large the samples are that an output may see: the largest magnitudes of blocks of x, and of the windows of blocks
// of outputs.
#pragma once

#include <cmath>

#include "../convolution.hpp"

namespace flipslide {

class Extents {
 public:
  // `reach`: samples that a tile of a transform sees beside the window of an output, for each axis; null: none.
  Extents(const Convolution& c, const View& x, bool is_tiled, int threads);

  // The largest magnitude that the outputs of a block see, and outputs of an axis from which on the next block begins.
  double most(Index batch, Index group, const Index* block) const;
  Index outputs_per_block(int axis) const { return y_block_[axis]; }

  double most() const { return most_; }
  double least() const { return least_; }  // the lowest bit of all samples, and of the fill value

 private:
  const Convolution& c_;
  int n_axes_;
  Index x_block_[kMaxAxes], n_x_[kMaxAxes], y_block_[kMaxAxes], n_y_[kMaxAxes];
  std::vector<double> largest_;  // [batch and group][block of each axis]
  double most_ = 0, least_ = HUGE_VAL;

  const Axis& axis(int a) const { return c_.slides[static_cast<std::size_t>(a)].axis; }
  void look(const View& x, int threads);
  void look_at(const View& x, Index batch, Index first_block, double* largest, double& least) const;
  void add_fill();
  void spread(int a, bool is_tiled);
  void range_of(int a, Index block, bool is_tiled, Index& low, Index& high) const;
};

}  // namespace flipslide
