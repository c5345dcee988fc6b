// Which method computes a question: every row of the registry is asked, cheap questions first.
#pragma once

#include <string>
#include <vector>

#include "methods.hpp"
#include "../planner/counts.hpp"

namespace flipslide {

// The prices of a method's steps, for a row: nanoseconds each.
void set_prices(const Method& method, Sum row, const PerStep& prices);
const PerStep& prices_of(const Method& method, const Question& q);

// Empty, or why the method cannot be used; `strict`: only if it bounds the error of each output by its own terms.
std::string refusal_of(const Method& method, const Question& q, bool strict);

// The cheapest ways, at most `most`. Empty if there is none.
std::vector<Estimate> estimates_of(const Method& method, const Question& q, int most);

struct Choice {
  const Method* method = nullptr;  // null: none
  Estimate estimate;
  Separate separates = Separate::never;  // which taps would go axis by axis for less
};
Choice choose(const Question& q, bool strict);

// Of the sums of few products that taps may be, the largest number of products that costs less than `nanoseconds`.
Index most_rank(const Question& q, double nanoseconds);

}  // namespace flipslide
