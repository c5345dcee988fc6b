// What the methods that are transforms have in common.
#pragma once

#include "../fft/tilings.hpp"
#include "../fft/transform.hpp"
#include "../planner/refusals.hpp"

namespace flipslide {

std::string refuse_transform(const Question& q);

// Three transforms of log2(n) levels, of at most 7 roundings each (Higham 2002, section 24.1). A real tile is
// transformed as half as many complex numbers: the level that this saves pays for their turn by the angle e^(πi·k/n).
double transform_gamma(const Problem& problem, const std::vector<Index>& tile);

// Up to which max|x|·Σ|w| the integer nearest to each transformed sum is the sum itself: the norm of a tile of n
// samples is at most √n·max|x|, so γ·√n·max|x|·Σ|w| bounds the error; a half would do, a quarter leaves room for what γ
// neglects. No sum is beyond 2^48 then.
std::uint64_t most_reach(const std::vector<Index>& tile);

inline constexpr const char kByTile[] = "Σ|w| times the norm √Σ|x|² of the tile";

template <const Transforms& by>
Counts count_of(const Question& q, const std::vector<Index>& tile, Index) {
  return count_tiling(by, q, tile);
}

template <const Transforms& by>
std::vector<Estimate> estimate_of(const Question& q, const PerStep& prices, int most) {
  return rank_tilings(by, q, prices, most);
}

std::string describe_tiles(const Question& q, const std::vector<Index>& tile);

// Integers are transformed as doubles.
Sum transform_row(const Question& q);

}  // namespace flipslide
