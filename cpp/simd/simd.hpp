// Vectors, written once for every instruction set: the few operations that kernels use.
//
// FS_VECTOR_BYTES comes from the build: 16 (SSE2, NEON), 32 (AVX2) or 64 (AVX-512). With
// FS_PLAIN_LANES a vector is a struct of four numbers and plain loops, so that sanitizers see
// every element. Everything has internal linkage: the same names mean other code in each object.
#pragma once

#include <stdint.h>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

// Kernels of several forms keep each in a frame of its own: with all in one, 5 x 5 taps on 1024 x 1024 took 460 instead
// of 350 us on two threads, though not on one.
#define FS_NOINLINE __attribute__((noinline))

// Registers hold what is unrolled and inlined; the sanitizers would check every copy of it.
#ifdef FS_PLAIN_LANES
#define FS_INLINE static inline
#define FS_UNROLL
#else
#define FS_INLINE static inline __attribute__((always_inline))
#define FS_UNROLL _Pragma("GCC unroll 32")
#endif

#if defined(__aarch64__) && defined(__linux__)
extern "C" unsigned long getauxval(unsigned long type) noexcept;
#endif

namespace {

#ifdef FS_PLAIN_LANES

constexpr bool kMayFuseDots = true;

template <class T>
struct Vec {
  static constexpr int lanes = 4;
  T lane[4];
};

template <class T>
FS_INLINE Vec<T> load_part(const T* from, int n) {
  Vec<T> v{};
  for (int i = 0; i < n; ++i) v.lane[i] = from[i];
  return v;
}

template <class T>
FS_INLINE void store_part(T* to, Vec<T> v, int n) {
  for (int i = 0; i < n; ++i) to[i] = v.lane[i];
}

template <class T>
FS_INLINE Vec<T> load(const T* from) {
  return load_part(from, 4);
}

template <class T>
FS_INLINE Vec<T> load_once(const T* from) {
  return load(from);
}

template <class T>
FS_INLINE void store(T* to, Vec<T> v) {
  store_part(to, v, 4);
}

template <class T>
FS_INLINE void stream(T* to, Vec<T> v) {
  store(to, v);
}

FS_INLINE void end_of_stream() {}

template <class T>
FS_INLINE Vec<T> splat(T value) {
  return {{value, value, value, value}};
}

template <class T>
FS_INLINE Vec<T> multiply_add(Vec<T> a, Vec<T> b, Vec<T> sum) {
  for (int i = 0; i < 4; ++i) sum.lane[i] += a.lane[i] * b.lane[i];
  return sum;
}

template <class T>
FS_INLINE Vec<T> operator+(Vec<T> a, Vec<T> b) {
  for (int i = 0; i < 4; ++i) a.lane[i] += b.lane[i];
  return a;
}

template <class T>
FS_INLINE Vec<T> operator-(Vec<T> a, Vec<T> b) {
  for (int i = 0; i < 4; ++i) a.lane[i] -= b.lane[i];
  return a;
}

template <class T>
FS_INLINE Vec<T> operator*(Vec<T> a, Vec<T> b) {
  for (int i = 0; i < 4; ++i) a.lane[i] *= b.lane[i];
  return a;
}

// a0 b0 a1 b1 and a2 b2 a3 b3.
template <class T>
FS_INLINE Vec<T> zip_low(Vec<T> a, Vec<T> b) {
  return {{a.lane[0], b.lane[0], a.lane[1], b.lane[1]}};
}

template <class T>
FS_INLINE Vec<T> zip_high(Vec<T> a, Vec<T> b) {
  return {{a.lane[2], b.lane[2], a.lane[3], b.lane[3]}};
}

// a1 a0 a3 a2.
template <class T>
FS_INLINE Vec<T> swap_pairs(Vec<T> a) {
  return {{a.lane[1], a.lane[0], a.lane[3], a.lane[2]}};
}

// a0 a2 b0 b2 and a1 a3 b1 b3.
template <class T>
FS_INLINE Vec<T> unzip_even(Vec<T> a, Vec<T> b) {
  return {{a.lane[0], a.lane[2], b.lane[0], b.lane[2]}};
}

template <class T>
FS_INLINE Vec<T> unzip_odd(Vec<T> a, Vec<T> b) {
  return {{a.lane[1], a.lane[3], b.lane[1], b.lane[3]}};
}

// b behind a: the lanes from the n-th of a on.
template <int n, class T>
FS_INLINE Vec<T> window(Vec<T> a, Vec<T> b) {
  Vec<T> v{};
  for (int i = 0; i < 4; ++i) v.lane[i] = i + n < 4 ? a.lane[i + n] : b.lane[i + n - 4];
  return v;
}

FS_INLINE Vec<uint32_t> load_bytes(const void* from, int n) {
  Vec<uint32_t> v{};
  __builtin_memcpy(v.lane, from, (uint64_t)n);
  return v;
}

FS_INLINE void store_bytes(void* to, Vec<uint32_t> v, int n) { __builtin_memcpy(to, v.lane, (uint64_t)n); }

FS_INLINE Vec<uint32_t> load_bytes(const void* from) { return load_bytes(from, 16); }

FS_INLINE void store_bytes(void* to, Vec<uint32_t> v) { store_bytes(to, v, 16); }

template <int width, bool fused>
FS_INLINE Vec<uint32_t> multiply_add_dots(Vec<uint32_t> x, Vec<uint32_t> w, Vec<uint32_t> sum) {
  constexpr int bits = 32 / width;
  for (int i = 0; i < 4; ++i)
    for (int at = 0; at < 32; at += bits) {
      const uint32_t a = x.lane[i] >> at, b = w.lane[i] >> at;
      sum.lane[i] += (uint32_t)(width == 2 ? (int16_t)a * (int16_t)b : (uint8_t)a * (int8_t)b);
    }
  return sum;
}

FS_INLINE Vec<uint32_t> low_halves(Vec<uint32_t> a, Vec<uint32_t> b) {
  for (int i = 0; i < 4; ++i) a.lane[i] = (a.lane[i] & 0xffff) | b.lane[i] << 16;
  return a;
}

FS_INLINE Vec<uint32_t> add_halves(Vec<uint32_t> a, Vec<uint32_t> b) {
  for (int i = 0; i < 4; ++i)
    a.lane[i] = ((a.lane[i] + b.lane[i]) & 0xffff) | ((a.lane[i] >> 16) + (b.lane[i] >> 16)) << 16;
  return a;
}

#else

template <class T>
struct Vec {
  static constexpr int lanes = FS_VECTOR_BYTES / (int)sizeof(T);
  typedef T Native __attribute__((vector_size(FS_VECTOR_BYTES)));
  Native v;
};

template <class T>
FS_INLINE Vec<T> load(const T* from) {
  Vec<T> r;
  __builtin_memcpy(&r.v, from, FS_VECTOR_BYTES);
  return r;
}

// The same, once and for all its uses: the compiler would rather load again than give it a register.
template <class T>
FS_INLINE Vec<T> load_once(const T* from) {
  Vec<T> r = load(from);
#if defined(__x86_64__)
  asm("" : "+v"(r.v));
#endif
  return r;
}

template <class T>
FS_INLINE void store(T* to, Vec<T> v) {
  __builtin_memcpy(to, &v.v, FS_VECTOR_BYTES);
}

template <class T>
FS_INLINE Vec<T> splat(T value) {
  return {value - typename Vec<T>::Native{}};
}

// One rounding where the processor has a fused multiply-add (-ffp-contract=fast).
template <class T>
FS_INLINE Vec<T> multiply_add(Vec<T> a, Vec<T> b, Vec<T> sum) {
  return {a.v * b.v + sum.v};
}

template <class T>
FS_INLINE Vec<T> operator+(Vec<T> a, Vec<T> b) {
  return {a.v + b.v};
}

template <class T>
FS_INLINE Vec<T> operator-(Vec<T> a, Vec<T> b) {
  return {a.v - b.v};
}

template <class T>
FS_INLINE Vec<T> operator*(Vec<T> a, Vec<T> b) {
  return {a.v * b.v};
}

// The lower halves of a and b, their lanes taken in turn: a0 b0 a1 b1 ...
template <class T>
FS_INLINE Vec<T> zip_low(Vec<T> a, Vec<T> b) {
  if constexpr (Vec<T>::lanes == 2)
    return {__builtin_shufflevector(a.v, b.v, 0, 2)};
  else if constexpr (Vec<T>::lanes == 4)
    return {__builtin_shufflevector(a.v, b.v, 0, 4, 1, 5)};
  else if constexpr (Vec<T>::lanes == 8)
    return {__builtin_shufflevector(a.v, b.v, 0, 8, 1, 9, 2, 10, 3, 11)};
  else
    return {__builtin_shufflevector(a.v, b.v, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)};
}

// The upper halves.
template <class T>
FS_INLINE Vec<T> zip_high(Vec<T> a, Vec<T> b) {
  if constexpr (Vec<T>::lanes == 2)
    return {__builtin_shufflevector(a.v, b.v, 1, 3)};
  else if constexpr (Vec<T>::lanes == 4)
    return {__builtin_shufflevector(a.v, b.v, 2, 6, 3, 7)};
  else if constexpr (Vec<T>::lanes == 8)
    return {__builtin_shufflevector(a.v, b.v, 4, 12, 5, 13, 6, 14, 7, 15)};
  else
    return {__builtin_shufflevector(a.v, b.v, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)};
}

// a1 a0 a3 a2 ...
template <class T>
FS_INLINE Vec<T> swap_pairs(Vec<T> a) {
  if constexpr (Vec<T>::lanes == 2)
    return {__builtin_shufflevector(a.v, a.v, 1, 0)};
  else if constexpr (Vec<T>::lanes == 4)
    return {__builtin_shufflevector(a.v, a.v, 1, 0, 3, 2)};
  else if constexpr (Vec<T>::lanes == 8)
    return {__builtin_shufflevector(a.v, a.v, 1, 0, 3, 2, 5, 4, 7, 6)};
  else
    return {__builtin_shufflevector(a.v, a.v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)};
}

// Every second lane of a, then of b: what zip_low and zip_high have zipped.
template <class T>
FS_INLINE Vec<T> unzip_even(Vec<T> a, Vec<T> b) {
  if constexpr (Vec<T>::lanes == 2)
    return {__builtin_shufflevector(a.v, b.v, 0, 2)};
  else if constexpr (Vec<T>::lanes == 4)
    return {__builtin_shufflevector(a.v, b.v, 0, 2, 4, 6)};
  else if constexpr (Vec<T>::lanes == 8)
    return {__builtin_shufflevector(a.v, b.v, 0, 2, 4, 6, 8, 10, 12, 14)};
  else
    return {__builtin_shufflevector(a.v, b.v, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30)};
}

template <class T>
FS_INLINE Vec<T> unzip_odd(Vec<T> a, Vec<T> b) {
  if constexpr (Vec<T>::lanes == 2)
    return {__builtin_shufflevector(a.v, b.v, 1, 3)};
  else if constexpr (Vec<T>::lanes == 4)
    return {__builtin_shufflevector(a.v, b.v, 1, 3, 5, 7)};
  else if constexpr (Vec<T>::lanes == 8)
    return {__builtin_shufflevector(a.v, b.v, 1, 3, 5, 7, 9, 11, 13, 15)};
  else
    return {__builtin_shufflevector(a.v, b.v, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31)};
}

// b behind a: the lanes from the n-th of a on. For vectors of more than 16 bytes.
template <int n, class T>
FS_INLINE Vec<T> window(Vec<T> a, Vec<T> b) {
  if constexpr (n == Vec<T>::lanes) return b;
#if defined(__AVX512F__)
  else if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Native)_mm512_maskz_alignr_epi32(0xffff, (__m512i)b.v, (__m512i)a.v, n)};
  else
    return {(typename Vec<T>::Native)_mm512_maskz_alignr_epi64(0xff, (__m512i)b.v, (__m512i)a.v, n)};
