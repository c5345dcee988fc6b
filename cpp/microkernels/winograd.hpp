// The contract between winograd/ and the transforms and products of tiles with 3 x 3 taps.
//
// Vectors hold `lanes` neighbouring channels of one sample, one frequency or one output, so that nothing is shuffled.
//
// Like microkernels/microkernel.hpp, compiled into every instruction set's objects.
#pragma once

#include <stdint.h>

// One frequency of some tiles: m[k][t] = sum_c v[c][t] u[c][k]. Channels come in groups of `lanes`:
// v[group][tile][lane], u[channel][group][lane] of one panel, m[group][tile][lane].
struct FsWinogradProduct {
  const void* v;
  const void* u;
  void* m;
  int64_t group_step;  // elements from group to group of v and of m
  int64_t n_tiles, n_channels;
  int n_groups;  // of this panel: at most `vectors`
};

// Magnitudes that `forward` takes note of, in vectors: the largest of the tile, and of the samples at some places.
enum { kFsWinogradPlaces = 4, kFsWinogradMagnitudes = 1 + kFsWinogradPlaces };

// Tiles of 2 x 2 outputs come first, then those of 4 x 4. A tile with m outputs along each axis has (m + 2)² samples
// and as many frequencies.
struct FsWinograd {
  int lanes;
  int vectors;  // groups of a panel of u
  int rows;     // tiles that `multiply` computes at once
  // Steps are in elements: from row to row of x or y, from frequency to frequency of v or m. `largest` is raised to the
  // magnitudes of x.
  void (*forward[2])(const void* x, int64_t row_step, void* v, int64_t v_step, void* largest);
  void (*multiply)(const struct FsWinogradProduct* product);
  void (*inverse[2])(const void* m, int64_t m_step, const void* bias, void* y, int64_t row_step);
};

// Where the noted samples of a tile stand along each axis. Every window of 3 x 3 samples of a tile holds one of them:
// windows that begin at 0, 1 or 2 hold sample 2, the one that begins at 3 holds sample 3.
static const int kFsWinogradPlace[2][2] = {{1, 1}, {2, 3}};

// The points 0, ±a, ±b and infinity at which F(4, 3) evaluates polynomials; F(2, 3) does at 0, ±1 and infinity. They
// are exact, and so are the products that the transforms need, and a channel sum of F(4, 3) errs twice as much as a
// direct one; at 0, ±1, ±2 it would err five times as much (docs/performance.md).
#define FS_WINOGRAD_A 0.75
#define FS_WINOGRAD_B 1.5
