// Taps that are a product of taps along single axes, applied axis by axis.
#include "sum.hpp"

namespace flipslide {

namespace {

std::string refuse(const Question& q) {
  if (q.sums_integers() || q.types.is_complex) return "only for real numbers";
  return q.axes_with_taps() < 2 ? "one axis" : refuse_all_but_lattices(q);
}

}  // namespace

extern const Method separable_method{
    .name = "separable",
    .microkernel = "direct",
    .separates = Separate::products,
    .transforms = false,
    .refuses = refuse,
    .steps = kSeparableSteps,
    .row = part_of,
    .count = count_of<factor_schedule, count_separable>,
    .estimate = estimate_of<factor_schedule, count_separable>,
    .least = nullptr,
    .describe = describe_of<factor_schedule>,
    .gamma = sum_gamma,
    .bounded_by = kByTerms,
    .bounds_each_output = true,
    .most_reach = nullptr,
    .prepare_taps = nullptr,
    .run = run_sums,
    .open_replays = open_replays,
};

}  // namespace flipslide
