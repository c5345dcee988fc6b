// The terms of one output, as doubles: taps in the order of input channels and axes, and the samples that they meet.
#pragma once

#include <cmath>
#include <vector>

#include "../convolution.hpp"

namespace flipslide {

// A real number of the result: of which channel, where, and of a complex one the real or the imaginary part.
struct OutputPlace {
  Index batch = 0, group = 0, out = 0, part = 0;
  Index at[kMaxAxes] = {};
};

// All taps as doubles, as a sum of real products has them: a row for each part of each output channel. Of complex
// numbers, whose samples are pairs (re, im), the row of the real part is (re, −im), that of the imaginary one (im, re).
struct ExactTaps {
  std::vector<double> rows;
  std::vector<double> sums;           // of magnitudes, of each channel: the larger of its parts
  Index length = 0;                   // of a row, with zeros to whole pieces
  double most = 0, least = HUGE_VAL;  // the largest magnitude and the lowest bit
  bool are_finite = true;

  const double* row(Index channel, Index part, Index parts) const {
    return rows.data() + (channel * parts + part) * length;
  }
};

void read_taps(const Problem& problem, const View& w, ExactTaps& taps);

// Reads the samples that the taps of an output meet.
class Terms {
 public:
  Terms(const Problem& problem, const View& x, const ExactTaps& taps) : p_(problem), x_(x), taps_(taps) {}

  // A thread's own room for the terms of one output.
  struct Room {
    std::vector<double> x, w, part;
    std::vector<Index> sources[kMaxAxes];
    bool is_inside = false;  // whether the samples of a row are, evenly apart
  };

  // The samples go to room.x, and the taps are those of the result: their row, or a copy of it with zeros where there
  // is no term, as an infinite tap would make one of nothing.
  const double* read(const OutputPlace& place, Room& room) const;

 private:
  const Problem& p_;
  const View& x_;
  const ExactTaps& taps_;

  int last() const { return static_cast<int>(p_.slides.size()) - 1; }
  const Axis& axis(int a) const { return p_.slides[static_cast<std::size_t>(a)].axis; }
  bool find_sources(int a, Index output, std::vector<Index>& sources) const;
  void read_axis(int a, const std::byte* at, Index kind, double*& to, double*& taps, Room& room) const;
  void read_row(const std::byte* at, Index kind, double* to, double* taps, Room& room) const;
  void load(const std::byte* from, Index step, Index n, double* to, Room& room) const;
};

}  // namespace flipslide
