// What the methods that are direct sums have in common.
#pragma once

#include "../planner/refusals.hpp"
#include "../sums/count.hpp"
#include "../sums/sums.hpp"

namespace flipslide {

// Any order of n products and sums, each rounded once or twice, stays within n·u/(1 − n·u), with the unit roundoff u
// (Higham 2002, section 3.1). A complex product counts four roundings.
double sum_gamma(const Problem& problem, const std::vector<Index>& tile);

inline constexpr const char kByTerms[] = "the sum of |w|·|x|, for each output";

template <auto schedule, auto count>
Counts count_of(const Question& q, const std::vector<Index>&, Index rank) {
  return count(q, schedule(q, rank));
}

template <auto schedule, auto count>
std::vector<Estimate> estimate_of(const Question& q, const PerStep& prices, int) {
  const Schedule s = schedule(q, 1);
  return {{count(q, s).priced(prices), memory_of(q, s), {}}};
}

template <auto schedule>
std::string describe_of(const Question& q, const std::vector<Index>&) {
  return schedule(q, 1).describe();
}

inline Sum sum_of(const Question& q) { return q.sum(); }
inline Sum part_of(const Question& q) { return q.part(); }

}  // namespace flipslide
