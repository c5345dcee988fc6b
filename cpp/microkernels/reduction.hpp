// The contract of the sums that have many products and few outputs, such as the gradient of a layer's taps.
//
//   y[r][k] += sum over runs, sum_t x[rows[r] + run.x + step t] w[k][run.w + t],   t = 0 .. run.n - 1
//
// Like microkernel.hpp, compiled into every instruction set's objects.
#pragma once

#include <stdint.h>

// Terms that lie evenly: where they begin beyond each row's own place in x, and in w, in numbers.
struct FsTerms {
  int64_t x, w, n;
};

struct FsReduction {
  const void* x;
  const int64_t* rows;
  int64_t n_rows;
  int64_t step;
  const void* w;
  int64_t w_pitch;  // terms of a channel of w
  int64_t n_out;
  const struct FsTerms* runs;
  int64_t n_runs;
  void* y;
  int64_t y_pitch;  // numbers from row to row
};

typedef void (*FsReductionFn)(const struct FsReduction* reduction);

// Two forms. `outer`: lanes are output channels, and each number of x meets vectors of them. w is then woven, y_pitch a
// multiple of the lanes, and y has numbers behind n_out that nobody needs. `inner`: lanes are terms, step is 1, and w
// lies as its channels do.
struct FsReductions {
  FsReductionFn outer, inner;
  // w of n_out channels, w_pitch apart, as `outer` reads it: w_pitch is then the number of woven terms, and each block
  // of vectors of channels has all of its terms behind each other.
  void (*weave)(void* to, const void* w, int64_t w_pitch, int64_t n_out, int64_t n_terms);
  // y of n_rows times n_columns, rows `pitch` apart, turned; turned rows are n_rows apart.
  void (*turn)(void* to, const void* y, int64_t pitch, int64_t n_rows, int64_t n_columns);
  int lanes;
};
