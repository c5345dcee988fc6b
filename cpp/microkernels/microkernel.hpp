// The contract between the core and its microkernels.
//
// This header is compiled into every instruction set's objects, so it may hold no inline
// function with external linkage and nothing of std:: (see cpp/README.md, "No symbol may leak").
#pragma once

#include <stdint.h>

// ------------------------------------------------------------------------------- types

// The types that sums are made in. Complex numbers are pairs of neighbours; narrow integers
// are widened on load; unsigned sums wrap like signed ones, modulo 2^bits.
enum FsCompute { FS_F32, FS_F64, FS_I32, FS_I64, FS_N_COMPUTE };

// The types that arrays may have. A complex array is read as an array of its parts.
enum FsType {
  FS_T_BOOL,
  FS_T_I8,
  FS_T_I16,
  FS_T_I32,
  FS_T_I64,
  FS_T_U8,
  FS_T_U16,
  FS_T_U32,
  FS_T_U64,
  FS_T_F16,
  FS_T_F32,
  FS_T_F64,
  FS_N_TYPES
};

// ------------------------------------------------------------------------------- tiles

// One row of neighbouring outputs: where its first term's window starts in x, and where
// its first output goes in y, both in elements.
struct FsRun {
  int64_t x, y;
};

// Everything a microkernel needs to know. What is above it has resolved boundaries, strides,
// dilations, flips, layouts and dtypes before, so that what is left is
//
//   y[k][run.y + i] = bias[k] + sum_t w[k][t] x[run.x + taps[t] + i],   i = 0 .. length-1
//
// for every output channel k, run and i. With `accumulate`, y takes the place of bias.
//
// With `complex_taps` the numbers of x, y and bias are pairs (re, im) that lie as neighbours, and w has
// two channels for each output channel, the real and the imaginary parts of its taps:
//
//   y = sum re(w) x + i sum im(w) x,   i (re, im) = (-im, re)
//
// so that both sums read x as it lies, and pairs are turned once for each output.
struct FsTile {
  const void* x;
  const int64_t* taps;
  int64_t n_taps;
  const void* w;   // packed by blocks of output channels, see fs_block
  int64_t w_taps;  // taps in w: this tile uses first_tap .. first_tap + n_taps - 1 of them
  int64_t first_tap;
  const void* bias;  // one per output channel, or null
  void* y;
  int64_t y_channel;  // elements between output channels
  int64_t n_out;
  const struct FsRun* runs;
  int64_t n_runs;
  int64_t length;
  int accumulate;
  int complex_taps;
  int streams;  // y is so large that it should not pass through the caches
  // The lattice on which taps and runs lie, for kernels that share what they load.
  //
  //   taps[(p * tap_rows + q) * tap_columns + j] = taps[p * tap_rows * tap_columns + j] + q * row_x
  //   runs[b * rows + r] = runs[b * rows] + r * (row_x, row_y)
  //
  // and the columns of a row of taps are tap_step apart, or unevenly where that is 0. Every tile
  // has at least the trivial lattice of rows = tap_rows = 1.
  int64_t rows, row_x, row_y;
  int64_t tap_rows, tap_columns, tap_step;
};

typedef void (*FsTileFn)(const struct FsTile* tile);

struct FsMicrokernel {
  const char* name;
  int max_block;     // the most output channels that the kernel computes at once
  int shares_rows;   // whether it gains by rows of outputs that are runs of their own
  int longest_step;  // taps of a row that stand no further apart share what they load; 0: none do
  FsTileFn run[FS_N_COMPUTE];
  // FS_I32 by dots (dots.hpp), to y of 32 bits and of 16: of pairs of samples and taps of 16 bits, or of four samples
  // of 8 bits without a sign and four taps with one, which not every processor has. Null where there are none.
  FsTileFn run_pairs[2] = {}, run_quads[2] = {};
  int (*has_quads)(void) = nullptr;
};

