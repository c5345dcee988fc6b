// The contract between fft/ and the lane-batched Fourier transforms.
//
// A vector of complex numbers is a vector of real parts, then one of imaginary parts: 2·lanes
// elements. Each lane is a transform of its own, so a transform has no shuffles, and every
// twiddle factor is one number for all lanes. Spectra stay in the order in which the forward
// transform leaves them, which is the order that the inverse takes.
//
// Like kernels/kernel.hpp, compiled into every instruction set's objects.
#pragma once

#include <stdint.h>

// A transform of n = radix[0] · radix[1] · … points. Level l splits n_l points into radix[l]
// parts of m = n_l / radix[l]; its twiddles are e^(−2πi·j·k/n_l), [j < m][k = 1 … radix − 1][re, im].
// The last level has none.
struct FsFft {
  int64_t n;
  int n_levels;
  int radix[40];
  const void* twiddles[40];
};

struct FsLanes {
  int lanes;
  int max_radix;
  // Steps are in elements, between points of the same lane.
  void (*forward)(void* data, int64_t step, const struct FsFft* fft);
  void (*inverse)(void* data, int64_t step, const struct FsFft* fft);
  // Forward, times h, inverse. h has one complex number per point, for all lanes or (_each) of each.
  void (*filter)(void* data, int64_t step, const struct FsFft* fft, const void* h);
  void (*filter_each)(void* data, int64_t step, const struct FsFft* fft, const void* h);
  // to = from times h, for n points.
  void (*multiply)(void* to, const void* from, int64_t step, int64_t n, const void* h);
  // data = data times f or its conjugate, f with a number for each lane.
  void (*twist)(void* data, int64_t step, int64_t n, const void* f, int conjugate);
  // data = data times one f for all points.
  void (*turn)(void* data, int64_t step, int64_t n, const void* f);
  // One row of n numbers per lane, into one part (real or imaginary) of n points.
  void (*gather)(const void* const* rows, int64_t n, void* to, int64_t step);
  // And back. The bits of the result say in which lanes a number was not finite.
  uint32_t (*scatter)(const void* from, int64_t step, int64_t n, void* const* rows);
};
