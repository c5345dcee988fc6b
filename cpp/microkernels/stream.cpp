// stream: taps slid over the newest samples, and spectra of partitions added up.
#include "stream.hpp"

#include "../simd/simd.hpp"
#include "microkernel.hpp"

namespace {

template <class T, int vectors>
FS_INLINE void fir_block(T* y, const T* x, const T* w, int64_t n_taps) {
  constexpr int lanes = Vec<T>::lanes;
  Vec<T> sums[vectors];
  FS_UNROLL
  for (int k = 0; k < vectors; ++k) sums[k] = load(y + k * lanes);
  for (int64_t j = 0; j < n_taps; ++j) {
    const Vec<T> tap = splat(w[j]);
    FS_UNROLL
    for (int k = 0; k < vectors; ++k) sums[k] = multiply_add(load(x + k * lanes - j), tap, sums[k]);
  }
  FS_UNROLL
  for (int k = 0; k < vectors; ++k) store(y + k * lanes, sums[k]);
}

template <class T>
static void fir(void* to, const void* from, const void* by, int64_t n_taps, int64_t n) {
  constexpr int lanes = Vec<T>::lanes, many = 8;
  T* y = (T*)to;
  const T *x = (const T*)from, *w = (const T*)by;
  int64_t i = 0;
  for (; i + many * lanes <= n; i += many * lanes) fir_block<T, many>(y + i, x + i, w, n_taps);
  for (; i + 2 * lanes <= n; i += 2 * lanes) fir_block<T, 2>(y + i, x + i, w, n_taps);
  for (; i < n; i += lanes) fir_block<T, 1>(y + i, x + i, w, n_taps);
}

// Some terms at once share the loads and stores of their sums.
template <class T, int terms>
static void mix_some(T* to, const void* const* from, const void* const* h, int64_t n_points, int is_first) {
  constexpr int lanes = Vec<T>::lanes;
  for (int64_t at = 0; at < n_points * 2 * lanes; at += 2 * lanes) {
    Vec<T> re = is_first ? splat(T(0)) : load(to + at), im = is_first ? splat(T(0)) : load(to + at + lanes);
    FS_UNROLL
    for (int t = 0; t < terms; ++t) {
      const T *x = (const T*)from[t] + at, *w = (const T*)h[t] + at;
      const Vec<T> x_re = load(x), x_im = load(x + lanes), w_re = load(w), w_im = load(w + lanes);
      re = multiply_add(x_im, w_im, multiply_add(x_re, w_re, re));
      im = multiply_add(x_im, w_re, im) - x_re * w_im;
    }
    store(to + at, re);
    store(to + at + lanes, im);
  }
}

template <class T>
static void mix(void* to, const void* const* from, const void* const* h, int64_t n_terms, int64_t n_points) {
  int64_t t = 0;
  for (; t + 4 <= n_terms; t += 4) mix_some<T, 4>((T*)to, from + t, h + t, n_points, t == 0);
  for (; t < n_terms; ++t) mix_some<T, 1>((T*)to, from + t, h + t, n_points, t == 0);
}

template <class T>
static int has_wild(const void* from, double most, int64_t n) {
  const T *x = (const T*)from, limit = (T)most;
  int tame = 1;
  for (int64_t i = 0; i < n; ++i) tame &= (int)(x[i] < limit) & (int)(x[i] > -limit);
  return !tame;
}

}  // namespace

extern "C" const struct FsStream FS_SYMBOL(stream) = {
    {fir<float>, fir<double>, fir<uint64_t>}, {mix<float>, mix<double>}, {has_wild<float>, has_wild<double>}};
