// The contract between fft/ and the lane-batched Fourier transforms.
//
// A vector of complex numbers is a vector of real parts, then one of imaginary parts: 2·lanes
// elements. Each lane is a transform of its own, so a transform has no shuffles, and every
// twiddle factor is one number for all lanes. Spectra stay in the order in which the forward
// transform leaves them, which is the order that the inverse takes.
//
// Like microkernels/microkernel.hpp, compiled into every instruction set's objects.
#pragma once

#include <stdint.h>

// A transform of n = radix[0] · radix[1] · … points. Level l splits n_l points into radix[l]
// parts of m = n_l / radix[l]; its twiddles are e^(−2πi·j·k/n_l), [j < m][k = 1 … radix − 1][re, im].
// The last level has none.
//
// An angled transform is the one of x[p]·e^(2πi·p/4n): the frequencies k − 1/4. With p = j + m·q its
// first level takes the points q times `angles`, e^(2πi·q/4·radix) for q = 1 … radix − 1, and has the
// twiddles e^(−2πi·j·(k − 1/4)/n), [j < m][k = 0 … radix − 1]: no pass more. The others are as before.
struct FsFft {
  int64_t n;
  int n_levels;
  int is_angled;
  int radix[40];
  const void* twiddles[40];
  const void* angles;
};

struct FsButterflies {
  int lanes;
  int max_radix;
  // Steps are in elements, between points of the same lane.
  void (*forward)(void* data, int64_t step, const struct FsFft* fft);
  void (*inverse)(void* data, int64_t step, const struct FsFft* fft);
  // Forward, times the conjugate of h, inverse. h has one complex number per point, for all lanes or
  // (_each) of each.
  void (*filter)(void* data, int64_t step, const struct FsFft* fft, const void* h);
  void (*filter_each)(void* data, int64_t step, const struct FsFft* fft, const void* h);
  // to = from times the conjugate of h, for n points.
  void (*multiply)(void* to, const void* from, int64_t step, int64_t n, const void* h);
  void (*multiply_each)(void* to, const void* from, int64_t step, int64_t n, const void* h);
  // data = data times coarse[p / n_fine]·fine[p % n_fine] or its conjugate, with numbers for each lane.
  void (*twiddle)(void* data, int64_t step, int64_t n, const void* fine, int64_t n_fine, const void* coarse,
                  int conjugate);
  // One row of n numbers per lane, into one part (real or imaginary) of n points.
  void (*gather)(const void* const* rows, int64_t n, void* to, int64_t step);
  // And squares[lane] += their squares.
  void (*gather_squares)(const void* const* rows, int64_t n, void* to, int64_t step, void* squares);
  // And back. The bits of the result say in which lanes a number was not finite and, 16 further, in which one had a
  // negative sign.
  uint32_t (*scatter)(const void* from, int64_t step, int64_t n, void* const* rows);
  // sums[lane] += the squares of n vectors that follow each other.
  void (*squares)(const void* data, int64_t n, void* sums);
  // The mean square, in each lane, of `each` vectors at these offsets, for n lists of them.
  void (*mean_squares)(const void* data, const int64_t* offsets, int64_t n, int64_t each, void* to);
  // Squares of `lanes` neighbouring points by lanes, flipped over their diagonal.
  void (*transpose)(const void* from, int64_t from_step, void* to, int64_t to_step, int64_t squares);
  // A vector of one part from each of n rows that are from_step apart; of pairs (re, im): both parts.
  void (*load_rows)(const void* from, int64_t from_step, int64_t n, void* to, int64_t step, int are_pairs);
  // And back. 1 if a number was not finite, and 2 more if one had a negative sign.
  int (*store_rows)(const void* from, int64_t step, int64_t n, void* to, int64_t to_step, int are_pairs);
};
