// The contract between pooling and the rows that it joins.
//
// Like microkernels/microkernel.hpp, compiled into every instruction set's objects.
#pragma once

#include <stdint.h>

// The types that numbers are compared in.
enum FsOrdered { FS_O_F32, FS_O_F64, FS_O_I32, FS_O_I64, FS_O_U64, FS_N_ORDERED };

// y[i] = rows[0][i] joined with rows[1][i] …, i = 0 … n - 1, for one row at least.
typedef void (*FsJoinFn)(void* y, const void* const* rows, int64_t n_rows, int64_t n);
// The largest, and in `which`, integers as wide as the numbers, the row that has it: the first of equals, the last of
// NaNs.
typedef void (*FsPickFn)(void* y, void* which, const void* const* rows, int64_t n_rows, int64_t n);
// y[0] = row[0] joined with row[1] …, for one number at least.
typedef void (*FsFoldFn)(void* y, const void* row, int64_t n);
// y[i] = sums[i] / (counts[i] * scale)
typedef void (*FsDivideFn)(void* y, const void* sums, const void* counts, double scale, int64_t n);

struct FsReduce {
  FsJoinFn largest[FS_N_ORDERED];  // NaN where there is one
  FsPickFn pick[FS_N_ORDERED];
  FsJoinFn sum[2];  // of floats and doubles
  FsFoldFn fold_largest[FS_N_ORDERED];
  FsFoldFn fold_sum[2];
  FsDivideFn divide[2];
};
