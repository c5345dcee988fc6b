// exact: sums with their rounding errors, and floats that are certain.
#include "exact.hpp"

#include "microkernel.hpp"

#if defined(__clang__)
#pragma clang fp contract(off)
#endif

namespace {

typedef double Lanes __attribute__((vector_size(8 * FS_EXACT_PIECE)));
typedef int64_t Bits __attribute__((vector_size(8 * FS_EXACT_PIECE)));

static inline Lanes magnitude(Lanes a) { return (Lanes)((Bits)a & INT64_MAX); }
static inline double magnitude(double a) { return __builtin_fabs(a); }

// a + b = sum + error, exactly (Knuth 1969).
template <class T>
static inline T add_exactly(T a, T b, T* error) {
  const T sum = a + b, part = sum - a;
  *error = (a - (sum - part)) + (b - part);
  return sum;
}

// The upper half of a number's bits (Veltkamp 1968). What is beyond 2^996 overflows, and the sum is not finite then.
template <class T>
static inline T upper_half(T a) {
  const T shifted = a * 0x1.0000002p27;
  return shifted - (shifted - a);
}

// a·b = product + error, exactly but for what is subnormal (Dekker 1971).
template <class T>
static inline T multiply_exactly(T a, T b, T* error) {
  const T product = a * b, a_high = upper_half(a), b_high = upper_half(b), a_low = a - a_high, b_low = b - b_high;
  *error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low);
  return product;
}

// n rounding errors whose magnitudes sum to t are themselves summed within n·u·t; the rest is for the lanes and for the
// magnitudes' own sum.
static inline double error_of(double n, double t) { return (n + 32) * 0x1p-52 * t; }

template <bool rounds_products>
static void sum(const double* x, const double* w, int64_t n, struct FsExactSum* to) {
  Lanes high = {}, low = {}, size = {};
  for (int64_t i = 0; i < n; i += FS_EXACT_PIECE) {
    Lanes a, b, error, of_product = {};
    __builtin_memcpy(&a, x + i, sizeof(a));
    __builtin_memcpy(&b, w + i, sizeof(b));
    const Lanes product = rounds_products ? multiply_exactly(a, b, &of_product) : a * b;
    high = add_exactly(high, product, &error);
    low += error;
    size += magnitude(error);
    if (rounds_products) {
      low += of_product;
      size += magnitude(of_product);
    }
  }
  double total = 0, rest = 0, t = 0;
  for (int l = 0; l < FS_EXACT_PIECE; ++l) {
    double error;
    total = add_exactly(total, high[l], &error);
    rest += error + low[l];
    t += magnitude(error) + size[l];
  }
  to->high = total;
  to->low = rest;
  to->error = error_of((double)(2 * n), t);
}

static inline uint32_t bits_of(float a) {
  uint32_t bits;
  __builtin_memcpy(&bits, &a, sizeof(bits));
  return bits;
}

constexpr int64_t kBlock = 64;

// Two floats that are the same but for the sign of zero differ in their bits; a NaN differs from itself.
static int64_t round(float* __restrict to, const double* __restrict from, double error, int64_t n,
                     int64_t* __restrict uncertain) {
  int64_t found = 0;
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t some = n - first < kBlock ? n - first : kBlock;
    uint32_t differs[kBlock], any = 0;
    for (int64_t i = 0; i < some; ++i) {
      const double sum = from[first + i] + 0.0;
      const float below = (float)(sum - error), above = (float)(sum + error);
      to[first + i] = above;
      differs[i] = (bits_of(below) ^ bits_of(above)) | (uint32_t)(above != above);
      any |= differs[i];
    }
    if (!any) continue;
    for (int64_t i = 0; i < some; ++i)
      if (differs[i]) uncertain[found++] = first + i;
  }
  return found;
}

// Magnitudes are ordered as their bits are. The lowest bit of a significand, as a number, has its place in the
// exponent; integers alone are compared, so that the loop becomes vectors. Zeros and what is not finite are left out.
template <class T, class Bits, int fraction>
static void extent(const T* x, int64_t n, double* most, double* least) {
  constexpr Bits hidden = (Bits)1 << fraction, sign = (Bits)1 << (8 * (int)sizeof(Bits) - 1), magnitudes = ~sign;
  constexpr Bits infinity = magnitudes & -hidden, bias = infinity >> (fraction + 1), none = 1 << 20;
  Bits largest = 0, lowest = none;
  for (int64_t i = 0; i < n; ++i) {
    Bits bits, place;
    __builtin_memcpy(&bits, x + i, sizeof(bits));
    bits &= magnitudes;
    bits = bits < infinity ? bits : 0;
    largest = bits > largest ? bits : largest;
    const Bits raised = bits >> fraction;
    const Bits significand = raised > 0 ? (bits & (hidden - 1)) | hidden : bits;
    const T bit = (T)(significand & -significand);
    __builtin_memcpy(&place, &bit, sizeof(place));
    const Bits at = (raised > 0 ? raised : 1) + (place >> fraction);
    lowest = bits > 0 && at < lowest ? at : lowest;
  }
  T magnitude;
  __builtin_memcpy(&magnitude, &largest, sizeof(magnitude));
  if ((double)magnitude > *most) *most = (double)magnitude;
  if (lowest == none) return;
  const double found = __builtin_ldexp(1.0, (int)(lowest - 2 * bias - fraction));
  if (found < *least) *least = found;
}

}  // namespace

extern "C" const struct FsExact FS_SYMBOL(exact) = {
    {sum<false>, sum<true>}, round, extent<float, int32_t, 23>, extent<double, int64_t, 52>};
