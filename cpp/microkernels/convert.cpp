// Elements: between the arrays' types and the compute types, one row at a time.
#include "../simd/simd.hpp"
#include "microkernel.hpp"

namespace {

// GCC 12 has _Float16 on x86 only; ARM's own half-precision type does the same here.
#if defined(__aarch64__)
typedef __fp16 half;
#else
typedef _Float16 half;
#endif

// Every `every`-th element: a constant, so that the loop becomes loads of whole vectors and shuffles.
template <class To, class From, int every>
static void load_every(To* out, const char* in, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    From value;
    __builtin_memcpy(&value, in + i * every * (int64_t)sizeof(From), sizeof(From));
    out[i] = (To)value;
  }
}

template <class A, class B>
constexpr bool kSame = false;
template <class T>
constexpr bool kSame<T, T> = true;

// Every second of n numbers. Of the last one nothing behind it is touched.
template <class T>
static void load_second(T* out, const T* in, int64_t n) {
  constexpr int64_t lanes = Vec<T>::lanes;
  int64_t i = 0;
  for (; i + lanes < n; i += lanes) store(out + i, unzip_even(load(in + 2 * i), load(in + 2 * i + lanes)));
#if defined(__AVX512F__) && !defined(FS_PLAIN_LANES)
  if (i == n) return;
  const int left = (int)(2 * (n - i) - 1), first = left < lanes ? left : (int)lanes;
  const Vec<T> low = load_part(in + 2 * i, first), high = load_part(in + 2 * i + lanes, left - first);
  store_part(out + i, unzip_even(low, high), (int)(n - i));
#else
  for (; i < n; ++i) __builtin_memcpy(out + i, in + 2 * i, sizeof(T));
#endif
}

template <class To, class From, int every>
static void store_every(char* out, const From* in, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const To value = (To)in[i];
    __builtin_memcpy(out + i * every * (int64_t)sizeof(To), &value, sizeof(To));
  }
}

#if defined(__AVX512F__) && !defined(FS_PLAIN_LANES)
// Every second of the numbers at `out`; those between are left alone.
template <class T>
static void store_second(T* out, const T* in, int64_t n) {
  constexpr int64_t lanes = Vec<T>::lanes, half = lanes / 2;
  const auto put = [](T* to, Vec<T> v, int64_t count) {
    const uint32_t places = 0x5555u & ((1u << 2 * (count < half ? count : half)) - 1);
    if constexpr (sizeof(T) == 4)
      _mm512_mask_storeu_epi32(to, (__mmask16)places, (__m512i)v.v);
    else
      _mm512_mask_storeu_epi64(to, (__mmask8)places, (__m512i)v.v);
  };
  for (int64_t i = 0; i < n; i += lanes) {
    const int64_t left = n - i;
    const Vec<T> v = left < lanes ? load_part(in + i, (int)left) : load(in + i);
    put(out + 2 * i, zip_low(v, v), left);
    if (left > half) put(out + 2 * i + lanes, zip_high(v, v), left - half);
  }
}
#endif

constexpr int64_t kBlock = 16;

template <class To, class From>
static inline void load_block(To* out, const char* in) {
  From read[kBlock];
  To made[kBlock];
  __builtin_memcpy(read, in, sizeof(read));
  for (int64_t i = 0; i < kBlock; ++i) made[i] = (To)read[i];
  __builtin_memcpy(out, made, sizeof(made));
}

// The loop over whole vectors of 8 or 16 bits leaves most of a short row; blocks of it may overlap.
template <class To, class From>
static void load_narrow(To* out, const char* in, int64_t n) {
  const int64_t whole = n < kBlock ? n : n / 64 * 64;
  load_every<To, From, 1>(out, in, whole);
  for (int64_t i = whole; i < n; i += kBlock) {
    const int64_t at = i + kBlock < n ? i : n - kBlock;
    load_block<To, From>(out + at, in + at * (int64_t)sizeof(From));
  }
}

