// A tall stencil: at least as many rows of taps as of outputs.
//
// Sums stay in registers for all rows of taps, and the rows of x that meet every row of outputs are a loop: one load
// of x and a multiply-add for each row of outputs, whose tap comes from memory in the same instruction. Taps that meet
// neighbouring rows become neighbours, once for a tile.
#pragma once

#include "../simd/simd.hpp"
#include "microkernel.hpp"
#include "shapes.hpp"

namespace {

constexpr bool kTapsFromMemory = kShapes.tall_rows > 0;
constexpr int kTallRows = 8;
constexpr int64_t kMostTallTaps = 4096;

// Columns of taps, of all planes: column c stands at first[c], its row q at w[c * n_rows + q].
template <class T>
struct TallStencil {
  int64_t x_row, y_row;
  int64_t n_rows, n_columns;
  int64_t first[kMostTallTaps / kTallRows];
  T w[kMostTallTaps];
};

// A row of x meets the rows of taps w, w - 1 ... in the rows of outputs from `low` to `high`.
template <class T, int rows>
FS_INLINE void meet(Vec<T> (&sum)[rows], const T* x, const T* w, int low, int high) {
  const Vec<T> v = load(x);
  FS_UNROLL
  for (int r = 0; r < rows; ++r)
    if (r >= low && r < high) sum[r] = multiply_add(splat(w[-r]), v, sum[r]);
}

template <class T, int rows>
FS_INLINE void tall_vector(const TallStencil<T>& s, const T* x, T* y, bool accumulate, bool streams, T bias) {
  Vec<T> sum[rows];
  FS_UNROLL
  for (int r = 0; r < rows; ++r) sum[r] = accumulate ? load(y + r * s.y_row) : splat(bias);
  for (int64_t c = 0; c < s.n_columns; ++c) {
    const T* from = x + s.first[c];
    const T* w = s.w + c * s.n_rows;
    FS_UNROLL
    for (int i = 0; i < rows - 1; ++i, from += s.x_row) meet<T, rows>(sum, from, w + i, 0, i + 1);
    for (int64_t i = rows - 1; i < s.n_rows; ++i, from += s.x_row) meet<T, rows>(sum, from, w + i, 0, rows);
    FS_UNROLL
    for (int i = 1; i < rows; ++i, from += s.x_row) meet<T, rows>(sum, from, w + s.n_rows - 1 + i, i, rows);
  }
  FS_UNROLL
  for (int r = 0; r < rows; ++r) streams ? stream(y + r * s.y_row, sum[r]) : store(y + r * s.y_row, sum[r]);
}

// n vectors of outputs side by side.
template <class T, int rows>
static void tall_block(const TallStencil<T>& s, const T* x, T* y, int64_t n, bool accumulate, bool streams, T bias) {
  for (int64_t i = 0; i < n * Vec<T>::lanes; i += Vec<T>::lanes)
    tall_vector<T, rows>(s, x + i, y + i, accumulate, streams, bias);
}

static inline bool is_tall(const FsTile& tile) {
  return kTapsFromMemory && tile.tap_rows >= kTallRows && tile.n_taps <= kMostTallTaps;
}

// `w` are the tile's packed taps.
template <class T>
static void relay_taps(TallStencil<T>& s, const FsTile& tile, const T* w) {
  s.x_row = tile.row_x;
  s.y_row = tile.row_y;
  s.n_rows = tile.tap_rows;
  s.n_columns = tile.n_taps / tile.tap_rows;
  T* to = s.w;
  for (int64_t c = 0; c < s.n_columns; ++c) {
    const int64_t plane = c / tile.tap_columns, first = plane * (tile.tap_rows - 1) * tile.tap_columns + c;
    s.first[c] = tile.taps[first];
    for (int64_t q = 0; q < s.n_rows; ++q) *to++ = w[first + q * tile.tap_columns];
  }
}

}  // namespace
