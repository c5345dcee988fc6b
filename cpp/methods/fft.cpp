// Fourier transforms of long tiles, whose lanes are neighbours inside one tile.
#include "transform.hpp"

namespace flipslide {

extern const Method fft_method{
    .name = "fft",
    .microkernel = "direct",
    .separates = Separate::never,
    .transforms = true,
    .refuses = refuse_transform,
    .steps = kFftSteps,
    .row = transform_row,
    .count = count_of<kFft>,
    .estimate = estimate_of<kFft>,
    .least = least_fft,
    .describe = describe_tiles,
    .gamma = transform_gamma,
    .bounded_by = kByTile,
    .bounds_each_output = false,
    .most_reach = most_reach,
    .prepare_taps = pack_fft,
    .run = run_transform<run_fft>,
    .open_replays = nullptr,
};

}  // namespace flipslide
