// The contract between stream/ and its loops.
//
// Like microkernels/microkernel.hpp, compiled into every instruction set's objects.
#pragma once

#include <stdint.h>

// y[i] += sum_j w[j] x[i - j], one tap after the other, i = 0 … n - 1, with n a multiple of the lanes. What becomes of
// an output does not depend on where it stands among the others.
typedef void (*FsFirFn)(void* y, const void* x, const void* w, int64_t n_taps, int64_t n);
// to = the sum over terms of from[t] times the conjugate of h[t], in their order, for points of which each lane has its
// own (microkernels/butterflies.hpp); of one term at least.
typedef void (*FsMixFn)(void* to, const void* const* from, const void* const* h, int64_t n_terms, int64_t n_points);
// Whether one of n numbers is not finite or of a magnitude of at least `most`.
typedef int (*FsWildFn)(const void* x, double most, int64_t n);

struct FsStream {
  FsFirFn fir[3];  // of floats, doubles, integers of 64 bits
  FsMixFn mix[2];
  FsWildFn has_wild[2];
};
