// same: samples that are equal.
#include "same.hpp"

#include "microkernel.hpp"

namespace {

constexpr int64_t kBlock = 64;

// A block is compared as a whole, so that the loop becomes vectors.
template <class T, class Bits>
static int64_t find(const void* from_a, const void* from_b, int64_t n) {
  const T* a = (const T*)from_a;
  const T* b = (const T*)from_b;
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t end = n - first < kBlock ? n : first + kBlock;
    Bits any = 0;
    if (end - first == kBlock)
      for (int64_t i = first; i < first + kBlock; ++i) any |= a[i] - b[i] == 0 ? (Bits)-1 : (Bits)0;
    else
      any = 1;
    if (!any) continue;
    for (int64_t i = first; i < end; ++i)
      if (a[i] - b[i] == 0) return i;
  }
  return n;
}

}  // namespace

extern "C" const struct FsSame FS_SYMBOL(same) = {{find<float, int32_t>, find<double, int64_t>}};
