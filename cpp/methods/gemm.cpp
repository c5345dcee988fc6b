// Output channels times outputs, a matrix product whose right factor is never made.
#include "sum.hpp"

namespace flipslide {

namespace {

Schedule schedule_of(const Question& q, Index) { return direct_schedule(q, *q.isa.find("gemm")); }

std::string refuse(const Question& q) {
  return q.n_out < 2 ? "one output channel, nothing to share" : refuse_large_window(q);
}

}  // namespace

extern const Method gemm_method{
    .name = "gemm",
    .microkernel = "gemm",
    .separates = Separate::never,
    .transforms = false,
    .refuses = refuse,
    .steps = kGemmSteps,
    .row = sum_of,
    .count = count_of<schedule_of, count_gemm>,
    .estimate = estimate_of<schedule_of, count_gemm>,
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
