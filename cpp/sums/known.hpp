// Outputs that are known without a sum, whatever the roundings of the method that made it.
//
// Where the taps of an output add up to zero along an axis, a window whose samples are the same along it gives zero, as
// the derivative of a constant does; and where all taps add up to zero, one whose samples are all the same. Where
// neither taps nor samples are negative no output is, though a method that subtracts may leave -1e-17.
//
// Both are looked at after the sum, tile by tile. Every window holds one of every w - 1 pairs of neighbours along an
// axis, and one of every w rows across it, so a tile without constant windows is told by few of its samples.
#pragma once

#include "job.hpp"

namespace flipslide {

// A call, and its axes as they were laid out.
struct Laid {
  const Convolution& c;
  const View& x;
  const PackedTaps& w;
  const std::byte* bias;
  const View& y;
  int n_axes;
  const SumAxis* axes;
  const std::vector<Loop>& batch_loops;
  Index y_offset;

  static Laid of(const SumJob& job) {
    return {job.c, job.x, job.w, job.bias, job.y, job.s.n_axes, job.s.axes, job.s.batch_loops, job.s.y_offset};
  }
};

// The outputs [low, low + extent) of some channels whose windows are constant where their taps add up to zero.
void settle_constants(const Laid& call, const TaskPlace& place, const Index* low, const Index* extent);
// And those that are negative, of channels without negative taps, where no sample of the windows is.
void settle_signs(const Laid& call, const TaskPlace& place, const Index* low, const Index* extent);

// Of a whole call, for methods that do not go tile by tile; `may_lose_signs`: whether they subtract.
void settle_all(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads,
                bool may_lose_signs);

}  // namespace flipslide