// Neighbours in nearly all arrays; the parts of complex numbers are every second; flipped taps.
template <class To, class From>
static void load(void* to, const void* from, int64_t stride, int64_t n) {
  To* out = (To*)to;
  const char* in = (const char*)from;
  if (stride == (int64_t)sizeof(From))
    return sizeof(To) <= 2 ? load_narrow<To, From>(out, in, n) : load_every<To, From, 1>(out, in, n);
  if (stride == 2 * (int64_t)sizeof(From)) {
    if constexpr (kSame<To, From> && sizeof(To) >= 4) return load_second(out, (const To*)in, n);
    return load_every<To, From, 2>(out, in, n);
  }
  if (stride == -(int64_t)sizeof(From)) return load_every<To, From, -1>(out, in, n);
  for (int64_t i = 0; i < n; ++i) {
    From value;
    __builtin_memcpy(&value, in + i * stride, sizeof(From));
    out[i] = (To)value;
  }
}

// Any byte but zero is true, and counts one.
template <class To>
static void load_bool(void* to, const void* from, int64_t stride, int64_t n) {
  load<To, uint8_t>(to, from, stride, n);
  To* out = (To*)to;
  for (int64_t i = 0; i < n; ++i) out[i] = out[i] != 0;
}

template <class From, class To>
static void store(void* to, int64_t stride, const void* from, int64_t n) {
  const From* in = (const From*)from;
  char* out = (char*)to;
  if (stride == (int64_t)sizeof(To)) return store_every<To, From, 1>(out, in, n);
#if defined(__AVX512F__) && !defined(FS_PLAIN_LANES)
  if constexpr (kSame<To, From> && sizeof(To) >= 4)
    if (stride == 2 * (int64_t)sizeof(To)) return store_second((To*)out, in, n);
#endif
  if (stride == 2 * (int64_t)sizeof(To)) return store_every<To, From, 2>(out, in, n);
  for (int64_t i = 0; i < n; ++i) {
    const To value = (To)in[i];
    __builtin_memcpy(out + i * stride, &value, sizeof(To));
  }
}

template <class From>
static void store_bool(void* to, int64_t stride, const void* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) ((char*)to)[i * stride] = ((const From*)from)[i] != 0;
}

template <class To>
static void store_saturated(void* to, int64_t stride, const void* from, int64_t n) {
  const int64_t* in = (const int64_t*)from;
  constexpr bool is_signed = (To)-1 < (To)0;
  constexpr int bits = 8 * (int)sizeof(To);
  constexpr int64_t low = is_signed ? -(int64_t)(((uint64_t)1 << (bits - 1)) - 1) - 1 : 0;
  constexpr int64_t high = bits == 64 ? INT64_MAX : (int64_t)(((uint64_t)1 << (bits - is_signed)) - 1);
  char* out = (char*)to;
  for (int64_t i = 0; i < n; ++i) {
    const To value = (To)(in[i] < low ? low : in[i] > high ? high : in[i]);
    __builtin_memcpy(out + i * stride, &value, sizeof(To));
  }
}

// Beside 1.5 * 2^52 doubles are 1 apart: adding it rounds, and the integer is left in the last bits.
static void round_whole(void* to, const void* from, int64_t n) {
  const double shift = 0x1.8p52;
  uint64_t base;
  __builtin_memcpy(&base, &shift, sizeof(base));
  uint64_t* out = (uint64_t*)to;
  const double* in = (const double*)from;
  for (int64_t i = 0; i < n; ++i) {
    const double shifted = in[i] + shift;
    uint64_t bits;
    __builtin_memcpy(&bits, &shifted, sizeof(bits));
    out[i] = bits - base;
  }
}

// Above 2^52 doubles are whole. Below, adding it to a magnitude rounds that to the nearest, half to even.
static inline double nearest(double magnitude) {
  const double shift = 0x1p52;
  const double near = (magnitude + shift) - shift;
  return magnitude < shift ? near : magnitude;
}

static inline double below(double magnitude) {
  const double near = nearest(magnitude);
  return near > magnitude ? near - 1 : near;
}

template <class From>
static void whole(double* to, const void* from, int64_t n, int rounding) {
  const From* in = (const From*)from;
  const auto each = [&](auto round) {
    for (int64_t i = 0; i < n; ++i) {
      const double value = (double)in[i], magnitude = __builtin_fabs(value);
      to[i] = __builtin_copysign(round(magnitude), value);
    }
  };
  if (rounding == FS_HALF_EVEN) return each([](double m) { return nearest(m); });
  if (rounding == FS_TOWARD_ZERO) return each([](double m) { return below(m); });
  each([](double m) {
    const double less = below(m);
    return m - less >= 0.5 ? less + 1 : less;
  });
}

