// Taps that are all the same, as running sums.
#include "sum.hpp"

namespace flipslide {

namespace {

std::string refuse(const Question& q) {
  return q.types.is_complex ? "only for real numbers" : refuse_all_but_lattices(q);
}

}  // namespace

extern const Method box_method{
    .name = "box",
    .microkernel = "direct",
    .separates = Separate::boxes,
    .transforms = false,
    .refuses = refuse,
    .steps = kBoxSteps,
    .row = part_of,
    .count = count_of<factor_schedule, count_box>,
    .estimate = estimate_of<factor_schedule, count_box>,
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
