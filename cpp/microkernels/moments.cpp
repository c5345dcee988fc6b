// moments: sums and deviations of windows, and the scores that are made of them, a row at a time.
#include "moments.hpp"

#include "../simd/simd.hpp"
#include "microkernel.hpp"

namespace {

template <class T>
struct Moments {
  Vec<T> s, m;
};

template <class T>
struct Merge {
  Vec<T> a, b, factor;
  explicit Merge(const struct FsMerge& how) : a(splat((T)how.a)), b(splat((T)how.b)), factor(splat((T)how.factor)) {}
};

template <class T>
FS_INLINE Moments<T> load_moments(const T* s, const T* m) {
  return {load(s), load(m)};
}

template <class T>
FS_INLINE Moments<T> join(Moments<T> first, Moments<T> second, Vec<T> apart, Vec<T> factor) {
  return {first.s + second.s, multiply_add(apart * apart, factor, first.m + second.m)};
}

template <class T>
FS_INLINE Moments<T> join(Moments<T> first, Moments<T> second, const Merge<T>& how) {
  return join(first, second, how.b * first.s - how.a * second.s, how.factor);
}

template <class T>
static void merge(int64_t n, const void* from_sa, const void* from_ma, const void* from_sb, const void* from_mb,
                  void* to_s, void* to_m, const struct FsMerge* how) {
  const T *sa = (const T*)from_sa, *ma = (const T*)from_ma, *sb = (const T*)from_sb, *mb = (const T*)from_mb;
  T *s = (T*)to_s, *m = (T*)to_m;
  const Merge<T> merge(*how);
  for (int64_t i = 0; i < n; i += Vec<T>::lanes) {
    const Moments<T> both = join(load_moments(sa + i, ma + i), load_moments(sb + i, mb + i), merge);
    store(s + i, both.s);
    store(m + i, both.m);
  }
}

// A strip of moments, in registers.
template <class T>
struct Strip {
  static constexpr int lanes = Vec<T>::lanes, vectors = FS_STRIP_VECTORS, size = lanes * vectors;
  Moments<T> at[vectors];

