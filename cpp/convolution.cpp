#include "convolution.hpp"

namespace flipslide {

Convolution::Convolution(Problem problem, const Method& by, std::vector<Index> points, Separate which, Index rank)
    : Problem(std::move(problem)),
      method(by),
      microkernel(*isa.find(method.microkernel)),
      tile(std::move(points)),
      separation(must_separate() ? Separation{method.separates} : Separation{which, rank, method.gamma(*this, tile)}),
      most_reach(method.most_reach && sums_integers() ? method.most_reach(tile) : 0),
      sums_dots(!method.transforms && can_sum_dots(*this, microkernel)),
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
