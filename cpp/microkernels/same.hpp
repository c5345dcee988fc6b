// The contract between outputs that are known without a sum (sums/known.*) and the loop that looks for equal samples.
//
// Like microkernels/microkernel.hpp, compiled into every instruction set's objects.
#pragma once

#include <stdint.h>

struct FsSame {
  // The first i below n with a[i] - b[i] = 0, of two rows of floats, of doubles; n if there is none. An infinity is not
  // the same as another, nor is a NaN.
  int64_t (*find[2])(const void* a, const void* b, int64_t n);
};
