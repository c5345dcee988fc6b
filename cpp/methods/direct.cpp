// The sum as it is written, one output channel after the other.
#include "sum.hpp"

namespace flipslide {

namespace {

Schedule schedule_of(const Question& q, Index) { return direct_schedule(q, *q.isa.find("direct")); }

Sum row_of(const Question& q) { return can_sum_dots(q, *q.isa.find("direct")) ? kSumI16 : q.sum(); }

}  // namespace

extern const Method direct_method{
    .name = "direct",
    .microkernel = "direct",
    .separates = Separate::never,
    .transforms = false,
    .refuses = refuse_large_window,
    .steps = kDirectSteps,
    .row = row_of,
    .count = count_of<schedule_of, count_direct>,
    .estimate = estimate_of<schedule_of, count_direct>,
    .least = nullptr,
    .describe = describe_of<schedule_of>,
    .gamma = sum_gamma,
    .bounded_by = kByTerms,
    .bounds_each_output = true,
    .most_reach = nullptr,
    .prepare_taps = nullptr,
    .run = run_sums,
    .open_replays = open_replays,
};

}  // namespace flipslide
