// Products of transformed tiles, for 3 x 3 taps: 2.25 or 4 products for an output and an input channel in place of 9.
#include "../fft/transform.hpp"
#include "../planner/refusals.hpp"
#include "../winograd/tiles.hpp"
#include "../winograd/winograd.hpp"

namespace flipslide {

namespace {

std::string refuse(const Question& q) {
  if (q.sums_integers() || q.must_be_exact) return "it rounds, and integers are exact";
  if (q.types.is_complex) return "only for real numbers";
  const auto fits = [](const Slide& slide) { return slide.axis.w == 3 && slide.axis.dilation == 1; };
  if (q.slides.size() != 2 || !std::all_of(q.slides.begin(), q.slides.end(), fits)) return "only for 3 by 3 taps";
  if (!q.has_lattice()) return "strides other than 1";
  // Beyond, errors of a tile are too near to what each output may have.
  if (q.n_in > 1024) return "more than 1024 input channels";
  return rank_winograd(q, {}, 1).empty() ? "transformed taps would take too much memory" : "";
}

std::string describe(const Question& q, const std::vector<Index>& tile) {
  const WinogradTiles t(q, tile.front());
  const std::string m = std::to_string(t.outputs);
  return "F(" + m + " by " + m + ", 3 by 3): tiles of " + m + " by " + m + " outputs, " +
         std::to_string(t.frequencies) + " products for each; " + std::to_string(t.n_tasks) +
         (t.n_tasks == 1 ? " task of " : " tasks of ") + std::to_string(t.tiles_per_task) + " tiles";
}

Counts count(const Question& q, const std::vector<Index>& tile, Index) { return count_winograd(q, tile); }

}  // namespace

extern const Method winograd_method{
    .name = "winograd",
    .microkernel = "gemm",
    .separates = Separate::never,
    .transforms = true,
    .refuses = refuse,
    .steps = kWinogradSteps,
    .row = [](const Question& q) { return q.part(); },
    .count = count,
    .estimate = rank_winograd,
    .least = nullptr,
    .describe = describe,
    .gamma = winograd_gamma,
    .bounded_by = "Σ|w| times the largest |x| of the tile",
    .bounds_each_output = false,
    .most_reach = nullptr,
    .prepare_taps = pack_winograd,
    .run = run_winograd,
    .open_replays = nullptr,
};

}  // namespace flipslide
