// Taps that are not finite, one by one: they touch what they meet and nothing else.
#pragma once

#include <vector>

#include "../convolution.hpp"

namespace flipslide {

// The taps in row-major order, zeros in the place of those that are not finite.
std::vector<std::byte> finite_taps(const Convolution& c, const View& w);

// Adds the products of the taps that are not finite to y, which holds the sum of all others. False: one of them meets a
// sample that is not finite either, whose product with the zero in its place is in y, and y is not the sum.
bool add_infinite_taps(const Convolution& c, const View& x, const View& w, const View& y, int threads);

}  // namespace flipslide
