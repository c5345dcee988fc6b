// The contract between sums that are rounded once (exact/) and their loops.
//
// Like microkernels/microkernel.hpp, compiled into every instruction set's objects; their products and sums are never
// fused (CMakeLists.txt), as each rounding error is computed. What is decided here is right whatever the lanes.
#pragma once

#include <stdint.h>

// A sum as three numbers: the exact one is within `error` of high + low.
struct FsExactSum {
  double high, low, error;
};

// Numbers are read in pieces of as many; what is beyond the last is zero.
#define FS_EXACT_PIECE 8

struct FsExact {
  // Sums x[i]·w[i] of n numbers, a multiple of FS_EXACT_PIECE. [0]: where the products are exact, as those of floats
  // are in double precision; [1]: where they are rounded, by errors that are themselves exact as long as they are
  // normal numbers.
  void (*sum[2])(const double* x, const double* w, int64_t n, struct FsExactSum* sum);
  // Rounds n sums, each within `error` of the exact one, to floats. Lists those whose float is not certain, and
  // returns how many.
  int64_t (*round)(float* to, const double* from, double error, int64_t n, int64_t* uncertain);
  // Raises *most to the largest magnitude of n finite floats (doubles), and lowers *least to the lowest bit that one of
  // them has, as a number.
  void (*extent_floats)(const float* x, int64_t n, double* most, double* least);
  void (*extent_doubles)(const double* x, int64_t n, double* most, double* least);
};
