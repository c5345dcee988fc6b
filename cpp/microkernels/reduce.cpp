// reduce: rows joined into one, a few vectors of it at a time, which stay in registers meanwhile.
#include "reduce.hpp"

#include "../simd/simd.hpp"
#include "microkernel.hpp"

namespace {

template <class T>
struct IndexOf;
template <>
struct IndexOf<float> {
  typedef int32_t Type;
};
template <>
struct IndexOf<double> {
  typedef int64_t Type;
};
template <>
struct IndexOf<int32_t> {
  typedef int32_t Type;
};
template <>
struct IndexOf<int64_t> {
  typedef int64_t Type;
};
template <>
struct IndexOf<uint64_t> {
  typedef int64_t Type;
};
template <class T>
using Index = typename IndexOf<T>::Type;

// x where it is larger or NaN, with its number in *which where that is asked for.
template <class T>
FS_INLINE void take_larger(Vec<T>* best, Vec<T> x) {
#ifdef FS_PLAIN_LANES
  for (int i = 0; i < 4; ++i)
    if (x.lane[i] > best->lane[i] || x.lane[i] != x.lane[i]) best->lane[i] = x.lane[i];
#elif defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 && T(0.5) != T(0))
    best->v = _mm512_mask_mov_ps(_mm512_max_ps(x.v, best->v), _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q), x.v);
  else if constexpr (T(0.5) != T(0))
    best->v = _mm512_mask_mov_pd(_mm512_max_pd(x.v, best->v), _mm512_cmp_pd_mask(x.v, x.v, _CMP_UNORD_Q), x.v);
  else
    best->v = x.v > best->v ? x.v : best->v;
#else
  best->v = ((x.v > best->v) | (x.v != x.v)) ? x.v : best->v;
#endif
}

template <class T>
FS_INLINE void take_larger(Vec<T>* best, Vec<Index<T>>* which, Vec<T> x, Index<T> number) {
#ifdef FS_PLAIN_LANES
  for (int i = 0; i < 4; ++i)
    if (x.lane[i] > best->lane[i] || x.lane[i] != x.lane[i]) {
      best->lane[i] = x.lane[i];
      which->lane[i] = number;
    }
#else
  const auto larger = (x.v > best->v) | (x.v != x.v);
  best->v = larger ? x.v : best->v;
  which->v = larger ? splat(number).v : which->v;
#endif
}

template <class T>
struct Largest {
  FS_INLINE void join(Vec<T>* total, Vec<T> x) { take_larger(total, x); }
  FS_INLINE T join_one(T total, T x) { return x > total || x != x ? x : total; }
};

template <class T>
struct Sum {
  FS_INLINE void join(Vec<T>* total, Vec<T> x) { *total = *total + x; }
  FS_INLINE T join_one(T total, T x) { return total + x; }
};

// `vectors` vectors from `at` on, or the first `lanes` lanes of one.
template <class Join, class T, int vectors, bool is_part>
FS_INLINE void join_block(T* y, const T* const* rows, int64_t n_rows, int64_t at, int lanes) {
  constexpr int64_t step = Vec<T>::lanes;
  const auto read = [&](const T* row, int v) {
    return is_part ? load_part(row + at, lanes) : load(row + at + v * step);
  };
  Vec<T> total[vectors];
  FS_UNROLL
  for (int v = 0; v < vectors; ++v) total[v] = read(rows[0], v);
  for (int64_t r = 1; r < n_rows; ++r) {
    FS_UNROLL
    for (int v = 0; v < vectors; ++v) Join::join(&total[v], read(rows[r], v));
  }
  FS_UNROLL
  for (int v = 0; v < vectors; ++v) is_part ? store_part(y + at, total[v], lanes) : store(y + at + v * step, total[v]);
}

template <class Join, class T>
static void join_rows(void* y, const void* const* from, int64_t n_rows, int64_t n) {
  constexpr int64_t lanes = Vec<T>::lanes;
  const T* const* rows = (const T* const*)from;
  int64_t at = 0;
  for (; at + 4 * lanes <= n; at += 4 * lanes) join_block<Join, T, 4, false>((T*)y, rows, n_rows, at, 0);
  for (; at + lanes <= n; at += lanes) join_block<Join, T, 1, false>((T*)y, rows, n_rows, at, 0);
  if (at < n) join_block<Join, T, 1, true>((T*)y, rows, n_rows, at, (int)(n - at));
}

// Whole vectors are joined into one, whose lanes are joined in halves; the rest of the row follows one by one.
template <class Join, class T>
static void fold_row(void* y, const void* from, int64_t n) {
  constexpr int lanes = Vec<T>::lanes;
  const T* row = (const T*)from;
  const T* pair[2] = {row, row};
  T total = row[0];
  int64_t at = 1;
  if (n >= lanes) {
    Vec<T> sum = load(row);
    for (at = lanes; at + lanes <= n; at += lanes) Join::join(&sum, load(row + at));
    T lane[2 * lanes] = {};
    store(lane, sum);
    for (int half = lanes / 2; half > 0; half /= 2) {
      pair[0] = lane;
      pair[1] = lane + half;
      join_block<Join, T, 1, false>(lane, pair, 2, 0, 0);
    }
    total = lane[0];
  }
  for (; at < n; ++at) total = Join::join_one(total, row[at]);
  *(T*)y = total;
}

template <class T, bool is_part>
FS_INLINE void pick_block(T* y, Index<T>* which, const T* const* rows, int64_t n_rows, int64_t at, int lanes) {
  const auto read = [&](const T* row) { return is_part ? load_part(row + at, lanes) : load(row + at); };
  Vec<T> best = read(rows[0]);
  Vec<Index<T>> number = splat(Index<T>(0));
  for (int64_t r = 1; r < n_rows; ++r) take_larger(&best, &number, read(rows[r]), (Index<T>)r);
  is_part ? store_part(y + at, best, lanes) : store(y + at, best);
  is_part ? store_part(which + at, number, lanes) : store(which + at, number);
}

template <class T>
static void pick_rows(void* y, void* which, const void* const* from, int64_t n_rows, int64_t n) {
  constexpr int64_t lanes = Vec<T>::lanes;
  const T* const* rows = (const T* const*)from;
  int64_t at = 0;
  for (; at + lanes <= n; at += lanes) pick_block<T, false>((T*)y, (Index<T>*)which, rows, n_rows, at, 0);
  if (at < n) pick_block<T, true>((T*)y, (Index<T>*)which, rows, n_rows, at, (int)(n - at));
}

template <class T>
static void divide_row(void* y, const void* sums, const void* counts, double scale, int64_t n) {
  for (int64_t i = 0; i < n; ++i) ((T*)y)[i] = ((const T*)sums)[i] / (((const T*)counts)[i] * (T)scale);
}

}  // namespace

#define FS_EACH_ORDERED(DO) {DO(float), DO(double), DO(int32_t), DO(int64_t), DO(uint64_t)}
#define FS_LARGEST(T) join_rows<Largest<T>, T>
#define FS_PICK(T) pick_rows<T>
#define FS_FOLD(T) fold_row<Largest<T>, T>

extern "C" const struct FsReduce FS_SYMBOL(reduce) = {FS_EACH_ORDERED(FS_LARGEST),
                                                      FS_EACH_ORDERED(FS_PICK),
                                                      {join_rows<Sum<float>, float>, join_rows<Sum<double>, double>},
                                                      FS_EACH_ORDERED(FS_FOLD),
                                                      {fold_row<Sum<float>, float>, fold_row<Sum<double>, double>},
                                                      {divide_row<float>, divide_row<double>}};
