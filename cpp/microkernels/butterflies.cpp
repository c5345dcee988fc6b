// Lane-batched Fourier transforms: the scalar algorithm on vectors.
//
// Forward by decimation in frequency, inverse by its mirror image, both in place and without a
// permutation. The recursion goes down to the smallest parts before it moves on, so that all
// levels but the first few work in the first-level cache.
#include "butterflies.hpp"

#include "../simd/simd.hpp"
#include "microkernel.hpp"

namespace {

template <class T>
struct Complex {
  Vec<T> re, im;
};

template <class T>
FS_INLINE Complex<T> operator+(Complex<T> a, Complex<T> b) {
  return {a.re + b.re, a.im + b.im};
}

template <class T>
FS_INLINE Complex<T> operator-(Complex<T> a, Complex<T> b) {
  return {a.re - b.re, a.im - b.im};
}

template <class T>
FS_INLINE Complex<T> scale(Complex<T> a, T by) {
  return {a.re * splat(by), a.im * splat(by)};
}

// Times −i, or +i in the inverse.
template <bool inverse, class T>
FS_INLINE Complex<T> times_i(Complex<T> a) {
  const Vec<T> zero = splat(T(0));
  if constexpr (inverse) return {zero - a.im, a.re};
  return {a.im, zero - a.re};
}

template <bool conjugate, class T>
FS_INLINE Complex<T> times(Complex<T> a, Vec<T> re, Vec<T> im) {
  if constexpr (conjugate)
    return {multiply_add(a.im, im, a.re * re), a.im * re - a.re * im};
  else
    return {a.re * re - a.im * im, multiply_add(a.re, im, a.im * re)};
}

template <class T>
FS_INLINE Complex<T> load_complex(const T* from) {
  return {load(from), load(from + Vec<T>::lanes)};
}

template <class T>
FS_INLINE void store_complex(T* to, Complex<T> a) {
  store(to, a.re);
  store(to + Vec<T>::lanes, a.im);
}

// ------------------------------------------------------------------------- butterflies

template <bool inverse, class T>
FS_INLINE void butterfly4(Complex<T>& a, Complex<T>& b, Complex<T>& c, Complex<T>& d) {
  const Complex<T> p = a + c, q = a - c, r = b + d, s = times_i<inverse>(b - d);
  a = p + r;
  b = q + s;
  c = p - r;
  d = q - s;
}

// The r-point transform of a[0 … r−1], in place and in order.
template <int r, bool inverse, class T>
FS_INLINE void butterfly(Complex<T>* a) {
  if constexpr (r == 2) {
    const Complex<T> b = a[0] - a[1];
    a[0] = a[0] + a[1];
    a[1] = b;
  } else if constexpr (r == 3) {
    constexpr T half_root3 = T(0.86602540378443864676);
    const Complex<T> sum = a[1] + a[2], mid = a[0] - scale(sum, T(0.5));
    const Complex<T> side = times_i<inverse>(scale(a[1] - a[2], half_root3));
    a[0] = a[0] + sum;
    a[1] = mid + side;
    a[2] = mid - side;
  } else if constexpr (r == 4) {
    butterfly4<inverse>(a[0], a[1], a[2], a[3]);
  } else if constexpr (r == 5) {
    constexpr T c1 = T(0.30901699437494742410), c2 = T(-0.80901699437494742410);
    constexpr T s1 = T(0.95105651629515357212), s2 = T(0.58778525229247312917);
    const Complex<T> p1 = a[1] + a[4], m1 = a[1] - a[4], p2 = a[2] + a[3], m2 = a[2] - a[3];
    const Complex<T> u1 = a[0] + scale(p1, c1) + scale(p2, c2), u2 = a[0] + scale(p1, c2) + scale(p2, c1);
    const Complex<T> v1 = times_i<inverse>(scale(m1, s1) + scale(m2, s2));
    const Complex<T> v2 = times_i<inverse>(scale(m1, s2) - scale(m2, s1));
    a[0] = a[0] + p1 + p2;
    a[1] = u1 + v1;
    a[2] = u2 + v2;
    a[3] = u2 - v2;
    a[4] = u1 - v1;
  } else {
    static_assert(r == 8);
    constexpr T half_root2 = T(0.70710678118654752440);
    Complex<T> s[4], d[4];
    FS_UNROLL
    for (int k = 0; k < 4; ++k) {
      s[k] = a[k] + a[k + 4];
      d[k] = a[k] - a[k + 4];
    }
    // d[k] times the k-th power of the eighth root of one.
    const Complex<T> d1 = times_i<inverse>(d[1]), d3 = times_i<inverse>(d[3]);
    d[1] = scale(d[1] + d1, half_root2);
    d[2] = times_i<inverse>(d[2]);
    d[3] = scale(d3 - d[3], half_root2);
    butterfly4<inverse>(s[0], s[1], s[2], s[3]);
    butterfly4<inverse>(d[0], d[1], d[2], d[3]);
    FS_UNROLL
    for (int k = 0; k < 4; ++k) {
      a[2 * k] = s[k];
      a[2 * k + 1] = d[k];
    }
  }
}

// ------------------------------------------------------------------------------ levels

template <class T, int r>
FS_INLINE void load_points(Complex<T>* a, const T* data, int64_t step) {
  FS_UNROLL
  for (int k = 0; k < r; ++k) a[k] = load_complex(data + k * step);
}

template <class T, int r>
FS_INLINE void store_points(T* data, int64_t step, const Complex<T>* a) {
  FS_UNROLL
  for (int k = 0; k < r; ++k) store_complex(data + k * step, a[k]);
}

// a[first], a[first + 1], … times the numbers of w.
template <bool conjugate, class T, int r, int first>
FS_INLINE void twiddle(Complex<T>* a, const T* w) {
  FS_UNROLL
  for (int k = first; k < r; ++k)
    a[k] = times<conjugate>(a[k], splat(w[2 * (k - first)]), splat(w[2 * (k - first) + 1]));
}

// One level of m butterflies; an angled transform's first one also takes its angles.
template <class T, int r, bool inverse, bool angled>
static void level(T* data, int64_t step, int64_t m, const T* w, const T* angles) {
  constexpr int first = angled ? 0 : 1;
  for (int64_t j = 0; j < m; ++j, data += step, w += 2 * (r - first)) {
    Complex<T> a[r];
    load_points<T, r>(a, data, m * step);
    if constexpr (inverse) twiddle<true, T, r, first>(a, w);
    if constexpr (!inverse && angled) twiddle<false, T, r, 1>(a, angles);
    butterfly<r, inverse>(a);
    if constexpr (inverse && angled) twiddle<true, T, r, 1>(a, angles);
    if constexpr (!inverse) twiddle<false, T, r, first>(a, w);
    store_points<T, r>(data, m * step, a);
  }
}

// The last level: `blocks` transforms of r neighbouring points.
template <class T, int r, bool inverse, bool angled>
static void last_level(T* data, int64_t step, int64_t blocks, const T* angles) {
  for (int64_t b = 0; b < blocks; ++b, data += r * step) {
    Complex<T> a[r];
    load_points<T, r>(a, data, step);
    if constexpr (!inverse && angled) twiddle<false, T, r, 1>(a, angles);
    butterfly<r, inverse>(a);
    if constexpr (inverse && angled) twiddle<true, T, r, 1>(a, angles);
    store_points<T, r>(data, step, a);
  }
}

// How one complex number of h, or one for each lane, is read.
struct Shared {
  template <class T>
  static constexpr int width = 2;
  template <class T>
  FS_INLINE Complex<T> read(const T* h) {
    return {splat(h[0]), splat(h[1])};
  }
};

struct Each {
  template <class T>
  static constexpr int width = 2 * Vec<T>::lanes;
  template <class T>
  FS_INLINE Complex<T> read(const T* h) {
    return load_complex(h);
  }
};

// The last level forward, times the conjugate of h, and the same level back, without leaving the registers.
template <class T, int r, class H, bool angled>
static void last_level_filtered(T* data, int64_t step, int64_t blocks, const T* h, const T* angles) {
  for (int64_t b = 0; b < blocks; ++b, data += r * step, h += r * H::template width<T>) {
    Complex<T> a[r];
    load_points<T, r>(a, data, step);
    if constexpr (angled) twiddle<false, T, r, 1>(a, angles);
    butterfly<r, false>(a);
    FS_UNROLL
    for (int k = 0; k < r; ++k) {
      const Complex<T> by = H::read(h + k * H::template width<T>);
      a[k] = times<true>(a[k], by.re, by.im);
    }
    butterfly<r, true>(a);
    if constexpr (angled) twiddle<true, T, r, 1>(a, angles);
    store_points<T, r>(data, step, a);
  }
}

constexpr int kMaxRadix = FS_VECTOR_BYTES == 64 ? 8 : 5;

// Calls the instance for the radix of a level.
#define FS_FOR_RADIX(r, call)         \
  switch (r) {                        \
    case 2: call(2); break;           \
    case 3: call(3); break;           \
    case 4: call(4); break;           \
    case 5: call(5); break;           \
    default:                          \
      if constexpr (kMaxRadix == 8) { \
        call(8);                      \
      }                               \
  }

// ------------------------------------------------------------------------------ chains

// Level l of the chain. Only the first one is angled.
template <class T, bool inverse>
static void one_level(int l, T* data, int64_t step, int64_t m, const FsFft* fft) {
  const T *w = (const T*)fft->twiddles[l], *angles = (const T*)fft->angles;
  if (l == 0 && fft->is_angled) {
#define FS_CALL(r) level<T, r, inverse, true>(data, step, m, w, angles)
    FS_FOR_RADIX(fft->radix[l], FS_CALL)
#undef FS_CALL
    return;
  }
#define FS_CALL(r) level<T, r, inverse, false>(data, step, m, w, angles)
  FS_FOR_RADIX(fft->radix[l], FS_CALL)
#undef FS_CALL
}

// The last one, of a chain of one level or more.
template <class T, bool inverse>
static void all_last_levels(T* data, int64_t step, int64_t blocks, const FsFft* fft) {
  const T* angles = (const T*)fft->angles;
  if (fft->n_levels == 1 && fft->is_angled) {
#define FS_CALL(r) last_level<T, r, inverse, true>(data, step, blocks, angles)
    FS_FOR_RADIX(fft->radix[0], FS_CALL)
#undef FS_CALL
    return;
  }
#define FS_CALL(r) last_level<T, r, inverse, false>(data, step, blocks, angles)
  FS_FOR_RADIX(fft->radix[fft->n_levels - 1], FS_CALL)
#undef FS_CALL
}

template <class T, class H>
static void all_last_levels_filtered(T* data, int64_t step, int64_t blocks, const FsFft* fft, const T* h) {
  const T* angles = (const T*)fft->angles;
  if (fft->n_levels == 1 && fft->is_angled) {
#define FS_CALL(r) last_level_filtered<T, r, H, true>(data, step, blocks, h, angles)
    FS_FOR_RADIX(fft->radix[0], FS_CALL)
#undef FS_CALL
    return;
  }
#define FS_CALL(r) last_level_filtered<T, r, H, false>(data, step, blocks, h, angles)
  FS_FOR_RADIX(fft->radix[fft->n_levels - 1], FS_CALL)
#undef FS_CALL
}

template <class T>
static void forward_from(int l, T* data, int64_t step, int64_t n, const FsFft* fft) {
  const int r = fft->radix[l];
  const int64_t m = n / r;
  one_level<T, false>(l, data, step, m, fft);
  if (l + 2 == fft->n_levels) return all_last_levels<T, false>(data, step, r, fft);
  for (int k = 0; k < r; ++k) forward_from(l + 1, data + k * m * step, step, m, fft);
}

template <class T>
static void inverse_from(int l, T* data, int64_t step, int64_t n, const FsFft* fft) {
  const int r = fft->radix[l];
  const int64_t m = n / r;
  if (l + 2 == fft->n_levels)
    all_last_levels<T, true>(data, step, r, fft);
  else
    for (int k = 0; k < r; ++k) inverse_from(l + 1, data + k * m * step, step, m, fft);
  one_level<T, true>(l, data, step, m, fft);
}

template <class T, class H>
static void filter_from(int l, T* data, int64_t step, int64_t n, const FsFft* fft, const T* h) {
  const int r = fft->radix[l];
  const int64_t m = n / r;
  one_level<T, false>(l, data, step, m, fft);
  if (l + 2 == fft->n_levels)
    all_last_levels_filtered<T, H>(data, step, r, fft, h);
  else
    for (int k = 0; k < r; ++k)
      filter_from<T, H>(l + 1, data + k * m * step, step, m, fft, h + k * m * H::template width<T>);
  one_level<T, true>(l, data, step, m, fft);
}

template <class T>
static void forward(void* data, int64_t step, const FsFft* fft) {
  if (fft->n_levels == 1) all_last_levels<T, false>((T*)data, step, 1, fft);
  if (fft->n_levels > 1) forward_from(0, (T*)data, step, fft->n, fft);
}

template <class T>
static void inverse(void* data, int64_t step, const FsFft* fft) {
  if (fft->n_levels == 1) all_last_levels<T, true>((T*)data, step, 1, fft);
  if (fft->n_levels > 1) inverse_from(0, (T*)data, step, fft->n, fft);
}

template <class T, class H>
static void multiply(void* to_points, const void* from_points, int64_t step, int64_t n, const void* by) {
  T* to = (T*)to_points;
  const T *from = (const T*)from_points, *h = (const T*)by;
  for (int64_t p = 0; p < n; ++p, to += step, from += step, h += H::template width<T>) {
    const Complex<T> factor = H::read(h);
    store_complex(to, times<true>(load_complex(from), factor.re, factor.im));
  }
}

template <class T, class H>
static void filter(void* data, int64_t step, const FsFft* fft, const void* h) {
  if (fft->n_levels == 0) return multiply<T, H>(data, data, step, 1, h);
  if (fft->n_levels == 1) return all_last_levels_filtered<T, H>((T*)data, step, 1, fft, (const T*)h);
  filter_from<T, H>(0, (T*)data, step, fft->n, fft, (const T*)h);
}

template <bool conjugate, class T>
static void twiddle_points(T* at, int64_t step, int64_t n, const T* fine, int64_t n_fine, const T* coarse) {
  constexpr int width = 2 * Vec<T>::lanes;
  for (int64_t p = 0; p < n; p += n_fine, coarse += width) {
    const Complex<T> c = load_complex(coarse);
    const int64_t some = n - p < n_fine ? n - p : n_fine;
    for (int64_t i = 0; i < some; ++i, at += step) {
      const Complex<T> f = times<false>(load_complex(fine + i * width), c.re, c.im);
      store_complex(at, times<conjugate>(load_complex(at), f.re, f.im));
    }
  }
}

template <class T>
static void twiddle(void* data, int64_t step, int64_t n, const void* fine, int64_t n_fine, const void* coarse,
                    int conjugate) {
  (conjugate ? twiddle_points<true, T> : twiddle_points<false, T>)((T*)data, step, n, (const T*)fine, n_fine,
                                                                   (const T*)coarse);
}

// -------------------------------------------------------------------- rows to lanes

// A square of numbers, flipped over its diagonal: log2(lanes) perfect shuffles.
template <class T>
FS_INLINE void transpose(Vec<T>* a) {
  constexpr int lanes = Vec<T>::lanes;
  FS_UNROLL
  for (int done = 1; done < lanes; done *= 2) {
    Vec<T> b[lanes];
    FS_UNROLL
    for (int i = 0; i < lanes / 2; ++i) {
      b[2 * i] = zip_low(a[i], a[i + lanes / 2]);
      b[2 * i + 1] = zip_high(a[i], a[i + lanes / 2]);
    }
    FS_UNROLL
    for (int i = 0; i < lanes; ++i) a[i] = b[i];
  }
}

// The points that do not fill a square. Apart from the loops below, whose squares stay in registers.
template <class T>
static __attribute__((noinline)) Vec<T> gather_rest(const void* const* rows, int64_t p, int64_t n, T* at, int64_t step,
                                                    Vec<T> sum) {
  constexpr int lanes = Vec<T>::lanes;
  Vec<T> a[lanes];
  for (int l = 0; l < lanes; ++l) a[l] = load_part((const T*)rows[l] + p, (int)(n - p));
  transpose(a);
  for (int l = 0; l < n - p; ++l, at += step) {
    store(at, a[l]);
    sum = multiply_add(a[l], a[l], sum);
  }
  return sum;
}

template <class T, bool measures>
FS_INLINE void gather_rows(const void* const* rows, int64_t n, T* at, int64_t step, T* squares) {
  constexpr int lanes = Vec<T>::lanes;
  Vec<T> even = splat(T(0)), odd = even;
  int64_t p = 0;
  for (; p + lanes <= n; p += lanes, at += lanes * step) {
    Vec<T> a[lanes];
    FS_UNROLL
    for (int l = 0; l < lanes; ++l) a[l] = load((const T*)rows[l] + p);
    transpose(a);
    FS_UNROLL
    for (int l = 0; l < lanes; ++l) {
      store(at + l * step, a[l]);
      if (measures) (l % 2 ? odd : even) = multiply_add(a[l], a[l], l % 2 ? odd : even);
    }
  }
  if (p < n) odd = gather_rest(rows, p, n, at, step, odd);
  if (measures) store(squares, load(squares) + (even + odd));
}

template <class T>
static void gather(const void* const* rows, int64_t n, void* to, int64_t step) {
  gather_rows<T, false>(rows, n, (T*)to, step, nullptr);
}

template <class T>
static void gather_squares(const void* const* rows, int64_t n, void* to, int64_t step, void* squares) {
  gather_rows<T, true>(rows, n, (T*)to, step, (T*)squares);
}

// A number that has a sign if a or b has one.
template <class T>
FS_INLINE Vec<T> either_sign(Vec<T> a, Vec<T> b) {
#if defined(FS_PLAIN_LANES)
  for (int l = 0; l < 4; ++l) a.lane[l] = b.lane[l] < 0 ? b.lane[l] : a.lane[l];
  return a;
#else
  typedef int32_t Bits __attribute__((vector_size(FS_VECTOR_BYTES)));
  return {(typename Vec<T>::Native)((Bits)a.v | (Bits)b.v)};
#endif
}

// Of numbers on their way out, in each lane. x - x is zero for finite x alone, and NaN stays in the sum.
template <class T>
struct Seen {
  Vec<T> doubt = splat(T(0)), signs = splat(T(0));

