// Which tiles a transform should use: their sizes, what they cost, the cheapest.
//
// A tile of n samples along an axis gives n − D + 1 outputs, where D is the span of the taps: a large tile wastes
// little, a small one stays in the cache and needs fewer levels. A real tile is transformed as half as many complex
// points, so its last axis is even (transform.hpp).
#pragma once

#include <vector>

#include "../planner/counts.hpp"

namespace flipslide {

inline constexpr const char kOverlapSteps[] =
    "call tile row level odd across far move stream pages again strided whole";
inline constexpr const char kFftSteps[] =
    "call tile row level odd across collide far move stream pages again strided whole join";

// What the tiles of a question have in common.
struct TileSetting {
  explicit TileSetting(const Question& q);

  const Question& q;
  Index item;         // bytes of a real number
  Index lanes, unit;  // unit: samples of a point, as a real tile is folded
  int n_axes;
  double batch, group, out;
  bool is_rounded, is_strided, is_far, is_converted;
};

struct Tiling {
  Index tile[kMaxAxes];
  double points, blocks;  // complex points of a tile; tiles of a signal
};

struct Transforms {
  Index most_points;  // along an axis
  Counts (*count)(const TileSetting&, const Tiling&);
  Memory (*memory)(const TileSetting&, const Tiling&);
};
extern const Transforms kOverlap, kFft;

// At most `most` of the cheapest tilings; none if no tile of a bearable size holds the taps.
std::vector<Estimate> rank_tilings(const Transforms& by, const Question& q, const PerStep& prices, int most);

// One tiling: its counts, or all of it.
Counts count_tiling(const Transforms& by, const Question& q, const std::vector<Index>& tile);
Estimate estimate_tiling(const Transforms& by, const Question& q, const PerStep& prices,
                         const std::vector<Index>& tile);

// Nanoseconds that no tiling can be below: along one axis the best size, along the others as few points as any size
// needs and as few levels as any has; nothing but points and levels counts. Most small calls need not look for tiles.
double least_overlap(const Question& q, const PerStep& prices);
double least_fft(const Question& q, const PerStep& prices);

}  // namespace flipslide
