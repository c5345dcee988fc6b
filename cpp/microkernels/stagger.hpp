// Staggered sums: neighbouring columns of taps share their loads of x.
//
// A load that is not aligned takes two turns of the load ports, a multiply-add one of its own, and in
// y[i] = sum_j w[j] x[i + j] every product has a load. With j = a B + b the sum falls apart into B sums
//
//   u_b[i] = sum_a w[a B + b] x[i + a B],   y[i] = sum_b u_b[i + b],
//
// that read the same x. What is shifted is sums, B - 1 of them for each output, not samples, one for each
// product; and shuffles do it, on ports of their own. A vector of y takes two of u_b, so these are made in
// order along a run, and each is kept until the next one is there.
//
// Rows of taps just add to the sums. Every output adds its terms in the same order, wherever it lies.
#pragma once

#include "shapes.hpp"
#include "strip.hpp"

namespace {

constexpr bool kStaggers = kShapes.stagger_sums > 0;
constexpr int kStaggerSums = kShapes.stagger_sums, kStaggerVectors = kShapes.stagger_vectors;
constexpr int kLongestStep = 4;

// Rows of `full` taps, `step` apart, that are met in groups of as many as there are sums, and of `rest` more.
template <class T>
struct Stagger {
  const int64_t* taps;
  const T* w;
  int64_t n_taps, full;
  int rest;
  T bias;
  bool accumulate, streams;
};

// n taps meet `vectors` vectors of x.
template <int n, class T, int sums, int vectors>
FS_INLINE void meet_group(Vec<T> (&u)[sums][vectors], const T* x, const T* w) {
  Vec<T> tap[n];
  FS_UNROLL
  for (int b = 0; b < n; ++b) tap[b] = splat(w[b]);
  FS_UNROLL
  for (int v = 0; v < vectors; ++v) {
    const Vec<T> from = load_once(x + v * Vec<T>::lanes);
    FS_UNROLL
    for (int b = 0; b < n; ++b) u[b][v] = multiply_add(tap[b], from, u[b][v]);
  }
}

// The sums at x, of outputs that begin at y.
template <class T, int sums, int vectors>
FS_INLINE void sum_up(const Stagger<T>& s, const T* x, const T* y, Vec<T> (&u)[sums][vectors]) {
  FS_UNROLL
  for (int b = 0; b < sums; ++b) FS_UNROLL
  for (int v = 0; v < vectors; ++v)
    u[b][v] = b > 0 ? splat(T(0)) : s.accumulate ? load(y + v * Vec<T>::lanes) : splat(s.bias);
  for (int64_t t = 0; t < s.n_taps; t += s.rest) {
    for (const int64_t end = t + s.full; t < end; t += sums) meet_group<sums>(u, x + s.taps[t], s.w + t);
    if (s.rest == 1) meet_group<1>(u, x + s.taps[t], s.w + t);
    if constexpr (sums > 2)
      if (s.rest == 2) meet_group<2>(u, x + s.taps[t], s.w + t);
    if constexpr (sums > 3)
      if (s.rest == 3) meet_group<3>(u, x + s.taps[t], s.w + t);
  }
}

template <class T, int sums, int step>
FS_INLINE Vec<T> join(const Vec<T> (&now)[sums], const Vec<T> (&next)[sums]) {
  Vec<T> y = now[0] + window<step>(now[1], next[1]);
  if constexpr (sums > 2) y = y + window<2 * step>(now[2], next[2]);
  if constexpr (sums > 3) y = y + window<3 * step>(now[3], next[3]);
  return y;
}

// The sums of some vectors at x, which complete the outputs of the vector before and of all but the last.
template <int vectors, int step, class T, int sums>
FS_INLINE void advance(const Stagger<T>& s, const T* x, T* y, Vec<T> (&now)[sums], bool is_first) {
  constexpr int64_t lanes = Vec<T>::lanes;
  Vec<T> u[sums][vectors], done[vectors];
  sum_up(s, x, y, u);
  FS_UNROLL
  for (int v = 0; v < vectors; ++v) {
    Vec<T> next[sums];
    FS_UNROLL
    for (int b = 0; b < sums; ++b) next[b] = u[b][v];
    done[v] = join<T, sums, step>(now, next);
    FS_UNROLL
    for (int b = 0; b < sums; ++b) now[b] = next[b];
  }
  if (s.streams) {
    if (!is_first) stream(y - lanes, done[0]);
    FS_UNROLL
    for (int v = 1; v < vectors; ++v) stream(y + (v - 1) * lanes, done[v]);
  } else {
    if (!is_first) store(y - lanes, done[0]);
    FS_UNROLL
    for (int v = 1; v < vectors; ++v) store(y + (v - 1) * lanes, done[v]);
  }
}

// n outputs, of a vector at most, by themselves: each sum reads x where it ends up.
template <int sums, int step, class T>
static void alone(const Stagger<T>& s, const T* x, T* y, int n) {
  Vec<T> u[sums];
  FS_UNROLL
  for (int b = 0; b < sums; ++b) u[b] = b > 0 ? splat(T(0)) : s.accumulate ? load_lanes(y, n) : splat(s.bias);
  for (int64_t t = 0; t < s.n_taps; t += s.rest) {
    for (const int64_t end = t + s.full; t < end; t += sums) FS_UNROLL
    for (int b = 0; b < sums; ++b)
      u[b] = multiply_add(splat(s.w[t + b]), load_lanes(x + s.taps[t] + b * step, n), u[b]);
    FS_UNROLL
    for (int b = 0; b < sums - 1; ++b)
      if (b < s.rest) u[b] = multiply_add(splat(s.w[t + b]), load_lanes(x + s.taps[t] + b * step, n), u[b]);
  }
  FS_UNROLL
  for (int b = 1; b < sums; ++b) u[0] = u[0] + u[b];
  store_lanes(y, u[0], n);
}

template <int sums, int step, class T>
static void stagger_run(Stagger<T> s, const T* x, T* y, int64_t length) {
  constexpr int64_t lanes = Vec<T>::lanes;
  int64_t at = 0;
  // Vectors of y that are lines of the cache are written whole.
  const int64_t head = until_aligned(y);
  if (head && length >= 3 * lanes) {
    alone<sums, step>(s, x, y, s.accumulate ? (int)head : kAll);
    at = head;
  }
  s.streams = s.streams && at == head;
  // The last vector of sums reads no further than the last output does, neither in x nor in y.
  const int64_t beyond = s.accumulate ? 0 : ((s.rest ? s.rest : sums) - 1) * step;
  const int64_t vectors = (length + beyond - at) / lanes;
  if (vectors > 1) {
    Vec<T> now[sums];
    FS_UNROLL
    for (int b = 0; b < sums; ++b) now[b] = splat(T(0));
    int64_t v = 0;
    for (; v + kStaggerVectors <= vectors; v += kStaggerVectors, at += kStaggerVectors * lanes)
      advance<kStaggerVectors, step>(s, x + at, y + at, now, v == 0);
    for (; v < vectors; ++v, at += lanes) advance<1, step>(s, x + at, y + at, now, v == 0);
    at -= lanes;
  }
  for (; at + lanes <= length; at += lanes) alone<sums, step>(s, x + at, y + at, kAll);
  if (at == length) return;
  // The last vector may overlap the one before, unless it would add to y twice.
  if (s.accumulate || length < lanes)
    alone<sums, step>(s, x + at, y + at, (int)(length - at));
  else
    alone<sums, step>(s, x + length - lanes, y + length - lanes, kAll);
}

template <int sums, int step, class T>
static void stagger_runs(const FsTile& tile, int64_t k) {
  const Strip<T> strip = strip_of<T, 1, 1>(tile, k);
  const int64_t n = tile.tap_columns;
  const int rest = (int)(n % sums);
  const Stagger<T> s{tile.taps,           strip.w,          tile.n_taps,  rest ? n - rest : tile.n_taps, rest,
                     bias_of<T>(tile, k), strip.accumulate, strip.streams};
  for (int64_t i = 0; i < tile.n_runs; ++i)
    stagger_run<sums, step>(s, (const T*)tile.x + tile.runs[i].x, (T*)tile.y + k * tile.y_channel + tile.runs[i].y,
                            tile.length);
}

// As many sums as save loads: the last one reaches a vector ahead at most.
template <int step, class T>
FS_NOINLINE static void stagger(const FsTile& tile, int64_t k) {
  constexpr int most = Vec<T>::lanes / step + 1, sums = most < kStaggerSums ? most : kStaggerSums;
  const int64_t n = tile.tap_columns;
  if constexpr (sums > 3)
    if ((n + 2) / 3 == (n + sums - 1) / sums) return stagger_runs<3, step, T>(tile, k);
  if constexpr (sums > 1) stagger_runs<sums, step, T>(tile, k);
}

template <class T>
FS_INLINE bool can_stagger(const FsTile& tile) {
  return tile.tap_columns > 1 && tile.n_taps >= kShapes.stagger_taps && tile.tap_step > 0 &&
         tile.tap_step <= kLongestStep && tile.tap_step <= Vec<T>::lanes;
}

template <class T>
FS_NOINLINE static void stagger(const FsTile& tile, int64_t k) {
  switch (tile.tap_step) {
    case 1: return stagger<1, T>(tile, k);
    case 2: return stagger<2, T>(tile, k);
    case 3: return stagger<3, T>(tile, k);
    case 4: return stagger<4, T>(tile, k);
  }
}

}  // namespace