  __attribute__((always_inline)) void add(Vec<T> a) {
    doubt = doubt + (a - a);
    signs = either_sign(signs, a);
  }
  uint32_t mask() const {
    constexpr int lanes = Vec<T>::lanes;
    T doubts[lanes], sign[lanes];
    store(doubts, doubt);
    store(sign, signs);
    uint32_t mask = 0;
    // What two patterns have together may be no number.
    for (int l = 0; l < lanes; ++l)
      mask |= (uint32_t)(doubts[l] != T(0)) << l | (uint32_t)(__builtin_copysign(1.0, sign[l]) < 0) << (16 + l);
    return mask;
  }
};

template <class T>
static __attribute__((noinline)) Seen<T> scatter_rest(const T* at, int64_t step, int64_t p, int64_t n,
                                                      void* const* rows, Seen<T> seen) {
  constexpr int lanes = Vec<T>::lanes;
  Vec<T> a[lanes];
  for (int l = 0; l < lanes; ++l) {
    a[l] = l < n - p ? load(at + l * step) : splat(T(0));
    seen.add(a[l]);
  }
  transpose(a);
  for (int l = 0; l < lanes; ++l) store_part((T*)rows[l] + p, a[l], (int)(n - p));
  return seen;
}

template <class T>
static uint32_t scatter(const void* from, int64_t step, int64_t n, void* const* rows) {
  constexpr int lanes = Vec<T>::lanes;
  const T* at = (const T*)from;
  int64_t p = 0;
  Seen<T> seen;
  for (; p + lanes <= n; p += lanes) {
    Vec<T> a[lanes];
    FS_UNROLL
    for (int l = 0; l < lanes; ++l) {
      a[l] = load(at + l * step);
      seen.add(a[l]);
    }
    at += lanes * step;
    transpose(a);
    FS_UNROLL
    for (int l = 0; l < lanes; ++l) store((T*)rows[l] + p, a[l]);
  }
  if (p < n) seen = scatter_rest(at, step, p, n, rows, seen);
  return seen.mask();
}

template <class T>
static void squares(const void* data, int64_t n, void* sums) {
  constexpr int lanes = Vec<T>::lanes;
  const T* at = (const T*)data;
  Vec<T> sum[4] = {load((const T*)sums), splat(T(0)), splat(T(0)), splat(T(0))};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4, at += 4 * lanes) {
    FS_UNROLL
    for (int k = 0; k < 4; ++k) {
      const Vec<T> v = load(at + k * lanes);
      sum[k] = multiply_add(v, v, sum[k]);
    }
  }
  for (; i < n; ++i, at += lanes) {
    const Vec<T> v = load(at);
    sum[0] = multiply_add(v, v, sum[0]);
  }
  store((T*)sums, (sum[0] + sum[1]) + (sum[2] + sum[3]));
}