// A whole number of any size modulo 2^64, from its bits: mantissa times 2^shift; what is not finite is 0.
static uint64_t modulo(double value) {
  uint64_t bits;
  __builtin_memcpy(&bits, &value, sizeof(bits));
  const int exponent = (int)(bits >> 52 & 0x7ff);
  const uint64_t mantissa = (bits & 0xfffffffffffffull) | 0x10000000000000ull;
  const int shift = exponent - 1075;
  if (exponent == 0x7ff || shift >= 64 || shift <= -64) return 0;
  const uint64_t magnitude = shift >= 0 ? mantissa << shift : mantissa >> -shift;
  return bits >> 63 ? 0 - magnitude : magnitude;
}

// The first number that is beyond a type, and its smallest one: powers of two, which doubles hold.
template <class To>
struct Ends {
  static constexpr bool is_signed = (To)-1 < (To)0;
  static constexpr int bits = 8 * (int)sizeof(To) - is_signed;
  static constexpr double end = 2.0 * (double)((uint64_t)1 << (bits - 1));
  static constexpr double low = is_signed ? -end : 0;
  static constexpr To most =
      (To)(is_signed ? ((uint64_t)1 << (bits - 1)) - 1 + ((uint64_t)1 << (bits - 1)) : ~(uint64_t)0);
};

// Of up to 32 bits: a double holds all of them, and those below 2^51 are in the last bits of what is beside 1.5 * 2^52.
template <class To>
static inline To from_small(double value) {
  const double shifted = value + 0x1.8p52;
  uint64_t bits;
  __builtin_memcpy(&bits, &shifted, sizeof(bits));
  return (To)bits;
}

template <class To, class Make>
static inline void put(void* to, int64_t stride, const double* values, int64_t n, const Make& make) {
  char* out = (char*)to;
  const auto each = [&](int64_t step) __attribute__((always_inline)) {
    for (int64_t i = 0; i < n; ++i) {
      const To value = make(values[i]);
      __builtin_memcpy(out + i * step, &value, sizeof(To));
    }
  };
  stride == (int64_t)sizeof(To) ? each(sizeof(To)) : each(stride);
}

static inline int are_small(const double* values, int64_t n) {
  int64_t small = 1;
  for (int64_t i = 0; i < n; ++i) small &= __builtin_fabs(values[i]) < 0x1p51;
  return (int)small;
}

template <class To>
static int64_t fit(void* to, int64_t stride, const double* values, int64_t n, int overflow) {
  using E = Ends<To>;
  constexpr bool is_small = sizeof(To) <= 4;
  if (overflow == FS_REFUSE) {
    int64_t fits = 1;
    for (int64_t i = 0; i < n; ++i) fits &= values[i] >= E::low && values[i] < E::end;
    for (int64_t i = 0; !fits; ++i)
      if (!(values[i] >= E::low && values[i] < E::end)) return i;
  }
  if (overflow == FS_SATURATE && is_small) {
    put<To>(to, stride, values, n, [](double value) {
      const double low = value < E::low ? E::low : value, high = low < E::end ? low : E::end - 1;
      return from_small<To>(value == value ? high : 0);
    });
  } else if (overflow == FS_SATURATE) {
    put<To>(to, stride, values, n, [](double value) {
      if (!(value == value)) return (To)0;
      return value >= E::end ? E::most : (To)modulo(value < E::low ? E::low : value);
    });
  } else if (is_small && are_small(values, n)) {
    put<To>(to, stride, values, n, [](double value) { return from_small<To>(value); });
  } else {
    put<To>(to, stride, values, n, [](double value) { return (To)modulo(value); });
  }
  return -1;
}

// Any whole number but zero is true.
static int64_t fit_bool(void* to, int64_t stride, const double* values, int64_t n, int) {
  put<uint8_t>(to, stride, values, n, [](double value) { return (uint8_t)(value != 0); });
  return -1;
}

// Neighbours have a loop of their own, whose constant step becomes loads of whole vectors.
template <class T>
static inline __attribute__((always_inline)) void extremes(const char* in, int64_t stride, int64_t n, T* least,
                                                           T* most) {
  T low = 0, high = 0;
  for (int64_t i = 0; i < n; ++i) {
    T value;
    __builtin_memcpy(&value, in + i * stride, sizeof(T));
    low = value < low ? value : low;
    high = value > high ? value : high;
  }
  *least = low;
  *most = high;
}

