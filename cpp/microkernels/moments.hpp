// The contract between the sums of windows (moments.cpp) and their loops.
//
// Like microkernels/microkernel.hpp, compiled into every instruction set's objects.
#pragma once

#include <stdint.h>

// Two stretches of samples, of a and of b of them, have sums sa and sb and sums of squared deviations from their own
// means ma and mb. Both together have (Chan, Golub and LeVeque 1983)
//
//   s = sa + sb,   m = ma + mb + (b·sa − a·sb)² / (a·b·(a + b))
//
// in which nothing large is subtracted from something as large but the two means.
struct FsMerge {
  double a, b;    // the two numbers, or 1 and 1 where they are equal
  double factor;  // 1 / (a·b·(a + b)), or 1 / (2a) where they are equal
};

// A row of windows, for i = 0 … n − 1, in floats or doubles. `ma` and `mb` may be null: single samples do not deviate.
typedef void (*FsMergeFn)(int64_t n, const void* sa, const void* ma, const void* sb, const void* mb, void* s, void* m,
                          const struct FsMerge* merge);

enum FsScoreKind { FS_ZNCC, FS_NCC, FS_SSD, FS_N_SCORES };

// From c = Σ (w − mean w)·x to the score of each window of `samples` samples:
//
//   zncc   c / √(m·wm)
//   ncc    (c + s·mean w) / √((m + s²/samples)·(wm + samples·mean²w))
//   ssd    m + wm − 2c + samples·(s/samples − mean w)²
//
// A window that is flat, m ≤ flat·s², has the score 0; one whose divisor is below `doubt`, where the rounding of c
// would be seen, the score kFsDoubt. Returns how many of these there are.
struct FsScore {
  double samples;
  double w_mean, w_deviation;  // mean w and wm = Σ (w − mean w)²
  double flat, doubt;
};

typedef int64_t (*FsScoreFn)(int64_t n, void* c, const void* s, const void* m, const struct FsScore* score);

struct FsMoments {
  FsMergeFn merge;
  FsScoreFn score[FS_N_SCORES];
};

// No score is as large.
#define FS_DOUBT 4
