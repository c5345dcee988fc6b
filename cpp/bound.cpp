// The proof that integers are exact: max|x| * sum |w| against what a type holds, first by the type of x, then by its
// values.
#include <algorithm>
#include <limits>

#include "convolution.hpp"
#include "thread/pool.hpp"

namespace flipslide {

namespace {

std::uint64_t largest_of(FsType type, bool& negative) {
  switch (type) {
    case FS_T_BOOL: return 1;
    case FS_T_U8: return 0xFF;
    case FS_T_U16: return 0xFFFF;
    case FS_T_U32: return 0xFFFFFFFF;
    case FS_T_U64: return kMost;
    default: negative = true; return std::uint64_t(1) << (8 * kTypeBytes[type] - 1);
  }
}

// The largest magnitude that an exact result may have.
std::uint64_t exact_limit(FsType type) {
  switch (type) {
    case FS_T_BOOL: return kMost;
    case FS_T_F32: return std::uint64_t(1) << 24;
    case FS_T_F64: return std::uint64_t(1) << 53;
    case FS_T_U8:
    case FS_T_U16:
    case FS_T_U32:
    case FS_T_U64: {
      bool ignored = false;
      return largest_of(type, ignored);
    }
    default: return (std::uint64_t(1) << (8 * kTypeBytes[type] - 1)) - 1;
  }
}

// The range of a strided array, in slices of its longest axis.
void range_of(const View& x, FsRangeFn range, std::uint64_t& largest, bool& negative, int threads) {
  if (x.ndim == 0) {
    int below = 0;
    range(x.data, 0, 1, &largest, &below);
    negative = negative || below;
    return;
  }
  int split = 0;
  Index total = 1;
  for (int d = 0; d < x.ndim; ++d) {
    total *= x.shape[d];
    if (x.shape[d] > x.shape[split]) split = d;
  }
  if (total == 0) return;
  if (x.ndim == 1 && total <= (1 << 18)) {
    int below = 0;
    range(x.data, x.strides[0], total, &largest, &below);
    negative = negative || below;
    return;
  }
  const Index n_slices = total > (1 << 18) ? std::min<Index>(64, x.shape[split]) : 1;
  std::vector<std::uint64_t> largests(static_cast<std::size_t>(n_slices), 0);
  std::vector<int> negatives(static_cast<std::size_t>(n_slices), 0);
  parallel_for(n_slices, threads, [&](Index slice) {
    std::vector<Index> low(static_cast<std::size_t>(x.ndim), 0), high(x.shape, x.shape + x.ndim);
    low[split] = x.shape[split] * slice / n_slices;
    high[split] = x.shape[split] * (slice + 1) / n_slices;
    std::vector<Index> at = low;
    const int last = x.ndim - 1;
    for (;;) {
      const std::byte* row = x.data;
      for (int d = 0; d < x.ndim; ++d) row += at[d] * x.strides[d];
      range(row, x.strides[last], high[last] - low[last], &largests[slice], &negatives[slice]);
      int d = last;
      while (d-- > 0 && ++at[d] == high[d]) at[d] = low[d];
      if (d < 0) return;
    }
  });
  for (Index slice = 0; slice < n_slices; ++slice) {
    largest = std::max(largest, largests[slice]);
    negative = negative || negatives[slice];
  }
}

}  // namespace

Bound Convolution::bound(const View& x, const PackedTaps& w, std::uint64_t bias_magnitude, bool bias_negative,
                         int threads) const {
  Bound result;
  if (!is_integer(types.x) || !is_integer(types.w) || types.y == FS_T_BOOL) return result;
  const std::uint64_t limit = types.saturate ? exact_limit(FS_T_I64) : exact_limit(types.y);
  const bool no_negatives =
      !types.saturate && (types.y == FS_T_U8 || types.y == FS_T_U16 || types.y == FS_T_U32 || types.y == FS_T_U64);
  const auto judge = [&](std::uint64_t largest, bool negative) {
    const unsigned __int128 reach = static_cast<unsigned __int128>(largest) * w.magnitude_sum + bias_magnitude;
    result.magnitude = saturating(reach);
    result.below_zero = no_negatives && (negative || w.negative || bias_negative);
    result.fits = reach <= limit && w.magnitude_sum < kMost && !result.below_zero;
  };
  bool negative = false;
  std::uint64_t largest = largest_of(types.x, negative);
  judge(std::max(largest, fill.magnitude), negative || fill.negative);
  if (result.fits) return result;
  // The type alone does not settle it; the values may.
  largest = fill.magnitude;
  negative = fill.negative;
  range_of(x, isa.convert->range[types.x], largest, negative, threads);
  judge(largest, negative);
  return result;
}

// Every sum and every error of a transform is bounded by a multiple of max|x| * sum |w|: see
// `most_reach` in src/flipslide/plan.py.
bool rounds_right(const Convolution& c, const View& x, const PackedTaps& w, std::uint64_t reach, int threads) {
  if (reach <= c.most_reach) return true;
  const auto holds = [&](std::uint64_t largest) {
    return static_cast<unsigned __int128>(largest) * w.magnitude_sum <= c.most_reach;
  };
  const std::int64_t fill = c.whole_fill();
  const std::uint64_t outside =
      fill < 0 ? std::uint64_t(0) - static_cast<std::uint64_t>(fill) : static_cast<std::uint64_t>(fill);
  bool negative = false;
  if (holds(std::max(outside, largest_of(c.types.x, negative)))) return true;
  std::uint64_t largest = outside;
  if (!holds(std::max<std::uint64_t>(largest, 1))) return false;
  range_of(x, c.isa.convert->range[c.types.x], largest, negative, threads);
  return holds(largest);
}

}  // namespace flipslide