template <class T>
static void extremes_of(const void* from, int64_t stride, int64_t n, T* least, T* most) {
  if (stride == (int64_t)sizeof(T))
    extremes<T>((const char*)from, sizeof(T), n, least, most);
  else
    extremes<T>((const char*)from, stride, n, least, most);
}

template <class T>
static void range(const void* from, int64_t stride, int64_t n, uint64_t* largest, int* negative) {
  T low, high;
  extremes_of(from, stride, n, &low, &high);
  const uint64_t below = (uint64_t)0 - (uint64_t)(int64_t)low;
  const uint64_t most = (uint64_t)high > below ? (uint64_t)high : below;
  if (most > *largest) *largest = most;
  if (low < 0) *negative = 1;
}

template <class T>
static void range_unsigned(const void* from, int64_t stride, int64_t n, uint64_t* largest, int*) {
  T low, high;
  extremes_of(from, stride, n, &low, &high);
  if (high > *largest) *largest = high;
}

static void range_bool(const void* from, int64_t stride, int64_t n, uint64_t* largest, int* negative) {
  uint64_t most = 0;
  range_unsigned<uint8_t>(from, stride, n, &most, negative);
  if (most > 0 && *largest == 0) *largest = 1;
}

// Bits of an infinity or a NaN: an exponent of ones.
template <class Bits, Bits exponent>
static int finite(const void* from, int64_t n) {
  const char* in = (const char*)from;
  Bits found = 0;
  for (int64_t i = 0; i < n; ++i) {
    Bits bits;
    __builtin_memcpy(&bits, in + i * (int64_t)sizeof(Bits), sizeof(Bits));
    found |= (bits & exponent) == exponent;
  }
  return !found;
}

}  // namespace

#define FS_INTEGER_LOADS(To)                                                                                   \
  load_bool<To>, load<To, int8_t>, load<To, int16_t>, load<To, int32_t>, load<To, int64_t>, load<To, uint8_t>, \
      load<To, uint16_t>, load<To, uint32_t>, load<To, uint64_t>
#define FS_INTEGER_STORES(From)                                                                            \
  store_bool<From>, store<From, int8_t>, store<From, int16_t>, store<From, int32_t>, store<From, int64_t>, \
      store<From, uint8_t>, store<From, uint16_t>, store<From, uint32_t>, store<From, uint64_t>

extern "C" const struct FsConvert FS_SYMBOL(convert) = {
    {{FS_INTEGER_LOADS(float), load<float, half>, load<float, float>, nullptr},
     {FS_INTEGER_LOADS(double), load<double, half>, load<double, float>, load<double, double>},
     {FS_INTEGER_LOADS(uint32_t), nullptr, nullptr, nullptr},
     {FS_INTEGER_LOADS(uint64_t), nullptr, nullptr, nullptr}},
    {{FS_INTEGER_LOADS(uint16_t), nullptr, nullptr, nullptr}, {FS_INTEGER_LOADS(uint8_t), nullptr, nullptr, nullptr}},
    {{nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, store<float, half>,
      store<float, float>, nullptr},
     {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
      store<double, double>},
     {FS_INTEGER_STORES(uint32_t), nullptr, nullptr, nullptr},
     {FS_INTEGER_STORES(uint64_t), nullptr, nullptr, nullptr}},
    {nullptr, store_saturated<int8_t>, store_saturated<int16_t>, store_saturated<int32_t>, store_saturated<int64_t>,
     store_saturated<uint8_t>, store_saturated<uint16_t>, store_saturated<uint32_t>, store_saturated<uint64_t>, nullptr,
     nullptr, nullptr},
    {range_bool, range<int8_t>, range<int16_t>, range<int32_t>, range<int64_t>, range_unsigned<uint8_t>,
     range_unsigned<uint16_t>, range_unsigned<uint32_t>, range_unsigned<uint64_t>, nullptr, nullptr, nullptr},
    {finite<uint32_t, 0x7f800000>, finite<uint64_t, 0x7ff0000000000000>, nullptr, nullptr},
    round_whole,
    {whole<float>, whole<double>},
    {fit_bool, fit<int8_t>, fit<int16_t>, fit<int32_t>, fit<int64_t>, fit<uint8_t>, fit<uint16_t>, fit<uint32_t>,
     fit<uint64_t>, nullptr, nullptr, nullptr}};
