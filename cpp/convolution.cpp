#include "convolution.hpp"

namespace flipslide {

namespace {

// Samples and taps of 16 bits whose rows are read neighbour by neighbour. One number stands outside x.
bool can_sum_dots(const Convolution& c) {
  const Axis& axis = c.slides.back().axis;
  const std::int64_t fill = c.whole_fill();
  return !c.method.transforms && c.types.compute == FS_I32 && c.microkernel.run_pairs[0] && is_narrow(c.types.x) &&
         is_narrow(c.types.w) && axis.stride == 1 && axis.dilation == 1 && axis.w > 0 &&
         fill == static_cast<std::int16_t>(fill);
}

}  // namespace

Convolution::Convolution(Problem problem, const Method& by, std::vector<Index> points, Separation wanted,
                         std::uint64_t reach)
    : Problem(std::move(problem)),
      method(by),
      microkernel(*isa.find(method.microkernel)),
      tile(std::move(points)),
      separation(must_separate() ? Separation{method.separates} : wanted),
      most_reach(reach),
      sums_dots(can_sum_dots(*this)),
      replays(method.open_replays ? method.open_replays(*this) : nullptr) {}

bool Convolution::rounds() const { return method.transforms && sums_integers(); }

bool Convolution::must_separate() const { return method.separates != Separate::never; }

bool Convolution::packs_long() const {
  return !replays && (method.prepare_taps || separation.which != Separate::never);
}

void Convolution::run(const View& x, const PackedTaps& w, const void* bias, const View& y, int threads,
                      std::uint64_t reach) const {
  if (has_outputs()) method.run(*this, x, w, bias, y, threads, reach);
}

}  // namespace flipslide