#else
  else if constexpr (Vec<T>::lanes == 4)
    return {__builtin_shufflevector(a.v, b.v, n, n + 1, n + 2, n + 3)};
  else
    return {__builtin_shufflevector(a.v, b.v, n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7)};
#endif
}

// Past the caches, to memory that nobody reads soon; `to` is aligned to a whole vector.
template <class T>
FS_INLINE void stream(T* to, Vec<T> v) {
#if defined(__AVX512F__)
  _mm512_stream_si512((__m512i*)to, (__m512i)v.v);
#elif defined(__AVX2__)
  _mm256_stream_si256((__m256i*)to, (__m256i)v.v);
#else
  store(to, v);
#endif
}

// Makes what was streamed visible before whatever follows.
FS_INLINE void end_of_stream() {
#if defined(__AVX512F__) || defined(__AVX2__)
  _mm_sfence();
#endif
}

// The first n lanes; the others read as zero, and memory beyond them is not touched.
template <class T>
FS_INLINE Vec<T> load_part(const T* from, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    return {(typename Vec<T>::Native)_mm512_maskz_loadu_epi32((__mmask16)((1u << n) - 1), from)};
  else
    return {(typename Vec<T>::Native)_mm512_maskz_loadu_epi64((__mmask8)((1u << n) - 1), from)};
#else
  Vec<T> r{};
  for (int i = 0; i < n; ++i) r.v[i] = from[i];
  return r;
#endif
}

