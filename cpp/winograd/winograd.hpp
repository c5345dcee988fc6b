// A call by Winograd's tiles.
#pragma once

#include "../convolution.hpp"

namespace flipslide {

void pack_winograd(const Convolution& c, const View& w, PackedTaps& packed, int threads);
void run_winograd(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                  int threads, std::uint64_t reach);

}  // namespace flipslide
