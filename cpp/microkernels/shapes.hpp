// Shapes of the microkernels' register tiles: a row for each kind of registers, chosen once for each instruction set.
//
// The rule that makes a row. A multiply-add has a latency of 4 cycles (5 on some) and two ports, so a loop must carry 8
// independent sums at least, or 10, to keep both busy; and what is live at once (sums, taps, samples, one to spare
// where taps or loads cannot be operands) must fit in the registers, or the loop spills. Within that, more sums per
// load: R rows of outputs and Q of taps take (R + Q − 1)/(R·Q) loads of x for a multiply-add.
#pragma once

#include <stdint.h>

namespace {

struct Shapes {
  int registers, bytes;
  // A stencil: rows of outputs, and of taps, at once. Live: rows + rows of taps + one x. 16 rows would save few loads,
  // and nearly a page apart they take three times as long as 8: they are in each other's way in the first cache.
  int stencil_rows, stencil_tap_rows;
  // A strip of `direct`: vectors of neighbouring outputs, of real and of complex taps (two sums each).
  int strip_vectors, complex_vectors;
  // `gemm`: the most channels that share a load; vectors for blocks of 8, 4, 2 and 1. Live: block · vectors + vectors
  // + 1.
  int gemm_channels, gemm_vectors[4];
  // Staggered sums of a row: taps at once, vectors, and the fewest taps that are worth its shuffles (two of them shift
  // a vector of 32 bytes). 0: a load that is not aligned seldom crosses a line, so nothing is to be gained.
  int stagger_sums, stagger_vectors, stagger_taps;
  // Dots: sums of each kind of outputs, times kinds.
  int dot_sums;
  // Products of transformed tiles: tiles and vectors of output channels. Live: tiles · vectors + vectors + 1.
  int winograd_tiles, winograd_vectors;

  constexpr bool fits() const {
    return stencil_rows + stencil_tap_rows + 1 <= registers && stencil_rows >= 8 && strip_vectors >= 8 &&
           2 * complex_vectors >= 8 && gemm_channels * gemm_vectors[gemm_channels == 8 ? 0 : 1] >= 8 &&
           (gemm_channels + 1) * gemm_vectors[gemm_channels == 8 ? 0 : 1] + 1 <= registers &&
           winograd_tiles * winograd_vectors >= 8 && (winograd_tiles + 1) * winograd_vectors + 1 <= registers;
  }
};

constexpr Shapes kAllShapes[] = {
    {32, 64, 8, 8, 12, 8, 8, {3, 6, 8, 12}, 4, 4, 2, 16, 14, 2},  // AVX-512
    {16, 32, 8, 4, 8, 4, 4, {1, 3, 4, 8}, 3, 3, 4, 8, 6, 2},      // AVX2
    {16, 16, 8, 4, 8, 4, 4, {1, 3, 4, 8}, 0, 3, 4, 8, 6, 2},      // SSE
    {32, 16, 8, 8, 12, 8, 8, {3, 6, 8, 12}, 0, 4, 2, 8, 14, 2},   // NEON
};

constexpr bool all_fit() {
  for (const Shapes& shapes : kAllShapes)
    if (!shapes.fits()) return false;
  return true;
}
static_assert(all_fit(), "a tile spills, or has fewer sums than the latency of a multiply-add needs");

constexpr Shapes shapes_of(int registers, int bytes) {
  for (const Shapes& shapes : kAllShapes)
    if (shapes.registers == registers && shapes.bytes == bytes) return shapes;
  return {};
}

#if defined(__aarch64__) && !defined(FS_PLAIN_LANES)
constexpr Shapes kShapes = shapes_of(32, FS_VECTOR_BYTES);
#else
constexpr Shapes kShapes = shapes_of(FS_VECTOR_BYTES == 64 ? 32 : 16, FS_VECTOR_BYTES);
#endif
static_assert(kShapes.registers > 0, "no row of kAllShapes has vectors of this size");

}  // namespace