template <class T>
FS_INLINE void store_part(T* to, Vec<T> v, int n) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_epi32(to, (__mmask16)((1u << n) - 1), (__m512i)v.v);
  else
    _mm512_mask_storeu_epi64(to, (__mmask8)((1u << n) - 1), (__m512i)v.v);
#else
  for (int i = 0; i < n; ++i) to[i] = v.v[i];
#endif
}

// Clang's assembler knows no instructions of x86 beyond those that it may use itself; of Arm it is told which.
#if (defined(__AVX512BW__) && !defined(__clang__)) || (defined(__aarch64__) && defined(__linux__))
constexpr bool kMayFuseDots = true;
#else
constexpr bool kMayFuseDots = false;
#endif

// ---- lanes of 32 bits that hold two numbers of 16 or four of 8, the first in the lowest bits

FS_INLINE Vec<uint32_t> load_bytes(const void* from) {
  Vec<uint32_t> r;
  __builtin_memcpy(&r.v, from, FS_VECTOR_BYTES);
#if defined(__SSE2__)
  // In a register: as an operand of each use it would be loaded as often.
  asm("" : "+v"(r.v));
#endif
  return r;
}

FS_INLINE void store_bytes(void* to, Vec<uint32_t> v) { __builtin_memcpy(to, &v.v, FS_VECTOR_BYTES); }

