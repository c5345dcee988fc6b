// Taps that are products of taps along single axes, such as Gaussians and boxes.
//
// Of a box all taps are the same; integers, and taps along one axis, count only then.
// The factors are the lines through the largest tap. Each tap must be the product of its factors
// within a few roundings of itself, so that the sum axis by axis keeps the direct sum's bound: the
// error of each output relative to its own terms.
#include <cmath>
#include <limits>
#include <type_traits>

#include "driver.hpp"

namespace flipslide {

namespace {

constexpr double kRoundings = 8;

// The axis whose factor has the size of the taps; those of the others have a largest tap of 1.
std::size_t bearer(const std::vector<Index>& extents) {
  std::size_t a = 0;
  while (a + 1 < extents.size() && extents[a] == 1) ++a;
  return a;
}

template <class T>
bool factor_box(const T* taps, const std::vector<Index>& extents, T* factors) {
  Index n_taps = 1;
  for (const Index n : extents) n_taps *= n;
  for (Index t = 1; t < n_taps; ++t)
    if (taps[t] != taps[0]) return false;
  for (std::size_t a = 0; a < extents.size(); ++a)
    for (Index i = 0; i < extents[a]; ++i) *factors++ = a == bearer(extents) ? taps[0] : T(1);
  return true;
}

template <class T>
bool factor_channel(const T* taps, const std::vector<Index>& extents, T* factors) {
  using Wide = std::conditional_t<sizeof(T) == 4, double, long double>;
  Index n_taps = 1, largest = 0;
  for (const Index n : extents) n_taps *= n;
  for (Index t = 1; t < n_taps; ++t)
    if (std::abs(taps[t]) > std::abs(taps[largest])) largest = t;
  const Wide pivot = taps[largest];
  Index step = n_taps;
  T* to = factors;
  for (std::size_t a = 0; a < extents.size(); ++a) {
    step /= extents[a];
    const Index first = largest - largest / step % extents[a] * step;
    for (Index i = 0; i < extents[a]; ++i) {
      const Wide tap = taps[first + i * step];
      *to++ = static_cast<T>(a == bearer(extents) || pivot == 0 ? tap : tap / pivot);
    }
  }
  std::vector<Index> j(extents.size(), 0);
  for (Index t = 0; t < n_taps; ++t) {
    Wide product = 1;
    const T* from = factors;
    for (std::size_t a = 0; a < extents.size(); ++a) {
      product *= from[j[a]];
      from += extents[a];
    }
    const Wide tap = taps[t];
    if (!(std::abs(product - tap) <= kRoundings / 2 * std::numeric_limits<T>::epsilon() * std::abs(tap))) return false;
    for (std::size_t a = extents.size(); a-- > 0 && ++j[a] == extents[a];) j[a] = 0;
  }
  return true;
}

template <class T>
bool factor_all(const std::vector<Index>& extents, Index n_channels, PackedTaps& packed, bool only_boxes) {
  Index n_taps = 1, n_factors = 0, n_long = 0;
  for (const Index n : extents) {
    n_taps *= n;
    n_factors += n;
    n_long += n > 1;
  }
  const auto factor = [&](const T* from, T* to) {
    if constexpr (std::is_floating_point_v<T>)
      if (!only_boxes && n_long > 1) return factor_channel(from, extents, to);
    return factor_box(from, extents, to);
  };
  packed.factors.resize(static_cast<std::size_t>(n_channels * n_factors) * sizeof(T));
  const T* taps = reinterpret_cast<const T*>(packed.data);
  T* factors = reinterpret_cast<T*>(packed.factors.data());
  for (Index k = 0; k < n_channels; ++k)
    if (!factor(taps + k * n_taps, factors + k * n_factors)) {
      packed.factors.clear();
      return false;
    }
  return true;
}

}  // namespace

bool find_factors(FsCompute compute, const std::vector<Index>& extents, Index n_channels, PackedTaps& packed,
                  bool only_boxes) {
  switch (compute) {
    case FS_F32: return factor_all<float>(extents, n_channels, packed, only_boxes);
    case FS_F64: return factor_all<double>(extents, n_channels, packed, only_boxes);
    case FS_I32: return factor_all<std::uint32_t>(extents, n_channels, packed, only_boxes);
    default: return factor_all<std::uint64_t>(extents, n_channels, packed, only_boxes);
  }
}

}  // namespace flipslide
