#include "transform.hpp"

#include <cmath>

namespace flipslide {

std::string refuse_transform(const Question& q) {
  if (!q.sums_integers() && q.must_be_exact) return "transforms round, and integers are exact also in a float type";
  return q.spec.conj_x ? "x is conjugated" : refuse_all_but_lattices(q);
}

namespace {

double gamma_of(const std::vector<Index>& tile, double unit_roundoff) {
  double levels = 0;
  for (const Index n : tile) levels += std::log2(static_cast<double>(n));
  return (21 * levels + 8) * unit_roundoff;
}

}  // namespace

double transform_gamma(const Problem& problem, const std::vector<Index>& tile) {
  return gamma_of(tile, problem.unit_roundoff());
}

std::uint64_t most_reach(const std::vector<Index>& tile) {
  double points = 1;
  for (const Index n : tile) points *= static_cast<double>(n);
  return static_cast<std::uint64_t>(0.25 / (gamma_of(tile, 0x1p-53) * std::sqrt(points)));
}

std::string describe_tiles(const Question&, const std::vector<Index>& tile) {
  std::string text = "tiles of ";
  for (std::size_t a = 0; a < tile.size(); ++a) text += (a ? " by " : "") + std::to_string(tile[a]);
  return text + " points";
}

Sum transform_row(const Question& q) { return q.sums_integers() ? kSumF64 : q.part(); }

}  // namespace flipslide
