// A stencil: rows of outputs that share their loads of x.
//
// Row r of outputs meets row q of taps in row r + q of x, so that one load of x serves up to
// `tap_rows` rows of outputs. A load that is not aligned takes two turns of the load ports, a
// multiply-add one of its own: with R rows of outputs and Q of taps there are (R + Q - 1)/(R Q) loads
// for a multiply-add, 0.23 with 8 and 8.
#pragma once

#include "../simd/simd.hpp"
#include "microkernel.hpp"
#include "shapes.hpp"

namespace {

constexpr int kStencilRows = kShapes.stencil_rows, kStencilTapRows = kShapes.stencil_tap_rows;
constexpr int kFewestRows = kStencilRows / 2;  // fewer sums than the latency of a multiply-add would wait for it

// Where rows of x and y lie, and the taps that they meet: of each plane first some chunks of `chunk` rows of taps,
// then some of a row less. Even chunks: one of 8 rows and one of a single row would load more than two of 5 and 4.
template <class T>
struct Stencil {
  int64_t x_row, y_row;
  const int64_t* taps;
  const T* w;
  int64_t n_planes, n_columns;
  int64_t chunk, n_chunks, n_smaller;

  void set_rows_of_taps(int64_t n) {
    const int64_t all = (n + kStencilTapRows - 1) / kStencilTapRows;
    chunk = (n + all - 1) / all;
    n_smaller = chunk * all - n;
    n_chunks = all - n_smaller;
  }
};

// Where the next taps stand.
template <class T>
struct TapsAt {
  const int64_t* taps;
  const T* w;
};

template <class T, int rows, int tap_rows>
FS_INLINE void meet_chunk(Vec<T> (&sum)[rows], const Stencil<T>& s, TapsAt<T>& at, const T* x) {
  for (int64_t j = 0; j < s.n_columns; ++j) {
    const T* from = x + at.taps[j];
    Vec<T> tap[tap_rows];
    FS_UNROLL
    for (int q = 0; q < tap_rows; ++q) tap[q] = splat(at.w[j + q * s.n_columns]);
    FS_UNROLL
    for (int i = 0; i < rows + tap_rows - 1; ++i) {
      const Vec<T> v = load(from);
      from += s.x_row;
      FS_UNROLL
      for (int q = 0; q < tap_rows; ++q)
        if (i - q >= 0 && i - q < rows) sum[i - q] = multiply_add(tap[q], v, sum[i - q]);
    }
  }
  at.taps += tap_rows * s.n_columns;
  at.w += tap_rows * s.n_columns;
}

template <class T, int rows, int tap_rows>
FS_INLINE void stencil_vector(const Stencil<T>& s, const T* x, T* y, bool accumulate, bool streams, T bias) {
  Vec<T> sum[rows];
  FS_UNROLL
  for (int r = 0; r < rows; ++r) sum[r] = accumulate ? load(y + r * s.y_row) : splat(bias);
  TapsAt<T> at{s.taps, s.w};
  for (int64_t p = 0; p < s.n_planes; ++p) {
    for (int64_t n = s.n_chunks; n > 0; --n) meet_chunk<T, rows, tap_rows>(sum, s, at, x);
    if constexpr (tap_rows > 1)
      for (int64_t n = s.n_smaller; n > 0; --n) meet_chunk<T, rows, tap_rows - 1>(sum, s, at, x);
  }
  FS_UNROLL
  for (int r = 0; r < rows; ++r) streams ? stream(y + r * s.y_row, sum[r]) : store(y + r * s.y_row, sum[r]);
}

// n vectors of outputs side by side, whose sums stay in registers for all taps.
template <class T, int rows, int tap_rows>
static void stencil_block(const Stencil<T>& s, const T* x, T* y, int64_t n, bool accumulate, bool streams, T bias) {
  for (int64_t i = 0; i < n * Vec<T>::lanes; i += Vec<T>::lanes)
    stencil_vector<T, rows, tap_rows>(s, x + i, y + i, accumulate, streams, bias);
}

template <class T, int rows>
static void stencil_rows(const Stencil<T>& s, const T* x, T* y, int64_t n, bool accumulate, bool streams, T bias) {
  switch (s.chunk) {
#define FS_CASE(taps)                                                                                           \
  case taps:                                                                                                    \
    if constexpr (taps <= kStencilTapRows) stencil_block<T, rows, taps>(s, x, y, n, accumulate, streams, bias); \
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
}

template <class T>
static void stencil(int64_t rows, const Stencil<T>& s, const T* x, T* y, int64_t n, bool accumulate, bool streams,
                    T bias) {
  if (rows == kStencilRows)
    stencil_rows<T, kStencilRows>(s, x, y, n, accumulate, streams, bias);
  else
    stencil_rows<T, kFewestRows>(s, x, y, n, accumulate, streams, bias);
}

}  // namespace
