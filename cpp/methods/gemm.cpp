// Output channels times outputs, a matrix product whose right factor is never made.
#include "../sums/panels.hpp"
#include "sum.hpp"

namespace flipslide {

namespace {

Schedule schedule_of(const Question& q) { return direct_schedule(q, *q.isa.find("gemm")); }

Counts count(const Question& q, const std::vector<Index>&, Index) {
  const Panels panels = make_panels(q, q.x, q.y);
  return panels.width > 0 ? count_gemm(q, panels) : count_gemm(q, schedule_of(q));
}

std::vector<Estimate> estimate(const Question& q, const PerStep& prices, int) {
  const Panels panels = make_panels(q, q.x, q.y);
  if (panels.width > 0) return {{count_gemm(q, panels).priced(prices), memory_of(q, panels), {}}};
  const Schedule schedule = schedule_of(q);
  return {{count_gemm(q, schedule).priced(prices), memory_of(q, schedule), {}}};
}

std::string describe(const Question& q, const std::vector<Index>&) {
  const Panels panels = make_panels(q, q.x, q.y);
  return panels.width > 0 ? panels.describe() : schedule_of(q).describe();
}

void run(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads,
         std::uint64_t reach) {
  const Panels panels = w.factors.empty() ? make_panels(c, x, y) : Panels{};
  panels.width > 0 ? run_panels(panels, c, x, w, bias, y, threads) : run_sums(c, x, w, bias, y, threads, reach);
}

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
    .count = count,
    .estimate = estimate,
    .least = nullptr,
    .describe = describe,
    .gamma = sum_gamma,
    .bounded_by = kByTerms,
    .bounds_each_output = true,
    .most_reach = nullptr,
    .prepare_taps = nullptr,
    .run = run,
    .open_replays = open_replays,
};

}  // namespace flipslide