template <class T>
static void mean_squares(const void* data, const int64_t* offsets, int64_t n, int64_t each, void* to) {
  const Vec<T> part = splat(T(1) / (T)each);
  T* out = (T*)to;
  for (int64_t i = 0; i < n; ++i, offsets += each, out += Vec<T>::lanes) {
    Vec<T> sum = splat(T(0));
    for (int64_t e = 0; e < each; ++e) {
      const Vec<T> v = load((const T*)data + offsets[e]);
      sum = multiply_add(v, v, sum);
    }
    store(out, sum * part);
  }
}

template <class T>
static void transpose(const void* from, int64_t from_step, void* to, int64_t to_step, int64_t squares) {
  constexpr int lanes = Vec<T>::lanes;
  const T* in = (const T*)from;
  T* out = (T*)to;
  for (int64_t s = 0; s < squares; ++s, in += from_step, out += to_step)
    for (int part = 0; part < 2; ++part) {
      Vec<T> a[lanes];
      FS_UNROLL
      for (int l = 0; l < lanes; ++l) a[l] = load(in + (2 * l + part) * lanes);
      transpose(a);
      FS_UNROLL
      for (int l = 0; l < lanes; ++l) store(out + (2 * l + part) * lanes, a[l]);
    }
}

// ------------------------------------------------------------------- rows that are lanes

