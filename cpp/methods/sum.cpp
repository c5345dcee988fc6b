#include "sum.hpp"

#include <cmath>

namespace flipslide {

double sum_gamma(const Problem& problem, const std::vector<Index>&) {
  const auto n_taps = static_cast<double>(problem.taps_per_channel) * static_cast<double>(problem.n_in);
  const double rounding = (n_taps + 2) * problem.unit_roundoff() * (problem.types.is_complex ? 4 : 1);
  return rounding >= 1 ? HUGE_VAL : rounding / (1 - rounding);
}

}  // namespace flipslide
