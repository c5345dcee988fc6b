// Transforms of any size whose factors are 2, 3 and 5, with their twiddle factors.
#pragma once

#include <memory>

#include "../spec.hpp"
#include "../microkernels/butterflies.hpp"

namespace flipslide {

using SharedFft = std::shared_ptr<const FsFft>;

// The transform of n points, angled or not, for numbers of 4 or 8 bytes. Kept for the next call.
SharedFft fft_of(Index n, Index bytes, int max_radix, bool is_angled = false);

// Forgets those that are kept. Returns how many bytes they took.
std::size_t release_ffts();

// Whether n has no other factors than 2, 3 and 5.
bool is_fft_size(Index n);

// The smallest such size that is at least n.
Index next_fft_size(Index n);

}  // namespace flipslide