template <class T>
static void load_rows(const void* from, int64_t from_step, int64_t n, void* to, int64_t step, int are_pairs) {
  constexpr int lanes = Vec<T>::lanes;
  const T* in = (const T*)from;
  T* out = (T*)to;
  for (int64_t i = 0; i < n; ++i, in += from_step, out += step) {
    if (!are_pairs) {
      store(out, load(in));
      continue;
    }
    const Vec<T> a = load(in), b = load(in + lanes);
    store_complex(out, Complex<T>{unzip_even(a, b), unzip_odd(a, b)});
  }
}

template <class T>
static int store_rows(const void* from, int64_t step, int64_t n, void* to, int64_t to_step, int are_pairs) {
  constexpr int lanes = Vec<T>::lanes;
  const T* in = (const T*)from;
  T* out = (T*)to;
  Seen<T> seen;
  for (int64_t i = 0; i < n; ++i, in += step, out += to_step) {
    const Vec<T> re = load(in);
    seen.add(re);
    if (!are_pairs) {
      store(out, re);
      continue;
    }
    const Vec<T> im = load(in + lanes);
    seen.add(im);
    store(out, zip_low(re, im));
    store(out + lanes, zip_high(re, im));
  }
  const uint32_t mask = seen.mask();
  return (mask & 0xFFFF ? 1 : 0) | (mask >> 16 ? 2 : 0);
}

}  // namespace

#define FS_LANES(T)                                                                                        \
  {Vec<T>::lanes,       kMaxRadix,         forward<T>,   inverse<T>,   filter<T, Shared>, filter<T, Each>, \
   multiply<T, Shared>, multiply<T, Each>, twiddle<T>,   gather<T>,    gather_squares<T>, scatter<T>,      \
   squares<T>,          mean_squares<T>,   transpose<T>, load_rows<T>, store_rows<T>}

extern "C" const struct FsButterflies FS_SYMBOL(butterflies)[2] = {FS_LANES(float), FS_LANES(double)};
