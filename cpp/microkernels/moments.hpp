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

// A row of windows, for i = 0 … n − 1 and on to the end of a vector, in floats or doubles.
typedef void (*FsMergeFn)(int64_t n, const void* sa, const void* ma, const void* sb, const void* mb, void* s, void* m,
                          const struct FsMerge* merge);

// Windows along the columns of a strip, as rows come. Level l has the windows of 2^l rows, by the row that they end
// with; the newest `kept` of them, a power of two, lie in a ring, line `first` and following. A line is a strip of sums
// and a strip of deviations. The window that is asked for is put together from parts, the highest level last: that one
// ends with the newest row, the others so many rows behind it.
enum { FS_STRIP_VECTORS = 4, FS_MOST_LEVELS = 48 };

struct FsPart {
  int64_t level, behind;
  struct FsMerge merge;  // of all parts before with this one
};

struct FsLadder {
  int64_t n_levels;  // above the single rows
  int64_t first[FS_MOST_LEVELS], kept[FS_MOST_LEVELS];
  struct FsMerge merges[FS_MOST_LEVELS];  // of two of this level
  int64_t n_parts;
  struct FsPart parts[FS_MOST_LEVELS];
};

// Rows and windows are `step` numbers from one to the next. `from_m` may be null: single samples do not deviate.
// Windows that end with one of the first `n_skipped` rows are not asked for.
typedef void (*FsColumnFn)(void* to_s, void* to_m, const void* from_s, const void* from_m, int64_t step, int64_t row,
                           int64_t n_rows, int64_t n_skipped, void* ring, const struct FsLadder* ladder);

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
  int64_t strip;  // numbers
  FsColumnFn column;
  FsMergeFn merge;
  FsScoreFn score[FS_N_SCORES];
};

// No score is as large.
#define FS_DOUBT 4
