// Fourier transforms of many tiles at once, one in each lane.
#include "transform.hpp"

namespace flipslide {

extern const Method overlap_method{
    .name = "overlap",
    .microkernel = "direct",
    .separates = Separate::never,
    .transforms = true,
    .refuses = refuse_transform,
    .steps = kOverlapSteps,
    .row = transform_row,
    .count = count_of<kOverlap>,
    .estimate = estimate_of<kOverlap>,
    .least = least_overlap,
    .describe = describe_tiles,
    .gamma = transform_gamma,
    .bounded_by = kByTile,
    .bounds_each_output = false,
    .most_reach = most_reach,
    .prepare_taps = pack_overlap,
    .run = run_transform<run_overlap>,
    .open_replays = nullptr,
};

}  // namespace flipslide