// The first n bytes, one at least.
FS_INLINE Vec<uint32_t> load_bytes(const void* from, int n) {
#if defined(__AVX512BW__)
  return {(Vec<uint32_t>::Native)_mm512_maskz_loadu_epi8(~(uint64_t)0 >> (64 - n), from)};
#else
  Vec<uint32_t> r{};
  __builtin_memcpy(&r.v, from, (uint64_t)n);
  return r;
#endif
}

FS_INLINE void store_bytes(void* to, Vec<uint32_t> v, int n) {
#if defined(__AVX512BW__)
  _mm512_mask_storeu_epi8(to, ~(uint64_t)0 >> (64 - n), (__m512i)v.v);
#else
  __builtin_memcpy(to, &v.v, (uint64_t)n);
#endif
}

// The products of two signed numbers of 16 bits in each lane, both added to its sum, modulo 2^32: two times (-2^15)^2
// wraps as a sum does. Or those of four numbers of 8 bits, of x without a sign and of w with one. `fused`: in one
// instruction, which not every processor has; sums stay where they are, while GCC 12 moves them around its intrinsic.
template <int width, bool fused>
FS_INLINE Vec<uint32_t> multiply_add_dots(Vec<uint32_t> x, Vec<uint32_t> w, Vec<uint32_t> sum) {
  static_assert(width == 2 || fused);
#if defined(__AVX512BW__)
  if constexpr (width == 4)
    asm("vpdpbusd %2, %1, %0" : "+v"(sum.v) : "v"(x.v), "v"(w.v));
  else if constexpr (fused)
    asm("vpdpwssd %2, %1, %0" : "+v"(sum.v) : "v"(x.v), "v"(w.v));
  else
    sum.v += (Vec<uint32_t>::Native)_mm512_madd_epi16((__m512i)x.v, (__m512i)w.v);
#elif defined(__AVX2__)
  sum.v += (Vec<uint32_t>::Native)_mm256_madd_epi16((__m256i)x.v, (__m256i)w.v);
#elif defined(__SSE2__)
  sum.v += (Vec<uint32_t>::Native)_mm_madd_epi16((__m128i)x.v, (__m128i)w.v);
#elif defined(__ARM_NEON) && defined(__aarch64__)
  if constexpr (width == 4) {
    asm(".arch armv8.2-a+i8mm\n\tusdot %0.4s, %1.16b, %2.16b" : "+w"(sum.v) : "w"(x.v), "w"(w.v));
  } else {
    const int16x8_t a = (int16x8_t)x.v, b = (int16x8_t)w.v;
    const int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b)), high = vmull_high_s16(a, b);
    sum.v += (Vec<uint32_t>::Native)vpaddq_s32(low, high);
  }
