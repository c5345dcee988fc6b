// Integers that say where things lie: sizes of types, nested loops, the extension of an axis.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "microkernels/microkernel.hpp"
#include "spec.hpp"
#include "view.hpp"

namespace flipslide {

inline constexpr int kMaxAxes = 16;
inline constexpr const char* kTypeNames[FS_N_TYPES] = {"bool",   "int8",   "int16",  "int32",   "int64",   "uint8",
                                                       "uint16", "uint32", "uint64", "float16", "float32", "float64"};
inline constexpr Index kTypeBytes[FS_N_TYPES] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8};
inline constexpr Index kComputeBytes[FS_N_COMPUTE] = {4, 8, 4, 8};
inline constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

inline std::uint64_t saturating(unsigned __int128 value) {
  return value > kMost ? kMost : static_cast<std::uint64_t>(value);
}

// Below about 15 microseconds of work (in products) a second thread costs more than it saves.
inline constexpr double kWorthSharing = 0.5e6;

inline bool is_integer(FsType type) { return type < FS_T_F16; }

// The compute type whose numbers lie in memory just as this type's do.
inline bool same_bits(FsType type, FsCompute compute) {
  switch (type) {
    case FS_T_F32: return compute == FS_F32;
    case FS_T_F64: return compute == FS_F64;
    case FS_T_I32:
    case FS_T_U32: return compute == FS_I32;
    case FS_T_I64:
    case FS_T_U64: return compute == FS_I64;
    default: return false;
  }
}

// Whether 16 bits with a sign hold every number of a type.
inline bool is_narrow(FsType type) {
  return type == FS_T_BOOL || type == FS_T_I8 || type == FS_T_I16 || type == FS_T_U8;
}

// Whether 8 bits without one do.
inline bool is_byte(FsType type) { return type == FS_T_BOOL || type == FS_T_U8; }

inline Index size_of(const std::vector<Loop>& loops) {
  Index size = 1;
  for (const Loop& loop : loops) size *= loop.size;
  return size;
}

// Where the index-th turn of some nested loops finds its part of an array, in bytes.
inline Index locate(const std::vector<Loop>& loops, int Loop::* dim, Index index, const View& view) {
  Index offset = 0;
  for (std::size_t i = loops.size(); i-- > 0;) {
    offset += index % loops[i].size * view.stride(loops[i].*dim);
    index /= loops[i].size;
  }
  return offset;
}

inline constexpr Index kGap = -1;   // no sample and no term
inline constexpr Index kFill = -2;  // no sample; the fill value stands for it

// geometry.extend_index
inline Index extend(Index i, Index n, Boundary boundary) {
  if (i >= 0 && i < n) return i;
  const auto wrapped = [](Index value, Index period) { return ((value % period) + period) % period; };
  switch (boundary) {
    case Boundary::zero: return kGap;
    case Boundary::constant: return kFill;
    case Boundary::edge: return i < 0 ? 0 : n - 1;
    case Boundary::symmetric: {
      const Index at = wrapped(i, 2 * n);
      return std::min(at, 2 * n - 1 - at);
    }
    case Boundary::mirror: {
      if (n == 1) return 0;
      const Index at = wrapped(i, 2 * (n - 1));
      return std::min(at, 2 * (n - 1) - at);
    }
    default: return wrapped(i, n);
  }
}

inline Index floor_div(Index a, Index b) { return a / b - (a % b < 0); }
inline Index ceil_div(Index a, Index b) { return -floor_div(-a, b); }

// n in blocks of `most` at most, all about as large and whole multiples of `unit`: what one has.
inline Index even_block(Index n, Index most, Index unit) {
  const Index each = ceil_div(n, ceil_div(n, most));
  return ceil_div(each, unit) * unit;
}

}  // namespace flipslide
