// Sums in the integers that are wanted: rounded, and wrapped, saturated or refused beyond their range.
#pragma once

#include <optional>

#include "microkernels/microkernel.hpp"
#include "view.hpp"

namespace flipslide {

// `from` holds doubles, or floats; both arrays have one shape. Returns a number that does not fit, where those are
// refused: the first in the order of rows.
std::optional<double> store_whole(const View& from, bool is_double, const View& to, FsType type, FsRounding rounding,
                                  FsOverflow overflow, int threads);

}  // namespace flipslide
