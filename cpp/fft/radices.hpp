// Transforms of any size whose factors are 2, 3 and 5, with their twiddle factors.
#pragma once

#include "../spec.hpp"
#include "../microkernels/butterflies.hpp"

namespace flipslide {

// The transform of n points, angled or not, for numbers of 4 or 8 bytes. Made once and kept.
const FsFft& fft_of(Index n, Index bytes, int max_radix, bool is_angled = false);

// Whether n has no other factors than 2, 3 and 5.
bool is_fft_size(Index n);

// The smallest such size that is at least n.
Index next_fft_size(Index n);

}  // namespace flipslide
