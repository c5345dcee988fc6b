// direct: one output channel at a time, the sum as it is written.
//
// Lanes are neighbouring outputs. Where taps and outputs lie in rows, rows share their loads of x
// (stencil.hpp); where they do not, neighbouring taps of a row do (stagger.hpp). If every product had a load of its
// own, the load ports would set the pace, at half of the multiply-add peak.
#include "dots.hpp"
#include "stagger.hpp"
#include "stencil.hpp"

namespace {

constexpr int kStripVectors = kShapes.strip_vectors, kComplexVectors = kShapes.complex_vectors;

// Rows of outputs that a block takes, from `first` on; none: the rest are too few for one.
struct Rows {
  int64_t first, n;
};

// The next block of at most `most` rows from row r of n on. Sums may be made twice, unless they add to y: a last block
// that begins among the rows of the one before costs less than several small ones. Two rows cost less by themselves.
FS_INLINE Rows rows_of_block(int64_t r, int64_t n, int64_t most, bool may_repeat) {
  while (most > n) most /= 2;
  const int64_t left = n - r;
  if (may_repeat && most >= kFewestRows && left < most && left > 2) return {n - most, most};
  while (most > left) most /= 2;
  return {r, most >= kFewestRows ? most : 0};
}

// Calls block(rows, x, y, n, accumulate, streams) for blocks of a stencil's rows of outputs, n vectors wide, and
// sums what no block holds as plain runs.
template <class T, class Block>
static void over_blocks(const FsTile& tile, int64_t k, const Block& block) {
  constexpr int64_t lanes = Vec<T>::lanes;
  // The last vector of a row may overlap the one before, unless it would add to y twice.
  const int64_t last = tile.length - lanes,
                whole = tile.accumulate || last < 0 ? tile.length / lanes * lanes : tile.length;
  const bool lines = tile.row_y * (int64_t)sizeof(T) % FS_VECTOR_BYTES == 0 && whole > lanes && !tile.accumulate;
  const bool streams = tile.streams && !tile.accumulate && lines, may_repeat = !tile.accumulate && !tile.streams;
  const Strip<T> strip = strip_of<T, 1, 1>(tile, k);
  for (int64_t first = 0; first < tile.n_runs; first += tile.rows) {
    const FsRun* runs = tile.runs + first;
    int64_t r = 0;
    for (Rows rows; (rows = rows_of_block(r, tile.rows, whole ? kStencilRows : 0, may_repeat)).n;
         r = rows.first + rows.n) {
      const T* x = (const T*)tile.x + runs[rows.first].x;
      T* y = (T*)tile.y + k * tile.y_channel + runs[rows.first].y;
      // Vectors of y that are lines of the cache, in all rows, are written whole.
      const int64_t shift = lines ? until_aligned(y) : 0;
      if (shift) block(rows.n, x, y, 1, false, false);
      const int64_t n = whole > shift ? (whole - shift) / lanes : 0;
      block(rows.n, x + shift, y + shift, n, tile.accumulate, streams);
      if (shift + n * lanes < whole) block(rows.n, x + last, y + last, 1, tile.accumulate, false);
    }
    for (int64_t i = 0; i < tile.rows; ++i) {
      const int64_t from = i < r ? whole : 0;
      if (from < tile.length) rest_of_run<T, 1, kStripVectors, 1>(strip, tile, k, runs[i], from);
    }
  }
}

// Rows of outputs are runs.
template <class T>
FS_NOINLINE static void stencil_over_runs(const FsTile& tile, int64_t k) {
  const int64_t n_planes = tile.n_taps / (tile.tap_rows * tile.tap_columns);
  Stencil<T> s{tile.row_x, tile.row_y, tile.taps, strip_of<T, 1, 1>(tile, k).w, n_planes, tile.tap_columns, 0, 0, 0};
  s.set_rows_of_taps(tile.tap_rows);
  const T bias = bias_of<T>(tile, k);
  over_blocks<T>(tile, k, [&](int64_t rows, const T* x, T* y, int64_t n, bool accumulate, bool streams) {
    stencil<T>(rows, s, x, y, n, accumulate, streams, bias);
  });
}

template <class T>
static void runs_alone(const FsTile& tile, int64_t k) {
  if constexpr (kStaggers)
    if (can_stagger<T>(tile)) return stagger<T>(tile, k);
  block_of_runs<T, 1, kStripVectors, 1>(tile, k);
}

template <class T>
static void real_taps(const FsTile& tile) {
  for (int64_t k = 0; k < tile.n_out; ++k)
    if (tile.tap_rows == 1 || tile.rows < kFewestRows)
      runs_alone<T>(tile, k);
    else
      stencil_over_runs<T>(tile, k);
}

// Each load of x meets two taps: the load ports keep up without shared rows.
template <class T>
static void complex_taps(const FsTile& tile) {
  for (int64_t k = 0; k < tile.n_out; ++k) block_of_runs<T, 2, kComplexVectors, 2>(tile, k);
}

template <class T>
static void direct_tile(const FsTile* tile) {
  if (!tile->complex_taps)
    real_taps<T>(*tile);
  else if constexpr (kHasComplex<T>)
    complex_taps<T>(*tile);
  if (tile->streams) end_of_stream();
}

}  // namespace

FS_DEFINE_MICROKERNEL(direct, 1, true, kStaggers ? kLongestStep : 0, direct_tile,
                      {pairs_tile<uint32_t>, pairs_tile<uint16_t>}, {quads_tile<uint32_t>, quads_tile<uint16_t>},
                      has_quads)
