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

static void add(double* __restrict high, double* __restrict low, double* __restrict size, const double* __restrict x,
                double w, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    double of_product, error;
    const double product = multiply_exactly(x[i], w, &of_product);
    high[i] = add_exactly(high[i], product, &error);
    low[i] += error + of_product;
    size[i] += magnitude(error) + magnitude(of_product);
  }
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

// Magnitudes are ordered as their bits are. Without its lowest bit a number is smaller by what that bit stands for,
// unless the bit is one of the exponent's: then the number is a power of two.
template <class T, class B, B exponent>
static void extent(const T* x, int64_t n, double* most, double* least) {
  const B fraction = ~exponent & (~(B)0 >> 1);
  B largest = 0;
  T lowest = (T)__builtin_huge_val();
  for (int64_t i = 0; i < n; ++i) {
    B bits;
    __builtin_memcpy(&bits, x + i, sizeof(bits));
    bits &= exponent | fraction;
    bits = bits < exponent ? bits : 0;
    largest = bits > largest ? bits : largest;
    const B rest = bits & (bits - 1);
    T whole, without;
    __builtin_memcpy(&whole, &bits, sizeof(whole));
    __builtin_memcpy(&without, &rest, sizeof(without));
    const T lowest_bit = (bits & fraction) ? whole - without : whole;
    lowest = (lowest_bit > 0) & (lowest_bit < lowest) ? lowest_bit : lowest;
  }
  T magnitude;
  __builtin_memcpy(&magnitude, &largest, sizeof(magnitude));
  if ((double)magnitude > *most) *most = (double)magnitude;
  if ((double)lowest < *least) *least = (double)lowest;
}

}  // namespace

extern "C" const struct FsExact FS_SYMBOL(exact) = {{sum<false>, sum<true>},
                                                    add,
                                                    round,
                                                    extent<float, uint32_t, 0x7f800000>,
                                                    extent<double, uint64_t, 0x7ff0000000000000>};