  FS_INLINE Strip read(const T* s, const T* m) {
    Strip strip;
    FS_UNROLL
    for (int v = 0; v < vectors; ++v) strip.at[v] = {load(s + v * lanes), m ? load(m + v * lanes) : splat(T(0))};
    return strip;
  }
  FS_INLINE Strip read(const T* line) { return read(line, line + size); }
  FS_INLINE void write(T* s, T* m, const Strip& strip) {
    FS_UNROLL
    for (int v = 0; v < vectors; ++v) {
      store(s + v * lanes, strip.at[v].s);
      store(m + v * lanes, strip.at[v].m);
    }
  }
  // Of as many rows each.
  FS_INLINE Strip join_halves(const Strip& first, const Strip& second, const struct FsMerge& how) {
    const Vec<T> factor = splat((T)how.factor);
    Strip strip;
    FS_UNROLL
    for (int v = 0; v < vectors; ++v)
      strip.at[v] = join(first.at[v], second.at[v], first.at[v].s - second.at[v].s, factor);
    return strip;
  }
  FS_INLINE Strip join_parts(const Strip& first, const Strip& second, const struct FsMerge& how) {
    const Merge<T> merge(how);
    Strip strip;
    FS_UNROLL
    for (int v = 0; v < vectors; ++v) strip.at[v] = join(first.at[v], second.at[v], merge);
    return strip;
  }
};

template <class T>
FS_INLINE T* line_of(T* ring, const struct FsLadder* ladder, int64_t level, int64_t row) {
  return ring + (ladder->first[level] + (row & (ladder->kept[level] - 1))) * 2 * Strip<T>::size;
}

template <class T>
static void column(void* to_s, void* to_m, const void* from_s, const void* from_m, int64_t step, int64_t row,
                   int64_t n_rows, int64_t n_skipped, void* from_ring, const struct FsLadder* ladder) {
  using S = Strip<T>;
  T* ring = (T*)from_ring;
  for (int64_t r = 0; r < n_rows; ++r) {
    S top = S::read((const T*)from_s + r * step, from_m ? (const T*)from_m + r * step : nullptr);
    for (int64_t level = 0; level < ladder->n_levels; ++level) {
      const S before = S::read(line_of(ring, ladder, level, row + r - ((int64_t)1 << level)));
      T* line = line_of(ring, ladder, level, row + r);
      S::write(line, line + S::size, top);
      top = S::join_halves(before, top, ladder->merges[level]);
    }
    if (r < n_skipped) continue;
    if (ladder->n_parts > 1) {
      const struct FsPart* part = ladder->parts;
      S sum = S::read(line_of(ring, ladder, part->level, row + r - part->behind));
      for (int64_t p = 1; p < ladder->n_parts - 1; ++p) {
        part = ladder->parts + p;
        sum = S::join_parts(sum, S::read(line_of(ring, ladder, part->level, row + r - part->behind)), part->merge);
      }
      top = S::join_parts(sum, top, ladder->parts[ladder->n_parts - 1].merge);
    }
    S::write((T*)to_s + r * step, (T*)to_m + r * step, top);
  }
}

FS_INLINE float root(float x) { return __builtin_sqrtf(x); }
FS_INLINE double root(double x) { return __builtin_sqrt(x); }

// What is not a number stays so: comparisons with it are false.
template <class T, bool is_centred>
static int64_t correlation(int64_t n, void* to, const void* sums, const void* deviations, const struct FsScore* score) {
  T* __restrict c = (T*)to;
  const T* __restrict s = (const T*)sums, * __restrict m = (const T*)deviations;
  const T inverse = (T)(1 / score->samples), flat = (T)score->flat, mean = (T)score->w_mean, doubt = (T)score->doubt;
  const double energy = score->w_deviation + (is_centred ? 0 : score->samples * score->w_mean * score->w_mean);
  const T scale = (T)(1 / __builtin_sqrt(energy));
  int64_t doubtful = 0;
  for (int64_t i = 0; i < n; ++i) {
    const T square = s[i] * s[i];
    const T size = is_centred ? m[i] : m[i] + square * inverse;
    T r = (is_centred ? c[i] : c[i] + s[i] * mean) * scale / root(size);
    r = r > 1 ? 1 : r;
    r = r < -1 ? -1 : r;
    const bool is_flat = is_centred ? m[i] <= flat * square : size <= 0;
    const bool is_doubtful = !is_flat & (size < doubt);
    r = is_doubtful ? FS_DOUBT : r;
    c[i] = is_flat ? 0 : r;
    doubtful += is_doubtful;
  }
  return doubtful;
}

template <class T>
static int64_t difference(int64_t n, void* to, const void* sums, const void* deviations, const struct FsScore* score) {
  T* __restrict c = (T*)to;
  const T* __restrict s = (const T*)sums, * __restrict m = (const T*)deviations;
  const T samples = (T)score->samples, inverse = (T)(1 / score->samples), mean = (T)score->w_mean;
  const T deviation = (T)score->w_deviation;
  for (int64_t i = 0; i < n; ++i) {
    const T apart = s[i] * inverse - mean;
    const T sum = (m[i] + deviation - 2 * c[i]) + samples * apart * apart;
    c[i] = sum < 0 ? 0 : sum;
  }
  return 0;
}

}  // namespace

#define FS_MOMENTS(T)                                                                                   \
  {                                                                                                     \
    Strip<T>::size, column<T>, merge<T>, { correlation<T, true>, correlation<T, false>, difference<T> } \
  }

extern "C" const struct FsMoments FS_SYMBOL(moments)[2] = {FS_MOMENTS(float), FS_MOMENTS(double)};
