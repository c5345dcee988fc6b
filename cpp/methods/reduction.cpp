// Few outputs, each the sum of many products, such as the gradient of a layer's taps: a product of matrices.
#include "../sums/reduction.hpp"

#include "sum.hpp"

namespace flipslide {

namespace {

// Sums of one channel that are kept at once.
constexpr Index kMostRows = 4096;

Reduction reduction_of(const Question& q) { return make_reduction(q, q.x, q.y); }

std::string refuse(const Question& q) {
  if (q.types.is_complex) return "only for real numbers";
  Index rows = 1;
  for (const Slide& slide : q.slides) {
    if (slide.axis.up > 1) return "samples stand apart";
    rows *= slide.axis.y;
  }
  if (rows > kMostRows) return "more than 4096 outputs of a channel";
  // Windows of wide dilations are mostly empty.
  const bool fits = memory_of(q, reduction_of(q)).of(kUsualThreads) <= q.scratch_bytes();
  return fits ? "" : "its windows would take too much memory";
}

Counts count(const Question& q, const std::vector<Index>&, Index) { return count_reduction(q, reduction_of(q)); }

std::vector<Estimate> estimate(const Question& q, const PerStep& prices, int) {
  const Reduction reduction = reduction_of(q);
  return {{count_reduction(q, reduction).priced(prices), memory_of(q, reduction), {}}};
}

std::string describe(const Question& q, const std::vector<Index>&) { return reduction_of(q).describe(); }

}  // namespace

extern const Method reduction_method{
    .name = "reduction",
    .microkernel = "direct",
    .separates = Separate::never,
    .transforms = false,
    .refuses = refuse,
    .steps = kReductionSteps,
    .row = part_of,
    .count = count,
    .estimate = estimate,
    .least = nullptr,
    .describe = describe,
    .gamma = sum_gamma,
    .bounded_by = kByTerms,
    .bounds_each_output = true,
    .most_reach = nullptr,
    .prepare_taps = nullptr,
    .run = run_reduction,
    .open_replays = nullptr,
};

}  // namespace flipslide
