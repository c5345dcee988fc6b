// A stencil: rows of outputs that share their loads of x.
//
// Row r of outputs meets row q of taps in row r + q of x, so that one load of x serves up to
// `tap_rows` rows of outputs. A load that is not aligned takes two turns of the load ports, a
// multiply-add one of its own: with R rows of outputs and Q of taps there are (R + Q - 1)/(R Q) loads
// for a multiply-add, 0.2 with 16 and 8.
#pragma once

#include "../simd/simd.hpp"
#include "microkernel.hpp"
#include "shapes.hpp"

namespace {

constexpr int kStencilRows = kShapes.stencil_rows, kStencilTapRows = kShapes.stencil_tap_rows;
constexpr int kFewestRows = 4;  // fewer sums than the latency of a multiply-add would wait for it

// Where rows of x and y lie, and the taps that they meet: those of column j and row q in plane p
// stand at first + (p * n_rows + q) * n_columns + j.
template <class T>
struct Stencil {
  int64_t x_row, y_row;
  const int64_t* taps;
  const T* w;
  int64_t n_planes, n_rows, n_columns;
  int64_t chunk;  // rows of taps at once
  int64_t first = 0;
};

// Even chunks: one of 8 rows and one of a single row would load more than two of 5 and 4.
FS_INLINE int64_t chunk_of(int64_t n_rows) {
  const int64_t n_chunks = (n_rows + kStencilTapRows - 1) / kStencilTapRows;
  return n_rows ? (n_rows + n_chunks - 1) / n_chunks : 0;
}

template <class T, int rows, int tap_rows>
FS_INLINE void stencil_vector(const Stencil<T>& s, const T* x, T* y, bool accumulate, bool streams, T bias) {
  Vec<T> sum[rows];
  FS_UNROLL
  for (int r = 0; r < rows; ++r) sum[r] = accumulate ? load(y + r * s.y_row) : splat(bias);
  for (int64_t p = 0; p < s.n_planes; ++p) {
    const int64_t first = s.first + p * s.n_rows * s.n_columns;
    const int64_t* taps = s.taps + first;
    const T* w = s.w + first;
    for (int64_t j = 0; j < s.n_columns; ++j) {
      const T* from = x + taps[j];
      Vec<T> tap[tap_rows];
      FS_UNROLL
      for (int q = 0; q < tap_rows; ++q) tap[q] = splat(w[j + q * s.n_columns]);
      FS_UNROLL
      for (int i = 0; i < rows + tap_rows - 1; ++i) {
        const Vec<T> v = load(from);
        from += s.x_row;
        FS_UNROLL
        for (int q = 0; q < tap_rows; ++q)
          if (i - q >= 0 && i - q < rows) sum[i - q] = multiply_add(tap[q], v, sum[i - q]);
      }
    }
  }
  FS_UNROLL
  for (int r = 0; r < rows; ++r) streams ? stream(y + r * s.y_row, sum[r]) : store(y + r * s.y_row, sum[r]);
}

// n vectors of outputs side by side.
template <class T, int rows, int tap_rows>
static void stencil_block(const Stencil<T> s, const T* x, T* y, int64_t n, bool accumulate, bool streams, T bias) {
  for (int64_t i = 0; i < n * Vec<T>::lanes; i += Vec<T>::lanes)
    stencil_vector<T, rows, tap_rows>(s, x + i, y + i, accumulate, streams, bias);
}

// All rows of taps, a chunk after the other. Sums that come back for another chunk are in the cache: a vector of half
// a line that is written past it takes the other half along, which is then read from memory again.
template <class T, int rows>
static void stencil_rows(Stencil<T> s, const T* x, T* y, int64_t n_vectors, bool accumulate, bool streams, T bias) {
  if (s.chunk < s.n_rows && n_vectors > 1) {
    for (int64_t i = 0; i < n_vectors * Vec<T>::lanes; i += Vec<T>::lanes)
      stencil_rows<T, rows>(s, x + i, y + i, 1, accumulate, streams, bias);
    return;
  }
  for (int64_t left = s.n_rows; left > 0;) {
    const int64_t n = left < s.chunk ? left : s.chunk;
    const bool is_final = streams && n == s.n_rows;
    switch (n) {
#define FS_CASE(n)                                                                                                 \
  case n:                                                                                                          \
    if constexpr (n <= kStencilTapRows) stencil_block<T, rows, n>(s, x, y, n_vectors, accumulate, is_final, bias); \
    break;
      FS_CASE(1)
      FS_CASE(2)
      FS_CASE(3)
      FS_CASE(4)
      FS_CASE(5)
      FS_CASE(6)
      FS_CASE(7)
      FS_CASE(8)
#undef FS_CASE
    }
    s.first += n * s.n_columns;
    left -= n;
    accumulate = true;
  }
}

// How many of n rows the next block takes, of 16, 8 or 4; 0: the rest are too few for one.
FS_INLINE int64_t rows_of_block(int64_t n, int64_t most) {
  while (most > n) most /= 2;
  return most >= kFewestRows ? most : 0;
}

template <class T>
static void stencil(int64_t rows, const Stencil<T>& s, const T* x, T* y, int64_t n, bool accumulate, bool streams,
                    T bias) {
  if (rows == kStencilRows)
    stencil_rows<T, kStencilRows>(s, x, y, n, accumulate, streams, bias);
  else if (rows == kStencilRows / 2)
    stencil_rows<T, kStencilRows / 2>(s, x, y, n, accumulate, streams, bias);
  else if constexpr (kStencilRows / 2 > kFewestRows)
    stencil_rows<T, kFewestRows>(s, x, y, n, accumulate, streams, bias);
}

}  // namespace