#else
  typedef int32_t Signed __attribute__((vector_size(FS_VECTOR_BYTES)));
  const Signed low = ((Signed)(x.v << 16) >> 16) * ((Signed)(w.v << 16) >> 16);
  const Signed high = ((Signed)x.v >> 16) * ((Signed)w.v >> 16);
  sum.v += (Vec<uint32_t>::Native)low + (Vec<uint32_t>::Native)high;
#endif
  return sum;
}

// The lower halves of a and b, paired.
FS_INLINE Vec<uint32_t> low_halves(Vec<uint32_t> a, Vec<uint32_t> b) { return {(a.v & 0xffff) | b.v << 16}; }

// Numbers of 16 bits.
FS_INLINE Vec<uint32_t> add_halves(Vec<uint32_t> a, Vec<uint32_t> b) {
  typedef uint16_t Halves __attribute__((vector_size(FS_VECTOR_BYTES)));
  return {(Vec<uint32_t>::Native)((Halves)a.v + (Halves)b.v)};
}

#endif

// Whether dots are one instruction here: of two on x86, and of four at all.
FS_INLINE bool has_fused_dots() {
#if defined(__x86_64__) && !defined(FS_PLAIN_LANES)
  return kMayFuseDots && __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__) && defined(__linux__) && !defined(FS_PLAIN_LANES)
  return (getauxval(26) & (1 << 13)) != 0;  // AT_HWCAP2 and HWCAP2_I8MM of Linux
#else
  return kMayFuseDots;
#endif
}

// a b a b ...
template <class T>
FS_INLINE Vec<T> splat_pair(T a, T b) {
  return zip_low(splat(a), splat(b));
}

// a + i b for vectors of pairs (re, im).
template <class T>
FS_INLINE Vec<T> add_times_i(Vec<T> a, Vec<T> b) {
  return multiply_add(splat_pair(T(-1), T(1)), swap_pairs(b), a);
}

// How many numbers lie before the next whole vector of memory.
template <class T>
FS_INLINE int64_t until_aligned(const T* p) {
  constexpr uint64_t bytes = Vec<T>::lanes * sizeof(T);
  return (int64_t)((bytes - (uint64_t)p % bytes) % bytes / sizeof(T));
}

}  // namespace
