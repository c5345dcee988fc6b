// moments: sums and deviations of windows, and the scores that are made of them, a row at a time.
#include "moments.hpp"

#include "microkernel.hpp"

namespace {

template <class T>
static void merge(int64_t n, const void* from_sa, const void* from_ma, const void* from_sb, const void* from_mb,
                  void* to_s, void* to_m, const struct FsMerge* how) {
  const T* __restrict sa = (const T*)from_sa, * __restrict ma = (const T*)from_ma;
  const T* __restrict sb = (const T*)from_sb, * __restrict mb = (const T*)from_mb;
  T* __restrict s = (T*)to_s, * __restrict m = (T*)to_m;
  const T a = (T)how->a, b = (T)how->b, factor = (T)how->factor;
  if (ma && mb) {
    for (int64_t i = 0; i < n; ++i) {
      const T apart = b * sa[i] - a * sb[i];
      m[i] = ma[i] + mb[i] + apart * apart * factor;
      s[i] = sa[i] + sb[i];
    }
    return;
  }
  const T* __restrict other = ma ? ma : mb;
  for (int64_t i = 0; i < n; ++i) {
    const T apart = b * sa[i] - a * sb[i];
    m[i] = (other ? other[i] : 0) + apart * apart * factor;
    s[i] = sa[i] + sb[i];
  }
}

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
    T r = (is_centred ? c[i] : c[i] + s[i] * mean) * scale / __builtin_sqrt(size);
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

#define FS_MOMENTS(T)                                                        \
  {                                                                          \
    merge<T>, { correlation<T, true>, correlation<T, false>, difference<T> } \
  }

extern "C" const struct FsMoments FS_SYMBOL(moments)[2] = {FS_MOMENTS(float), FS_MOMENTS(double)};
