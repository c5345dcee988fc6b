// The contract between the core and sums of equal taps.
//
// Like microkernels/microkernel.hpp, compiled into every instruction set's objects.
#pragma once

#include <stdint.h>

// y[i] = bias + tap · (x[i] + x[i + 1] + … + x[i + n_taps - 1]),   i = 0 … n - 1
//
// for `width` neighbouring numbers at once: x[i] lies at x + i * x_step, in elements, and y[i] at
// y + i * y_step. `scratch` has kFsBoxBytes for each tap.
struct FsBox {
  const void* x;
  int64_t x_step;
  void* y;
  int64_t y_step;
  int64_t n, width;
  int64_t n_taps;
  const void* tap;
  const void* bias;  // or null
  void* scratch;
};

typedef void (*FsBoxFn)(const struct FsBox* box);

enum { kFsBoxBytes = 256 };
