// A strip: `block` channels of taps times `vectors` vectors of neighbouring outputs, all
// held in registers while the taps go by. Each loaded x meets `block` taps, each tap
// `vectors` pieces of x. The kernels differ in the shapes they use and in nothing else.
//
// `parts` is 2 where taps are complex: then two channels of taps make one channel of y.
#pragma once

#include "../simd/simd.hpp"
#include "microkernel.hpp"

namespace {

// Where a strip stands: taps and packed taps, one block of channels, one run.
template <class T>
struct Strip {
  const T* x;
  const int64_t* taps;
  int64_t n_taps;
  const T* w;
  const T* bias;
  T* y;
  int64_t y_channel;
  bool accumulate;
  bool streams;
};

// How many lanes of a strip's last vector are used.
constexpr int kAll = 1 << 30;

template <class T>
FS_INLINE Vec<T> load_lanes(const T* from, int n) {
  return n == kAll ? load(from) : load_part(from, n);
}

template <class T>
FS_INLINE void store_lanes(T* to, Vec<T> v, int n) {
  n == kAll ? store(to, v) : store_part(to, v, n);
}

template <int parts, class T>
FS_INLINE Vec<T> splat_bias(const T* bias) {
  if (!bias) return splat(T(0));
  return parts == 2 ? splat_pair(bias[0], bias[parts - 1]) : splat(bias[0]);
}

template <class T, int block, int vectors, int parts>
FS_INLINE void strip(const Strip<T>& s, int64_t at, int lanes) {
  Vec<T> sum[block][vectors];
  FS_UNROLL
  for (int r = 0; r < block; ++r) FS_UNROLL
  for (int v = 0; v < vectors; ++v) {
    T* to = s.y + r / parts * s.y_channel + at + v * Vec<T>::lanes;
    if (r % parts > 0)
      sum[r][v] = splat(T(0));
    else
      sum[r][v] = s.accumulate ? load_lanes(to, lanes) : splat_bias<parts>(s.bias ? s.bias + r : nullptr);
  }
  for (int64_t t = 0; t < s.n_taps; ++t) {
    const T* from = s.x + s.taps[t] + at;
    const T* w = s.w + t * block;
    Vec<T> x[vectors];
    FS_UNROLL
    for (int v = 0; v < vectors; ++v) x[v] = load_lanes(from + v * Vec<T>::lanes, lanes);
    FS_UNROLL
    for (int r = 0; r < block; ++r) {
      const Vec<T> tap = splat(w[r]);
      FS_UNROLL
      for (int v = 0; v < vectors; ++v) sum[r][v] = multiply_add(tap, x[v], sum[r][v]);
    }
  }
  FS_UNROLL
  for (int r = 0; r < block; r += parts) FS_UNROLL
  for (int v = 0; v < vectors; ++v) {
    T* to = s.y + r / parts * s.y_channel + at + v * Vec<T>::lanes;
    const Vec<T> y = parts == 2 ? add_times_i(sum[r][v], sum[r + parts - 1][v]) : sum[r][v];
    if (block == parts && lanes == kAll && s.streams)
      stream(to, y);
    else
      store_lanes(to, y, lanes);
  }
}

// A whole run: wide strips, then pairs of vectors, a single one, then the lanes that are left.
template <class T, int block, int vectors, int parts>
static void run_of_strips(const Strip<T>& s, int64_t length) {
  constexpr int64_t lanes = Vec<T>::lanes;
  int64_t at = 0;
  if (s.streams) {
    const int64_t head = until_aligned(s.y);
    at = head < length ? head : length;
    if (at > 0) strip<T, block, 1, parts>(s, 0, (int)at);
  }
  for (; at + vectors * lanes <= length; at += vectors * lanes) strip<T, block, vectors, parts>(s, at, kAll);
  for (; at + 2 * lanes <= length; at += 2 * lanes) strip<T, block, 2, parts>(s, at, kAll);
  if (at + lanes <= length) {
    strip<T, block, 1, parts>(s, at, kAll);
    at += lanes;
  }
  if (at < length) strip<T, block, 1, parts>(s, at, (int)(length - at));
}

// The strip of the block of channels that starts at output channel k, to be placed on a run.
template <class T, int block, int parts>
FS_INLINE Strip<T> strip_of(const FsTile& tile, int64_t k) {
  Strip<T> s;
  s.x = nullptr;
  s.taps = tile.taps;
  s.n_taps = tile.n_taps;
  s.w = (const T*)tile.w + k * parts * tile.w_taps + tile.first_tap * block;
  s.bias = tile.bias ? (const T*)tile.bias + k * parts : nullptr;
  s.y = nullptr;
  s.y_channel = tile.y_channel;
  s.accumulate = tile.accumulate;
  s.streams = block == parts && tile.streams && !tile.accumulate;
  return s;
}

template <class T>
FS_INLINE T bias_of(const FsTile& tile, int64_t k) {
  return tile.bias ? ((const T*)tile.bias)[k] : T(0);
}

// The outputs of one run from `from` on.
template <class T, int block, int vectors, int parts>
static void rest_of_run(Strip<T> s, const FsTile& tile, int64_t k, const FsRun& run, int64_t from) {
  s.x = (const T*)tile.x + run.x + from;
  s.y = (T*)tile.y + k * tile.y_channel + run.y + from;
  run_of_strips<T, block, vectors, parts>(s, tile.length - from);
}

// Every run of a tile.
template <class T, int block, int vectors, int parts>
static void block_of_runs(const FsTile& tile, int64_t k) {
  const Strip<T> s = strip_of<T, block, parts>(tile, k);
  for (int64_t i = 0; i < tile.n_runs; ++i) rest_of_run<T, block, vectors, parts>(s, tile, k, tile.runs[i], 0);
}

// Complex numbers have real parts: for integers there is nothing to compile.
template <class T>
constexpr bool kHasComplex = T(0.5) != T(0);

}  // namespace