// `taps` lists the places of dots then, so many for a row of n taps (tap_columns): every `width`-th sample, and none
// beyond the last tap. For each, w has `width` times `width` taps, one dot for each kind of outputs.
static inline int64_t fs_dots(int64_t n, int64_t width) { return (n + width - 2) / width + 1; }
static inline int64_t fs_dot_place(int64_t dot, int64_t n, int64_t width) {
  return width * dot < n ? width * dot : n - 1;
}

// The channels of w are packed in blocks of 8, 4, 2 or 1, the largest that fits first: at most the
// kernel's max_block, or 2 where taps are complex. Inside a block of b channels starting at channel k, tap t of channel
// k + r lies at w[k * w_taps + t * b + r].
static inline int fs_block(int64_t remaining, int max_block) {
  int block = max_block;
  while (block > remaining) block /= 2;
  return block;
}

// ------------------------------------------------------------------------ array elements

// n elements, `stride` bytes apart, widened into neighbouring numbers of the compute type.
typedef void (*FsLoadFn)(void* to, const void* from, int64_t stride, int64_t n);
// The way back. The saturating form clips to the range of the array's type.
typedef void (*FsStoreFn)(void* to, int64_t stride, const void* from, int64_t n);
// Raises *largest to the largest magnitude among n integers, and *negative if one is.
typedef void (*FsRangeFn)(const void* from, int64_t stride, int64_t n, uint64_t* largest, int* negative);
// Whether n numbers of the compute type are finite.
typedef int (*FsFiniteFn)(const void* from, int64_t n);

// The integers of FS_I64 nearest to n doubles, whose magnitudes are below 2^51.
typedef void (*FsRoundFn)(void* to, const void* from, int64_t n);

// How a float becomes an integer, and what becomes of one that the array's type does not hold.
enum FsRounding { FS_HALF_EVEN, FS_HALF_AWAY, FS_TOWARD_ZERO };
enum FsOverflow { FS_WRAP, FS_SATURATE, FS_REFUSE };

// Whole numbers in doubles, of n floats or doubles that are neighbours.
typedef void (*FsWholeFn)(double* to, const void* from, int64_t n, int rounding);
// Stores them as integers. What is not finite is 0 where that wraps, and NaN where that saturates. Returns the place of
// the first that does not fit where that is refused, and -1 where there is none.
typedef int64_t (*FsFitFn)(void* to, int64_t stride, const double* whole, int64_t n, int overflow);

struct FsConvert {
  FsLoadFn load[FS_N_COMPUTE][FS_N_TYPES];
  FsLoadFn load_narrow[2][FS_N_TYPES];  // as integers of 16 bits, of 8
  FsStoreFn store[FS_N_COMPUTE][FS_N_TYPES];
  FsStoreFn store_saturated[FS_N_TYPES];  // from FS_I64
  FsRangeFn range[FS_N_TYPES];
  FsFiniteFn finite[FS_N_COMPUTE];  // floats only
  FsRoundFn round;
  FsWholeFn whole[2];       // of floats, of doubles
  FsFitFn fit[FS_N_TYPES];  // integers only
};

// ------------------------------------------------------------------------------ registry

// To add one: a file microkernels/<name>.cpp that ends in FS_DEFINE_MICROKERNEL(<name>, ...), and its
// name here.
#define FS_FOR_EACH_MICROKERNEL(DO) \
  DO(direct)                        \
  DO(gemm)

#define FS_JOIN_(a, b) a##_##b
#define FS_JOIN(a, b) FS_JOIN_(a, b)
// flipslide_<name>_<isa>: the only symbols that the objects of an instruction set export.
#define FS_SYMBOL(name) FS_JOIN(FS_JOIN(flipslide, name), FS_ISA)

#define FS_DEFINE_MICROKERNEL(name, max_block, shares_rows, longest_step, tile, ...)                                 \
  extern "C" const struct FsMicrokernel FS_SYMBOL(name) = {                                                          \
      #name,      max_block, shares_rows, longest_step, {tile<float>, tile<double>, tile<uint32_t>, tile<uint64_t>}, \
      __VA_ARGS__};
