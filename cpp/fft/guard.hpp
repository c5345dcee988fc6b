// Whether a tile's error is small beside the samples that each output sees.
//
// A transform's error is nearly the same everywhere in its tile: about c·u·√(log2 n)·r·(|w|_2 + max|W|), with the root
// mean square r of the tile's samples, the spectrum W of the taps, and c below 4.2 in all that was measured (2026-11:
// noise, lines, steps, ramps and clicks by noise, Gaussians and decays, tiles of 512 to 245,760 points); kError is 5.
// An output passes if that is at most τ·Σ|w|·max|x| over its own window. A few samples of each window are looked at.
// Some of them along each axis are a cell, and every window holds a whole cell or the sample at an end of x: each
// output is that of one of these. Where the mean square of a cell is too small, so that its largest may be, the windows
// of its outputs are looked at, and outputs that do not pass are summed directly, or are zero where their windows are.
//
// With dilation d the samples that an output sees are d apart, and so are those of a cell.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../sums/sums.hpp"

namespace flipslide {

struct Guard {
  // Samples of a tile along an axis, `step` apart from `low` to `high`. An end of x is alone.
  struct Cell {
    Index low, high, step;
    bool is_end;
  };
  // Of the windows of a tile's outputs, along an axis: all samples are from low to high, beyond which they hang over.
  struct Reach {
    Index low, high, outputs, overhang, dilation;
    bool hangs_low, hangs_high;
    bool is_seen;  // by each output; else no cell is known to be in each window

    bool operator==(const Reach&) const = default;
    bool holds(const Cell& cell) const {
      if (!cell.is_end) return cell.low >= low && cell.high <= high;
      return (hangs_low && cell.low >= low && cell.low < low + dilation) ||
             (hangs_high && cell.low <= high && cell.low > high - dilation);
    }
  };
  // Outputs of a tile, `step` apart, whose windows hold a cell; -1: none is known.
  struct Share {
    Index cell, first, end, step;
  };

  std::vector<Cell> cells[kMaxAxes];
  std::vector<Index> number_of[kMaxAxes];  // of each sample of the tile among those that are looked at, or -1
  Index n_looked_at[kMaxAxes];
  Index each = 1;                     // samples of a cell along the last axis, one that is alone as often
  std::vector<std::int64_t> offsets;  // of these samples, as `overlap` has them in its rows
  Index n_cells = 1;
  std::vector<double> limits;  // of each channel: max|x| of a window must be this times r

  Index n_last(int n_axes) const { return std::ssize(cells[n_axes - 1]); }
  // The largest for each cell, [cell of each axis][lane], from the mean squares of those of the last axis, [sample of
  // each other axis that is looked at][cell][lane]; `spare` has room for twice as many as `room` says. Returns where it
  // left them.
  template <class T>
  const T* largest(const T* at, T* spare, int n_axes, Index lanes) const;
  // In each lane the smallest of these that a window may depend on: each window has a sample whose square is as large.
  // -1 where that is not known.
  template <class T>
  void least_of(const Reach* reach, const T* cells, int n_axes, Index lanes, T* least) const;
  // Which cell stands for which outputs of a tile.
  void add_shares(const Reach& reach, int a, std::vector<Share>& found) const;
  Index room(int n_axes, Index lanes) const;

 private:
  template <class T>
  void least_of_cells(const Reach* reach, int a, int n_axes, const T* at, Index step, T* least) const;
};

// The smaller of two numbers in each lane.
template <int lanes, class T>
void smaller_of(T* to, const T* from) {
  for (int l = 0; l < lanes; ++l) to[l] = from[l] < to[l] ? from[l] : to[l];
}

template <class T>
const T* Guard::largest(const T* at, T* spare, int n_axes, Index lanes) const {
  T* const other = spare + room(n_axes, lanes);
  Index inner = n_last(n_axes) * lanes;
  for (int a = n_axes - 2; a >= 0; --a) {
    Index outer = 1;
    for (int b = 0; b < a; ++b) outer *= n_looked_at[b];
    T* const found = at == spare ? other : spare;
    T* to = found;
    for (Index o = 0; o < outer; ++o)
      for (const Cell& cell : cells[a]) {
        std::fill(to, to + inner, T(0));
        for (Index s = cell.low; s <= cell.high; s += cell.step) {
          const T* from = at + (o * n_looked_at[a] + number_of[a][s]) * inner;
          for (Index i = 0; i < inner; ++i) to[i] = from[i] > to[i] ? from[i] : to[i];
        }
        to += inner;
      }
    inner *= std::ssize(cells[a]);
    at = found;
  }
  return at;
}

template <class T>
void Guard::least_of_cells(const Reach* reach, int a, int n_axes, const T* at, Index step, T* least) const {
  if (a == n_axes) {
    const auto smaller = step == 16  ? smaller_of<16, T>
                         : step == 8 ? smaller_of<8, T>
                         : step == 4 ? smaller_of<4, T>
                         : step == 2 ? smaller_of<2, T>
                                     : smaller_of<1, T>;
    return smaller(least, at);
  }
  step /= std::ssize(cells[a]);
  for (const Cell& cell : cells[a]) {
    if (reach[a].holds(cell)) least_of_cells(reach, a + 1, n_axes, at, step, least);
    at += step;
  }
}

template <class T>
void Guard::least_of(const Reach* reach, const T* at, int n_axes, Index lanes, T* least) const {
  std::fill(least, least + lanes, std::numeric_limits<T>::max());
  const bool is_known = std::all_of(reach, reach + n_axes, [](const Reach& r) { return r.is_seen; });
  is_known ? least_of_cells(reach, 0, n_axes, at, n_cells * lanes, least) : std::fill(least, least + lanes, T(-1));
}

}  // namespace flipslide
