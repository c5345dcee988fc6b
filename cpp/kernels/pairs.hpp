// Pairs: samples and taps of 16 bits, two products in each lane of 32.
//
// A vector of samples is one of pairs (x[i], x[i + 1]), (x[i + 2], x[i + 3]), ..., each for two outputs: y[i]
// takes it times (w[0], w[1]), and y[i + 1], which begins one sample later, times (0, w[0]). So even and odd outputs
// are two channels, as the parts of complex taps are: they share each load, from every second place of x, and nothing
// is shuffled before they are zipped on their way to y. K taps take K / 2 + 1 pairs for each, half of the multiply-adds
// of whole lanes, and half of the loads again.
//
// The odd outputs of even K need x[i + K] for their last tap. They find it in (x[i + K - 1], x[i + K]) times
// (0, w[K - 1]), so that nothing is read beyond the window.
#pragma once

#include "../simd/simd.hpp"
#include "kernel.hpp"
#include "strip.hpp"

namespace {

// Two sums each, one pair of samples, two of taps and what the products need on their way.
constexpr int kPairVectors = FS_VECTOR_BYTES == 64 ? 8 : 4;

// The taps of one channel, and where its outputs go.
struct Pairs {
  const int64_t* taps;
  int64_t n_taps, n_columns;
  const uint32_t* w;
  uint32_t bias;
  bool accumulate, streams;
};

// Samples that n outputs read for a pair of taps. An odd one has both samples of its own pair, but at the end of a row
// of taps, where the second lies beyond the window and its tap is none.
FS_INLINE int samples_of(const Pairs& s, int64_t t, int n) { return (t + 1) % s.n_columns ? n + n % 2 : n; }

FS_INLINE void put_lanes(const Pairs& s, uint32_t* to, Vec<uint32_t> v, int n) {
  if (s.accumulate) v = v + load_lanes(to, n);
  s.streams&& n == kAll ? stream(to, v) : store_lanes(to, v, n);
}

FS_INLINE void put_pairs(const Pairs& s, uint32_t* to, Vec<uint32_t> even, Vec<uint32_t> odd, int n) {
  constexpr int lanes = Vec<uint32_t>::lanes;
  put_lanes(s, to, zip_low(even, odd), n < lanes ? n : kAll);
  if (n > lanes) put_lanes(s, to + lanes, zip_high(even, odd), n == kAll ? kAll : n - lanes);
}

// Modulo 2^16.
FS_INLINE void put_pairs(const Pairs& s, uint16_t* to, Vec<uint32_t> even, Vec<uint32_t> odd, int n) {
  if (s.accumulate) {
    const Vec<uint32_t> before = n == kAll ? load_pairs(to) : load_pairs(to, n);
    even = even + before;
    odd = odd + high_half(before);
  }
  const Vec<uint32_t> v = low_halves(even, odd);
  if (n != kAll)
    store_pairs(to, v, n);
  else if (s.streams)
    stream((uint32_t*)to, v);
  else
    store_pairs(to, v);
}

// `vectors` vectors of pairs of outputs, or the first n outputs of one.
template <int vectors, bool fused, class Y>
FS_INLINE void strip_of_pairs(const Pairs& s, const uint16_t* x, Y* y, int n) {
  constexpr int width = 2 * Vec<uint32_t>::lanes;
  Vec<uint32_t> even[vectors], odd[vectors];
  FS_UNROLL
  for (int v = 0; v < vectors; ++v) even[v] = odd[v] = splat(s.bias);
  for (int64_t t = 0; t < s.n_taps; ++t) {
    const uint16_t* from = x + s.taps[t];
    const Vec<uint32_t> even_tap = splat(s.w[2 * t]), odd_tap = splat(s.w[2 * t + 1]);
    FS_UNROLL
    for (int v = 0; v < vectors; ++v) {
      const Vec<uint32_t> pairs = n == kAll ? load_pairs(from + v * width) : load_pairs(from, samples_of(s, t, n));
      even[v] = multiply_add_pairs<fused>(pairs, even_tap, even[v]);
      odd[v] = multiply_add_pairs<fused>(pairs, odd_tap, odd[v]);
    }
  }
  FS_UNROLL
  for (int v = 0; v < vectors; ++v) put_pairs(s, y + v * width, even[v], odd[v], n);
}

template <bool fused, class Y>
static void run_of_pairs(const Pairs& s, const uint16_t* x, Y* y, int64_t length) {
  constexpr int64_t width = 2 * Vec<uint32_t>::lanes;
  int64_t at = 0;
  if (s.streams) {
    const int64_t head = until_aligned(y);
    at = head < length ? head : length;
    if (at > 0) strip_of_pairs<1, fused>(s, x, y, (int)at);
  }
  for (; at + kPairVectors * width <= length; at += kPairVectors * width)
    strip_of_pairs<kPairVectors, fused>(s, x + at, y + at, kAll);
  for (; at + 2 * width <= length; at += 2 * width) strip_of_pairs<2, fused>(s, x + at, y + at, kAll);
  if (at + width <= length) {
    strip_of_pairs<1, fused>(s, x + at, y + at, kAll);
    at += width;
  }
  if (at < length) strip_of_pairs<1, fused>(s, x + at, y + at, (int)(length - at));
}

template <bool fused, class Y>
static void runs_of_pairs(const FsTile& tile) {
  for (int64_t k = 0; k < tile.n_out; ++k) {
    const Pairs s{tile.taps,
                  tile.n_taps,
                  tile.tap_columns,
                  (const uint32_t*)tile.w + 2 * (k * tile.w_taps + tile.first_tap),
                  tile.bias && !tile.accumulate ? ((const uint32_t*)tile.bias)[k] : 0,
                  tile.accumulate != 0,
                  tile.streams && !tile.accumulate};
    for (int64_t i = 0; i < tile.n_runs; ++i)
      run_of_pairs<fused>(s, (const uint16_t*)tile.x + tile.runs[i].x, (Y*)tile.y + k * tile.y_channel + tile.runs[i].y,
                          tile.length);
  }
}

template <class Y>
static void pairs_tile(const FsTile* tile) {
  fuses_pairs() ? runs_of_pairs<true, Y>(*tile) : runs_of_pairs<false, Y>(*tile);
  if (tile->streams) end_of_stream();
}

}  // namespace
