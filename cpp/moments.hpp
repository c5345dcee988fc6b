// Sums and sums of squared deviations of all windows along two axes, and the scores of templates made of them.
//
// A window of K samples is put together from halves: windows of 2, 4, 8 … samples from two of half as many, and K from
// those that its binary digits name. Nothing that has left a window is ever subtracted, so what lies outside it leaves
// no trace, a deviation is never below 0, and it is 0 where all samples are equal.
#pragma once

#include <vector>

#include "microkernels/microkernel.hpp"
#include "microkernels/moments.hpp"
#include "view.hpp"

namespace flipslide {

// What slides: windows of rows × columns over planes of height × width.
struct WindowShape {
  Index planes, height, width, rows, columns;

  Index out_height() const { return height - rows + 1; }
  Index out_width() const { return width - columns + 1; }
};

// Where the samples come from: numbers of any real type, or, where `deviations` is there, sums of `samples` samples
// each, with their deviations in the type that moments are computed in.
struct WindowSource {
  const std::byte* data;
  Index strides[3];  // in bytes
  FsType type;
  const void* deviations;  // as neighbours in memory, planes × height × width
  double samples;
};

// The sums and deviations themselves, planes × out_height × out_width.
void find_moments(const WindowShape& shape, const WindowSource& source, double* sums, double* deviations, int threads);

// Scores in place of each template's correlation, floats or doubles as the moments are, which lie as templates × planes
// × out_height × out_width. Returns the number of doubtful ones.
Index score_windows(const WindowShape& shape, const WindowSource& source, void* correlations, bool is_double,
                    FsScoreKind kind, const std::vector<FsScore>& templates, int threads);

}  // namespace flipslide
