// The direct sums of a call.
#pragma once

#include "../convolution.hpp"

namespace flipslide {

void run_sums(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads,
              std::uint64_t reach = kMost);
// Of calls so small that they run on one thread; null for others.
std::shared_ptr<ReplayBook> open_replays(const Problem& problem);
// Some outputs alone, by the taps as they are.
void run_region(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                const Region& region);

}  // namespace flipslide
