// Pooling: the largest or the mean of the samples in each window, and the way back.
//
// An array has outer axes, then those that windows slide along, then channels where they lie last.
#pragma once

#include <vector>

#include "layout.hpp"
#include "microkernels/reduce.hpp"

namespace flipslide {

// Output m has the samples stride·m + dilation·j − lo, j = 0 … taps − 1, of those 0 … n − 1 that exist.
struct PoolAxis {
  Index n, count, taps, stride, dilation, lo, hi;

  // Windows are the samples themselves.
  bool is_still() const { return taps == 1 && stride == 1 && lo == 0 && count == n; }
  // There is one, of all samples.
  bool is_whole() const { return count == 1 && taps == n && dilation == 1 && lo == 0; }
};

// n positions from `first` on, as far apart as the axis says; along the way forward, `tap` is the first one's.
struct Stops {
  Index first, n, tap;
};

class Pooling {
 public:
  Pooling(std::vector<PoolAxis> axes, bool channels_last);

  // which, where it is not null, gets the places of the largest samples, counted row by row along the axes, and −1
  // for a window without samples, whose largest is the least number there is.
  void largest(FsType type, const View& x, const View& y, Index* which, int threads) const;
  // y is of floats. With `padded`, padding counts as zeros; a window without samples has the mean 0.
  void mean(FsType x_type, FsType y_type, const View& x, const View& y, bool padded, int threads) const;
  // dx of mean: the adjoint.
  void mean_back(FsType dy_type, FsType dx_type, const View& dy, const View& dx, bool padded, int threads) const;
  // dx[which[i]] += dy[i] in contiguous arrays of one compute type. Throws std::out_of_range.
  void largest_back(FsCompute type, const View& dy, const Index* which, const View& dx, int threads) const;

 private:
  std::vector<PoolAxis> axes_;
  bool channels_last_;
  std::vector<std::vector<Stops>> stops_;  // of each axis and output
};

}  // namespace flipslide
