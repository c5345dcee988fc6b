#include "matrix.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <tuple>

namespace flipslide {

namespace {

// In order. Points of a transform have small factors, so there are few.
std::vector<Index> divisors_of(Index n) {
  std::vector<Index> found{1};
  for (Index p = 2, rest = n; rest > 1; ++p) {
    if (p * p > rest) p = rest;
    const std::size_t before = found.size();
    for (Index power = p; rest % p == 0; rest /= p, power *= p)
      for (std::size_t i = 0; i < before; ++i) found.push_back(found[i] * power);
  }
  std::sort(found.begin(), found.end());
  return found;
}

// One axis as a matrix, as square as the factors allow.
Grid split_rows(Index n, Index lanes) {
  Grid best{1, n};
  double best_cost = 1e300;
  for (const Index columns : divisors_of(n)) {
    const double skew = std::abs(std::log2(static_cast<double>(columns * columns) / static_cast<double>(n)));
    const double cost = skew + (columns % lanes ? 4 : 0) + (n / columns % lanes ? 4 : 0);
    if (cost < best_cost) {
      best_cost = cost;
      best = {n / columns, columns};
    }
    if (columns > 4 * lanes && columns * columns > 16 * n) break;
  }
  return best;
}

}  // namespace

Grid sides_of(const Index* tile, int n_axes, Index lanes) {
  if (n_axes == 1) return split_rows(tile[0], lanes);
  return {tile[n_axes - 1], std::accumulate(tile, tile + n_axes - 1, Index(1), std::multiplies<>())};
}

std::vector<Index> frequencies(const FsFft& fft) {
  std::vector<Index> found(static_cast<std::size_t>(fft.n));
  for (Index p = 0; p < fft.n; ++p) {
    Index rest = p, m = fft.n, weight = 1, frequency = 0;
    for (int l = 0; l < fft.n_levels; ++l) {
      m /= fft.radix[l];
      frequency += rest / m * weight;
      rest %= m;
      weight *= fft.radix[l];
    }
    found[static_cast<std::size_t>(p)] = frequency;
  }
  return found;
}

namespace {

using Splits = Tables<std::tuple<Index, int, Index, bool>, Split>;

Splits& splits() {
  static Splits& all = *new Splits;
  return all;
}

}  // namespace

SharedSplit split_of(Index n, const FsButterflies& f, Index bytes, bool is_angled) {
  return splits().find({n, f.lanes, bytes, is_angled},
                       [&] { return std::make_shared<const Split>(n, f, bytes, is_angled); });
}

std::size_t release_splits() { return splits().release(); }

}  // namespace flipslide
