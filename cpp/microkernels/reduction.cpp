// Many products, few outputs: y[r][k] += sum_t x[r][t] w[k][t], a block of rows and channels in registers while the
// terms go by.
//
// `outer` has a sum for each output: every term brings a vector of channels, which meets a number of each row of x. It
// reads x wherever it lies, at any step. `inner` has a vector of sums for each output, whose lanes are added at the
// end: it fills the lanes where there are few channels.
#include "reduction.hpp"

#include "microkernel.hpp"
#include "shapes.hpp"
#include "../simd/simd.hpp"

namespace {

// Vectors of channels, and the rows that meet them: see the rule in shapes.hpp.
constexpr int kMostVectors = kShapes.registers == 32 ? 4 : 3;
constexpr int rows_for(int vectors) {
  return kShapes.registers == 32 ? (vectors == 4 ? 6 : 8) : (vectors == 3 ? 4 : vectors == 2 ? 6 : 8);
}

// A block of at most `most`, all blocks of n as even as possible.
FS_INLINE int64_t even_block(int64_t n, int64_t most) {
  const int64_t blocks = (n + most - 1) / most;
  return (n + blocks - 1) / blocks;
}

// ------------------------------------------------------------------------------- outer

template <class T, int rows, int vectors>
static void outer_block(const FsReduction& s, const T* panel, int64_t row, int64_t channel) {
  constexpr int lanes = Vec<T>::lanes;
  T* const y = (T*)s.y + row * s.y_pitch + channel;
  Vec<T> sum[rows][vectors];
  FS_UNROLL
  for (int r = 0; r < rows; ++r) FS_UNROLL
  for (int v = 0; v < vectors; ++v) sum[r][v] = load(y + r * s.y_pitch + v * lanes);
  for (int64_t i = 0; i < s.n_runs; ++i) {
    const FsTerms run = s.runs[i];
    const T* w = panel + run.w * vectors * lanes;
    const T* x[rows];
    FS_UNROLL
    for (int r = 0; r < rows; ++r) x[r] = (const T*)s.x + s.rows[row + r] + run.x;
    for (int64_t t = 0; t < run.n; ++t, w += vectors * lanes) {
      Vec<T> taps[vectors];
      FS_UNROLL
      for (int v = 0; v < vectors; ++v) taps[v] = load_once(w + v * lanes);
      FS_UNROLL
      for (int r = 0; r < rows; ++r) {
        const Vec<T> sample = splat(x[r][t * s.step]);
        FS_UNROLL
        for (int v = 0; v < vectors; ++v) sum[r][v] = multiply_add(sample, taps[v], sum[r][v]);
      }
    }
  }
  FS_UNROLL
  for (int r = 0; r < rows; ++r) FS_UNROLL
  for (int v = 0; v < vectors; ++v) store(y + r * s.y_pitch + v * lanes, sum[r][v]);
}

template <class T, int vectors>
static void outer_panel(const FsReduction& s, const T* panel, int64_t channel) {
  constexpr int most = rows_for(vectors);
  int64_t row = 0;
  for (; row + most <= s.n_rows; row += most) outer_block<T, most, vectors>(s, panel, row, channel);
  for (; row + 4 <= s.n_rows; row += 4) outer_block<T, 4, vectors>(s, panel, row, channel);
  for (; row < s.n_rows; ++row) outer_block<T, 1, vectors>(s, panel, row, channel);
}

// visit(first channel, vectors) for each block of channels.
template <class T, class Visit>
FS_INLINE void over_vectors(int64_t n_out, const Visit& visit) {
  constexpr int64_t lanes = Vec<T>::lanes;
  const int64_t n = (n_out + lanes - 1) / lanes;
  for (int64_t v = 0; v < n;) {
    const int64_t vectors = even_block(n - v, kMostVectors);
    visit(v * lanes, vectors);
    v += vectors;
  }
}

template <class T>
static void outer(const FsReduction* s) {
  over_vectors<T>(s->n_out, [&](int64_t channel, int64_t vectors) {
    const T* panel = (const T*)s->w + channel * s->w_pitch;
    switch (vectors) {
      case 1: return outer_panel<T, 1>(*s, panel, channel);
      case 2: return outer_panel<T, 2>(*s, panel, channel);
      case 3: return outer_panel<T, 3>(*s, panel, channel);
      default: return outer_panel<T, kMostVectors>(*s, panel, channel);
    }
  });
}

// ------------------------------------------------------------------------------- inner

template <class T>
FS_INLINE T sum_of_lanes(Vec<T> v) {
  constexpr int lanes = Vec<T>::lanes;
  T sums[lanes];
  store(sums, v);
  for (int n = lanes / 2; n > 0; n /= 2)
    for (int i = 0; i < n; ++i) sums[i] += sums[i + n];
  return sums[0];
}

template <class T, int rows, int channels>
FS_INLINE void inner_step(Vec<T> (&sum)[rows][channels], const T* const (&x)[rows], const T* w, int64_t w_pitch,
                          int64_t t, int n) {
  Vec<T> taps[channels];
  FS_UNROLL
  for (int k = 0; k < channels; ++k)
    taps[k] = n == Vec<T>::lanes ? load_once(w + k * w_pitch + t) : load_part(w + k * w_pitch + t, n);
  FS_UNROLL
  for (int r = 0; r < rows; ++r) {
    const Vec<T> samples = n == Vec<T>::lanes ? load_once(x[r] + t) : load_part(x[r] + t, n);
    FS_UNROLL
    for (int k = 0; k < channels; ++k) sum[r][k] = multiply_add(samples, taps[k], sum[r][k]);
  }
}

template <class T, int rows, int channels>
static void inner_block(const FsReduction& s, int64_t row, int64_t channel) {
  constexpr int lanes = Vec<T>::lanes;
  Vec<T> sum[rows][channels];
  FS_UNROLL
  for (int r = 0; r < rows; ++r) FS_UNROLL
  for (int k = 0; k < channels; ++k) sum[r][k] = splat(T(0));
  for (int64_t i = 0; i < s.n_runs; ++i) {
    const FsTerms run = s.runs[i];
    const T* w = (const T*)s.w + channel * s.w_pitch + run.w;
    const T* x[rows];
    FS_UNROLL
    for (int r = 0; r < rows; ++r) x[r] = (const T*)s.x + s.rows[row + r] + run.x;
    int64_t t = 0;
    for (; t + lanes <= run.n; t += lanes) inner_step<T, rows, channels>(sum, x, w, s.w_pitch, t, lanes);
    if (t < run.n) inner_step<T, rows, channels>(sum, x, w, s.w_pitch, t, (int)(run.n - t));
  }
  T* y = (T*)s.y + row * s.y_pitch + channel;
  for (int r = 0; r < rows; ++r, y += s.y_pitch)
    for (int k = 0; k < channels; ++k) y[k] += sum_of_lanes(sum[r][k]);
}

template <class T, int rows, int channels>
FS_INLINE void inner_block_of(const FsReduction& s, int64_t row, int64_t channel, int64_t n) {
  if constexpr (rows > 1)
    if (n < rows) return inner_block_of<T, rows - 1, channels>(s, row, channel, n);
  inner_block<T, rows, channels>(s, row, channel);
}

// Taps of one channel along both axes are 9 rows, or 25, or 49: as few blocks as there are registers for.
template <class T, int channels>
static void inner_rows(const FsReduction& s, int64_t channel) {
  constexpr bool many = kShapes.registers == 32;
  constexpr int most = channels == 4 ? (many ? 5 : 2) : channels == 2 ? 6 : many ? 13 : 9;
  for (int64_t row = 0; row < s.n_rows;) {
    const int64_t rows = even_block(s.n_rows - row, most);
    inner_block_of<T, most, channels>(s, row, channel, rows);
    row += rows;
  }
}

template <class T>
static void inner(const FsReduction* s) {
  int64_t k = 0;
  for (; k + 4 <= s->n_out; k += 4) inner_rows<T, 4>(*s, k);
  for (; k + 2 <= s->n_out; k += 2) inner_rows<T, 2>(*s, k);
  if (k < s->n_out) inner_rows<T, 1>(*s, k);
}

// ---------------------------------------------------------------------- rows that become lanes

// Zips halves: after log2 of the lanes, rows are columns (Stone 1971, the perfect shuffle).
template <class T>
FS_INLINE void transpose(Vec<T> (&rows)[Vec<T>::lanes]) {
  constexpr int lanes = Vec<T>::lanes;
  FS_UNROLL
  for (int n = 1; n < lanes; n *= 2) {
    Vec<T> zipped[lanes];
    FS_UNROLL
    for (int i = 0; i < lanes / 2; ++i) {
      zipped[2 * i] = zip_low(rows[i], rows[i + lanes / 2]);
      zipped[2 * i + 1] = zip_high(rows[i], rows[i + lanes / 2]);
    }
    FS_UNROLL
    for (int i = 0; i < lanes; ++i) rows[i] = zipped[i];
  }
}

// A square of at most `lanes` rows, `pitch` apart, and n columns; to rows `to_pitch` apart, whole vectors or n_rows
// lanes of them.
template <class T>
FS_INLINE void turn_square(T* to, int64_t to_pitch, const T* from, int64_t pitch, int64_t n_rows, int64_t n,
                           bool whole) {
  constexpr int lanes = Vec<T>::lanes;
  Vec<T> rows[lanes];
  if (n_rows >= lanes && n >= lanes) {
    FS_UNROLL
    for (int r = 0; r < lanes; ++r) rows[r] = load(from + r * pitch);
    transpose(rows);
    FS_UNROLL
    for (int c = 0; c < lanes; ++c) store(to + c * to_pitch, rows[c]);
    return;
  }
  const int columns = n < lanes ? (int)n : lanes;
  for (int r = 0; r < lanes; ++r)
    rows[r] =
        r < n_rows ? (columns == lanes ? load(from + r * pitch) : load_part(from + r * pitch, columns)) : splat(T(0));
  transpose(rows);
  for (int c = 0; c < columns; ++c)
    if (whole || n_rows >= lanes)
      store(to + c * to_pitch, rows[c]);
    else
      store_part(to + c * to_pitch, rows[c], (int)n_rows);
}

template <class T>
static void weave(void* to, const void* w, int64_t w_pitch, int64_t n_out, int64_t n_terms) {
  constexpr int64_t lanes = Vec<T>::lanes;
  over_vectors<T>(n_out, [&](int64_t channel, int64_t vectors) {
    T* panel = (T*)to + channel * n_terms;
    for (int64_t v = 0; v < vectors; ++v) {
      const int64_t first = channel + v * lanes;
      for (int64_t t = 0; t < n_terms; t += lanes)
        turn_square<T>(panel + (t * vectors + v) * lanes, vectors * lanes, (const T*)w + first * w_pitch + t, w_pitch,
                       n_out - first, n_terms - t, true);
    }
  });
}

template <class T>
static void turn(void* to, const void* y, int64_t pitch, int64_t n_rows, int64_t n_columns) {
  constexpr int64_t lanes = Vec<T>::lanes;
  for (int64_t c = 0; c < n_columns; c += lanes)
    for (int64_t r = 0; r < n_rows; r += lanes)
      turn_square<T>((T*)to + c * n_rows + r, n_rows, (const T*)y + r * pitch + c, pitch, n_rows - r, n_columns - c,
                     false);
}

}  // namespace

#define FS_REDUCTIONS(T) {outer<T>, inner<T>, weave<T>, turn<T>, Vec<T>::lanes}

extern "C" const struct FsReductions FS_SYMBOL(reduction)[FS_N_COMPUTE] = {
    FS_REDUCTIONS(float), FS_REDUCTIONS(double), FS_REDUCTIONS(uint32_t), FS_REDUCTIONS(uint64_t)};
