#include "choose.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace flipslide {

namespace {

// Taps of a higher rank are not looked for; looking costs this for each tap and rank, in nanoseconds.
constexpr Index kMostRank = 8;
constexpr double kRankTap = 1;

// A step that nobody has measured takes a nanosecond.
PerStep unmeasured() {
  PerStep prices;
  prices.fill(1);
  return prices;
}

std::map<std::pair<const Method*, Sum>, PerStep>& table() {
  // Never destroyed: threads may outlive the end of main.
  static auto& prices = *new std::map<std::pair<const Method*, Sum>, PerStep>;
  return prices;
}

double usual(const Estimate& estimate) { return estimate.time.on(kUsualThreads); }

// The cheapest way, unless it cannot be below the limit.
std::vector<Estimate> cheaper_than(const Method& method, const Question& q, bool strict, double limit) {
  if (!refusal_of(method, q, strict).empty()) return {};
  const PerStep& prices = prices_of(method, q);
  if (prices[0] >= limit || (method.least && method.least(q, prices) >= limit)) return {};
  std::vector<Estimate> found = method.estimate(q, prices, 1);
  if (!found.empty() && !(usual(found[0]) < limit)) found.clear();
  return found;
}

}  // namespace

void set_prices(const Method& method, Sum row, const PerStep& prices) { table()[{&method, row}] = prices; }

const PerStep& prices_of(const Method& method, const Question& q) {
  static const PerStep none = unmeasured();
  const auto found = table().find({&method, method.row(q)});
  return found == table().end() ? none : found->second;
}

std::string refusal_of(const Method& method, const Question& q, bool strict) {
  std::string refusal = method.refuses(q);
  if (!refusal.empty() || !strict || method.bounds_each_output || q.unit_roundoff() == 0) return refusal;
  return "its error is not bounded output by output";
}

std::vector<Estimate> estimates_of(const Method& method, const Question& q, int most) {
  return method.estimate(q, prices_of(method, q), most);
}

Choice choose(const Question& q, bool strict) {
  Choice choice;
  double best = HUGE_VAL;
  for (const Method* method : methods()) {
    if (method->separates != Separate::never) continue;
    std::vector<Estimate> found = cheaper_than(*method, q, strict, best);
    if (found.empty()) continue;
    best = usual(found[0]);
    choice.method = method;
    choice.estimate = std::move(found[0]);
  }
  // Methods for some values of the taps: whether these are such shows when they are there.
  for (const Method* method : methods())
    if (method->separates != Separate::never && choice.method && !cheaper_than(*method, q, strict, best).empty())
      choice.separates = std::max(choice.separates, method->separates);
  return choice;
}

Index most_rank(const Question& q, double nanoseconds) {
  const auto is_for_products = [](const Method* method) { return method->separates == Separate::products; };
  const Method& passes = **std::find_if(methods().begin(), methods().end(), is_for_products);
  Index taps = 1, best = 0;
  for (const Slide& slide : q.slides) taps *= slide.axis.w;
  for (Index rank = 1; rank <= kMostRank; ++rank) {
    const double time = passes.count(q, {}, rank).priced(prices_of(passes, q)).on(kUsualThreads);
    if (time + kRankTap * static_cast<double>(rank * taps) < nanoseconds) best = rank;
  }
  return best;
}

}  // namespace flipslide
