/* The two limits of a machine: multiply-adds, and bytes copied. Compiled by roofline.py. */
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
#define CHAINS 12 /* independent sums: more than latency times units, fewer than registers */

/* Sums go to 1 or 2: if they went to 0, numbers too small to be normal would set the pace on some processors. */
#define DEFINE_FMA(name, type)                                        \
  type name(long rounds) {                                            \
    typedef type lanes __attribute__((vector_size(BYTES)));           \
    lanes sum[CHAINS], shrink = {0}, step = {0};                      \
    shrink += (type)0.999, step += (type)0.001 * (type)(1 + (rounds & 1));  \
    for (int i = 0; i < CHAINS; ++i) sum[i] = step + (type)i;         \
    for (long r = 0; r < rounds; ++r)                                 \
      for (int i = 0; i < CHAINS; ++i) sum[i] = sum[i] * shrink + step; \
    for (int i = 1; i < CHAINS; ++i) sum[0] += sum[i];                \
    return sum[0][0] + sum[0][1];                                     \
  }

DEFINE_FMA(fma_float32, float)
DEFINE_FMA(fma_float64, double)

int chains(void) { return CHAINS; }
int vector_bytes(void) { return BYTES; }

void copy(double *to, const double *from, long count, long rounds) {
  for (long r = 0; r < rounds; ++r) {
    for (long i = 0; i < count; ++i) to[i] = from[i];
    __asm__ volatile("" ::: "memory");
  }
}
