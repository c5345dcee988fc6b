// Whether a tile's error is small beside the samples that each output sees.
//
// A transform's error is nearly the same everywhere in its tile: about c·u·√(log2 n)·r·(|w|_2 + max|W|), with the root
// mean square r of the tile's samples, the spectrum W of the taps, and c below 4.2 in all that was measured (2026-11:
// noise, lines, steps, ramps and clicks by noise, Gaussians and decays, tiles of 512 to 245,760 points); kError is 5.
// An output passes if that is at most τ·Σ|w|·max|x| over its own window. A few samples of each window are looked at, on
// a lattice of places, so that the largest is known from below; that is enough for nearly all. Where it is not, the
// window itself is looked at, and outputs that do not pass are summed directly, or are zero where their windows are.
#pragma once

#include <cmath>
#include <vector>

#include "../sums/sums.hpp"

namespace flipslide {

struct Guard {
  // Neighbouring outputs of a tile along an axis whose windows hold the same places of the lattice.
  struct Stretch {
    Index first, end;      // outputs
    Index from, to, step;  // places, by their number
  };

  std::vector<Index> places[kMaxAxes];     // of the lattice, in the tile
  std::vector<Index> number_of[kMaxAxes];  // of each sample of the tile: that of its place, or -1
  std::vector<Stretch> stretches[kMaxAxes];
  Index n_places = 1, n_stretches = 1;
  std::vector<double> limits;  // of each channel: max|x| of a window must be this times r

  // The largest magnitude known of the windows of each stretch, [stretch of each axis][lane], from those at the places,
  // [place of each axis][lane]; `spare` has room for as many. Returns where it left them.
  template <class T>
  T* largest(T* at, T* spare, int n_axes, Index lanes) const;
  // Numbers that each of these arrays must hold.
  Index room(int n_axes, Index lanes) const;
};

// The larger of n numbers each, `step` apart; n is a constant where it is few.
template <int few, class T>
void larger_of(T* to, const T* from, Index step, Index count, Index n) {
  if constexpr (few > 0) {
    T most[few];
    for (int i = 0; i < few; ++i) most[i] = from[i];
    for (; --count > 0;) {
      from += step;
      for (int i = 0; i < few; ++i) most[i] = from[i] > most[i] ? from[i] : most[i];
    }
    for (int i = 0; i < few; ++i) to[i] = most[i];
  } else {
    for (Index i = 0; i < n; ++i) to[i] = from[i];
    for (; --count > 0;) {
      from += step;
      for (Index i = 0; i < n; ++i) to[i] = from[i] > to[i] ? from[i] : to[i];
    }
  }
}

// The magnitudes of some numbers; of complex ones, of the larger part, where `imaginary` is not null.
template <int lanes, class T>
void magnitudes_of(T* to, const T* real, const T* imaginary) {
  for (int l = 0; l < lanes; ++l) to[l] = std::abs(real[l]);
  if (!imaginary) return;
  for (int l = 0; l < lanes; ++l) {
    const T other = std::abs(imaginary[l]);
    to[l] = other > to[l] ? other : to[l];
  }
}

// The least of each lane's numbers and of those that are there.
template <int lanes, class T>
void least_of(T* to, const T* from, Index n) {
  T least[lanes];
  for (int l = 0; l < lanes; ++l) least[l] = to[l];
  for (Index i = 0; i < n; ++i, from += lanes)
    for (int l = 0; l < lanes; ++l) least[l] = from[l] < least[l] ? from[l] : least[l];
  for (int l = 0; l < lanes; ++l) to[l] = least[l];
}

template <class T>
T* Guard::largest(T* at, T* spare, int n_axes, Index lanes) const {
  Index inner = lanes, outer = n_places;
  for (int a = n_axes - 1; a >= 0; --a) {
    const Index n = static_cast<Index>(places[a].size());
    const auto larger = inner == 1    ? larger_of<1, T>
                        : inner == 4  ? larger_of<4, T>
                        : inner == 8  ? larger_of<8, T>
                        : inner == 16 ? larger_of<16, T>
                                      : larger_of<0, T>;
    outer /= n;
    T* to = spare;
    for (Index o = 0; o < outer; ++o)
      for (const Stretch& stretch : stretches[a]) {
        const Index count = (stretch.to - stretch.from + stretch.step - 1) / stretch.step;
        larger(to, at + (o * n + stretch.from) * inner, stretch.step * inner, count, inner);
        to += inner;
      }
    inner *= static_cast<Index>(stretches[a].size());
    std::swap(at, spare);
  }
  return at;
}

}  // namespace flipslide
