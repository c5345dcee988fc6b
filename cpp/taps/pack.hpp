// Where taps lie, and what is found in their values.
#pragma once

#include "../convolution.hpp"

namespace flipslide {

// The first tap of an output channel, of the first input channel.
const std::byte* taps_of(const Problem& problem, const View& w, Index group, Index out);

// Offsets that a microkernel reads for a channel whose rows of taps are summed in dots (fs_dots).
inline Index dots_per_channel(const Problem& problem, int width) {
  const Index n = problem.slides.back().axis.w;
  return problem.taps_per_channel / n * fs_dots(n, width);
}

// Of the taps as they lie for microkernels, with those that are summed in dots.
Index packed_bytes(const Problem& problem, bool sums_dots);

// Which sums of float taps are zero, and whether none is negative, where that matters.
void note_sums(const Convolution& c, const View& w, PackedTaps& packed);

// The taps of each channel as products, or sums of them whose rows come in blocks; false (and no factors) where one
// channel's are not.
bool find_factors(FsCompute compute, const std::vector<Index>& extents, Index n_channels, PackedTaps& packed,
                  const Separation& wanted, int max_block);

}  // namespace flipslide
