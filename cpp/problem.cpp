#include "problem.hpp"

#include <algorithm>
#include <cstring>

namespace flipslide {

namespace {

constexpr Index kMostOfGroup = 8, kMostTapsOfGroup = 128, kManyGroups = 16;

Slide without_flips(const Axis& given) {
  Slide slide{given, given.dilation < 0, given.stride < 0};
  Axis& axis = slide.axis;
  if (slide.w_reversed) {
    axis.start += axis.dilation * (axis.w - 1);
    axis.dilation = -axis.dilation;
  }
  if (slide.y_reversed) {
    axis.start += axis.stride * (axis.y - 1);
    axis.stride = -axis.stride;
  }
  return slide;
}

}  // namespace

Problem::Problem(Spec given, Types types, Fill fill)
    : spec(std::move(given)), types(types), fill(fill), isa(chosen_isa()), parts(types.is_complex ? 2 : 1) {
  for (const Axis& axis : spec.axes) {
    slides.push_back(without_flips(axis));
    taps_per_channel *= axis.w;
    products *= static_cast<double>(axis.w) * static_cast<double>(axis.y);
  }
  for (const Loop& loop : spec.loops) {
    products *= static_cast<double>(loop.size);
    (loop.y_dim < 0   ? in_loops
     : loop.x_dim < 0 ? out_loops
     : loop.w_dim < 0 ? batch_loops
                      : group_loops)
        .push_back(loop);
  }
  products *= static_cast<double>(parts * parts);
  n_batch = size_of(batch_loops);
  n_groups = size_of(group_loops);
  n_out = size_of(out_loops);
  n_in = size_of(in_loops);
}

bool Problem::has_outputs() const {
  return n_batch * n_groups * n_out > 0 &&
         std::none_of(slides.begin(), slides.end(), [](const Slide& slide) { return slide.axis.y == 0; });
}

std::int64_t Problem::whole_fill() const {
  std::int64_t wide;
  std::int32_t narrow;
  std::memcpy(&wide, fill.parts[0], sizeof wide);
  std::memcpy(&narrow, fill.parts[0], sizeof narrow);
  return types.compute == FS_I32 ? narrow : wide;
}

bool has_small_groups(const Problem& p) {
  return p.n_groups > 1 && p.parts == 1 && p.n_in <= kMostOfGroup && p.n_out <= kMostOfGroup &&
         p.n_in * p.taps_per_channel <= kMostTapsOfGroup;
}

bool is_replayed(const Problem& p) { return is_small(p) && !(p.n_groups >= kManyGroups && has_small_groups(p)); }

bool can_sum_dots(const Problem& p, const FsMicrokernel& microkernel) {
  const Axis& axis = p.slides.back().axis;
  const std::int64_t fill = p.whole_fill();
  return p.types.compute == FS_I32 && microkernel.run_pairs[0] && is_narrow(p.types.x) && is_narrow(p.types.w) &&
         axis.stride == 1 && axis.dilation == 1 && axis.w > 0 && fill == static_cast<std::int16_t>(fill);
}

}  // namespace flipslide
