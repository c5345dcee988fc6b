// Dots: dot products of two neighbouring samples of 16 bits, or of four of 8, in each lane of 32.
//
// A vector of samples is one of pairs (x[i], x[i + 1]), (x[i + 2], x[i + 3]), ..., each for two outputs: y[i] takes
// it times (w[0], w[1]), and y[i + 1], which begins one sample later, times (0, w[0]). So even and odd outputs are two
// channels, as the parts of complex taps are: they share each load, from every second place of x, and nothing is
// shuffled before they are zipped on their way to y. K taps take K / 2 + 1 dots for each kind of outputs, half of the
// multiply-adds of whole lanes, and half of the loads again. In fours there are four kinds of outputs.
//
// The last dot of a row of taps would look beyond the window where K is even. It looks one sample earlier, see
// fs_dot_place, and passes over what the dot before it has seen.
#pragma once

#include "../simd/simd.hpp"
#include "microkernel.hpp"
#include "shapes.hpp"
#include "strip.hpp"

namespace {

// The taps of one channel, and where its outputs go.
template <int width>
struct Dots {
  const int64_t* taps;
  int64_t n_taps, row;  // in dots, in taps
  const uint32_t* w;
  uint32_t bias;
  bool accumulate, streams;

  int64_t columns() const { return fs_dots(row, width); }
  // Whether the first half of the outputs takes nothing from the last dot of a row.
  bool ends_in_half() const { return width * (columns() - 1) >= row - 1 + width / 2; }
};

// Sums of each kind for so many vectors, the taps of one kind each, one x: 21 of 32 registers, or 11 of 16.
template <int width>
constexpr int kDotVectors = kShapes.dot_sums / width;

template <int width>
struct SampleOf {
  typedef uint16_t Type;
};
template <>
struct SampleOf<4> {
  typedef uint8_t Type;
};
template <int width>
using Sample = typename SampleOf<width>::Type;

// Numbers of y in a vector.
template <class Y>
constexpr int kPerVector = Vec<uint32_t>::lanes * 4 / (int)sizeof(Y);

template <class Y>
FS_INLINE void put_vector(Y* to, Vec<uint32_t> v, int n, bool accumulate, bool streams) {
  const bool is_whole = n >= kPerVector<Y>;
  const int bytes = is_whole ? 0 : n * (int)sizeof(Y);
  if (accumulate) {
    const Vec<uint32_t> before = is_whole ? load_bytes(to) : load_bytes(to, bytes);
    v = sizeof(Y) == 4 ? v + before : add_halves(v, before);
  }
  if (!is_whole)
    store_bytes(to, v, bytes);
  else if (streams)
    stream((uint32_t*)to, v);
  else
    store_bytes(to, v);
}

// Lanes of two, or four, vectors in turn.
FS_INLINE void zip2(const Vec<uint32_t>* from, Vec<uint32_t>* to) {
  to[0] = zip_low(from[0], from[1]);
  to[1] = zip_high(from[0], from[1]);
}

FS_INLINE void zip4(const Vec<uint32_t>* from, Vec<uint32_t>* to) {
  const Vec<uint32_t> low[] = {zip_low(from[0], from[2]), zip_low(from[1], from[3])};
  const Vec<uint32_t> high[] = {zip_high(from[0], from[2]), zip_high(from[1], from[3])};
  zip2(low, to);
  zip2(high, to + 2);
}

// Sums of each kind of outputs, in the order of y; in 16 bits, modulo 2^16.
template <int width, class Y>
FS_INLINE void put_sums(Y* to, const Vec<uint32_t>* sum, int n, bool accumulate, bool streams) {
  constexpr int n_vectors = width * (int)sizeof(Y) / 4;
  Vec<uint32_t> v[4];
  if constexpr (sizeof(Y) == 4) {
    if constexpr (width == 2)
      zip2(sum, v);
    else
      zip4(sum, v);
  } else if constexpr (width == 2) {
    v[0] = low_halves(sum[0], sum[1]);
  } else {
    const Vec<uint32_t> halves[] = {low_halves(sum[0], sum[1]), low_halves(sum[2], sum[3])};
    zip2(halves, v);
  }
  FS_UNROLL
  for (int i = 0; i < n_vectors; ++i) {
    const int left = n - i * kPerVector<Y>;
    if (left > 0) put_vector(to + i * kPerVector<Y>, v[i], left, accumulate, streams);
  }
}

// The products of one dot, for the kinds of outputs from `first` on.
template <int width, int vectors, int first, bool fused, class X>
FS_INLINE void add_dots(Vec<uint32_t> (&sum)[vectors][width], const X* x, const uint32_t* w, int samples) {
  Vec<uint32_t> tap[width];
  FS_UNROLL
  for (int k = first; k < width; ++k) tap[k] = splat(w[k]);
  FS_UNROLL
  for (int v = 0; v < vectors; ++v) {
    const X* from = x + v * width * Vec<uint32_t>::lanes;
    const Vec<uint32_t> dots = samples == kAll ? load_bytes(from) : load_bytes(from, samples * (int)sizeof(X));
    FS_UNROLL
    for (int k = first; k < width; ++k) sum[v][k] = multiply_add_dots<width, fused>(dots, tap[k], sum[v][k]);
  }
}

// Samples that n outputs read for a dot at this place: those of whole dots, within the window.
FS_INLINE int samples_of(int n, int width, int64_t place, int64_t row) {
  const int64_t whole = (n + width - 1) / width * width, inside = n + row - 1 - place;
  return (int)(whole < inside ? whole : inside);
}

// `vectors` vectors of dots, or the first n outputs of one.
template <int width, int vectors, bool fused, class Y>
FS_INLINE void strip_of_dots(const Dots<width>& s, const Sample<width>* x, Y* y, int n) {
  constexpr int per_vector = width * Vec<uint32_t>::lanes;
  const int64_t columns = s.columns();
  const bool ends_in_half = s.ends_in_half();
  Vec<uint32_t> sum[vectors][width];
  FS_UNROLL
  for (int v = 0; v < vectors; ++v) FS_UNROLL
  for (int k = 0; k < width; ++k) sum[v][k] = splat(s.bias);
  int64_t column = 0;
  for (int64_t t = 0; t < s.n_taps; ++t) {
    const int samples = n == kAll ? kAll : samples_of(n, width, fs_dot_place(column, s.row, width), s.row);
    const bool is_last = ++column == columns;
    if (is_last && ends_in_half)
      add_dots<width, vectors, width / 2, fused>(sum, x + s.taps[t], s.w + width * t, samples);
    else
      add_dots<width, vectors, 0, fused>(sum, x + s.taps[t], s.w + width * t, samples);
    if (is_last) column = 0;
  }
  FS_UNROLL
  for (int v = 0; v < vectors; ++v) put_sums<width>(y + v * per_vector, sum[v], n, s.accumulate, s.streams);
}

template <int width, bool fused, class Y>
static void run_of_dots(const Dots<width>& s, const Sample<width>* x, Y* y, int64_t length) {
  constexpr int vectors = kDotVectors<width>;
  constexpr int64_t step = width * Vec<uint32_t>::lanes;
  int64_t at = 0;
  if (s.streams) {
    const int64_t head = until_aligned(y);
    at = head < length ? head : length;
    if (at > 0) strip_of_dots<width, 1, fused>(s, x, y, (int)at);
  }
  for (; at + vectors * step <= length; at += vectors * step)
    strip_of_dots<width, vectors, fused>(s, x + at, y + at, kAll);
  for (; at + vectors / 2 * step <= length; at += vectors / 2 * step)
    strip_of_dots<width, vectors / 2, fused>(s, x + at, y + at, kAll);
  for (; at + step <= length; at += step) strip_of_dots<width, 1, fused>(s, x + at, y + at, kAll);
  if (at < length) strip_of_dots<width, 1, fused>(s, x + at, y + at, (int)(length - at));
}

template <int width, bool fused, class Y>
static void runs_of_dots(const FsTile& tile) {
  for (int64_t k = 0; k < tile.n_out; ++k) {
    const Dots<width> s{tile.taps,
                        tile.n_taps,
                        tile.tap_columns,
                        (const uint32_t*)tile.w + width * (k * tile.w_taps + tile.first_tap),
                        tile.bias && !tile.accumulate ? ((const uint32_t*)tile.bias)[k] : 0,
                        tile.accumulate != 0,
                        tile.streams && !tile.accumulate};
    for (int64_t i = 0; i < tile.n_runs; ++i)
      run_of_dots<width, fused>(s, (const Sample<width>*)tile.x + tile.runs[i].x,
                                (Y*)tile.y + k * tile.y_channel + tile.runs[i].y, tile.length);
  }
}

template <class Y>
static void pairs_tile(const FsTile* tile) {
  if (has_fused_dots())
    runs_of_dots<2, kMayFuseDots, Y>(*tile);
  else
    runs_of_dots<2, false, Y>(*tile);
  if (tile->streams) end_of_stream();
}

template <class Y>
static void quads_tile(const FsTile* tile) {
  if constexpr (kMayFuseDots) runs_of_dots<4, true, Y>(*tile);
  if (tile->streams) end_of_stream();
}

static int has_quads(void) { return has_fused_dots(); }

}  // namespace
