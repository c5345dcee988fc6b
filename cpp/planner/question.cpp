#include "question.hpp"

#include <algorithm>

namespace flipslide {

namespace {

// The shape of x or y, from the axes and loops that its dimensions are.
std::vector<Index> shape_of(const Spec& spec, int Axis::* axis_dim, Index Axis::* size, int Loop::* loop_dim) {
  std::vector<Index> shape;
  const auto put = [&](int dim, Index n) {
    if (dim < 0) return;
    if (static_cast<std::size_t>(dim) >= shape.size()) shape.resize(static_cast<std::size_t>(dim) + 1, 1);
    shape[static_cast<std::size_t>(dim)] = n;
  };
  for (const Axis& axis : spec.axes) put(axis.*axis_dim, axis.*size);
  for (const Loop& loop : spec.loops) put(loop.*loop_dim, loop.size);
  return shape;
}

std::vector<Index> strides_of(const std::vector<Index>& shape, Index item_bytes) {
  std::vector<Index> strides(shape.size());
  for (std::size_t d = shape.size(); d-- > 0; item_bytes *= std::max<Index>(shape[d], 1)) strides[d] = item_bytes;
  return strides;
}

View view_of(std::vector<Index>& shape, std::vector<Index>& strides, std::vector<Index> found, Index item_bytes) {
  shape = std::move(found);
  strides = strides_of(shape, item_bytes);
  return {nullptr, static_cast<int>(shape.size()), shape.data(), strides.data()};
}

double count_outputs(const Problem& p) {
  double outputs = static_cast<double>(p.n_batch) * static_cast<double>(p.n_groups * p.n_out);
  for (const Slide& slide : p.slides) outputs *= static_cast<double>(slide.axis.y);
  return outputs;
}

double size_of(const std::vector<Index>& shape) {
  double size = 1;
  for (const Index n : shape) size *= static_cast<double>(n);
  return size;
}

}  // namespace

Question::Question(Problem problem, bool must_be_exact)
    : Problem(std::move(problem)),
      must_be_exact(must_be_exact),
      x(view_of(x_shape_, x_strides_, shape_of(spec, &Axis::x_dim, &Axis::x, &Loop::x_dim),
                parts * kTypeBytes[types.x])),
      y(view_of(y_shape_, y_strides_, shape_of(spec, &Axis::y_dim, &Axis::y, &Loop::y_dim),
                parts * kTypeBytes[types.y])),
      outputs(count_outputs(*this)),
      n_products(outputs * static_cast<double>(std::max<Index>(1, taps_per_channel) * std::max<Index>(1, n_in))) {}

bool Question::is_far() const {
  const double inputs = static_cast<double>(std::max<Index>(1, n_in)) / static_cast<double>(std::max<Index>(1, n_out));
  return outputs * (1 + inputs) * static_cast<double>(item_bytes()) > kCacheBytes;
}

bool Question::has_lattice() const {
  return std::all_of(slides.begin(), slides.end(),
                     [](const Slide& slide) { return slide.axis.stride == 1 && slide.axis.up == 1; });
}

Sum Question::sum() const {
  if (types.is_complex) return types.compute == FS_F32 ? kSumC64 : kSumC128;
  constexpr Sum sums[FS_N_COMPUTE] = {kSumF32, kSumF64, kSumI32, kSumI64};
  return sums[types.compute];
}

Sum Question::part() const { return types.is_complex ? (types.compute == FS_F32 ? kSumF32 : kSumF64) : sum(); }

Index Question::axes_with_taps() const {
  return std::count_if(slides.begin(), slides.end(), [](const Slide& slide) { return slide.axis.w > 1; });
}

double Question::scratch_bytes() const { return std::max(0x1p26, 2 * array_bytes()); }

double Question::array_bytes() const {
  // Integers count as they are, which may be far less than as the doubles that are transformed.
  const Index sum_bytes = item_bytes();
  const Index input = sums_integers() ? std::min(kTypeBytes[types.x], kTypeBytes[types.w]) : sum_bytes;
  const Index output = sums_integers() ? kTypeBytes[types.y] : sum_bytes;
  const double w_items = size_of(shape_of(spec, &Axis::w_dim, &Axis::w, &Loop::w_dim));
  return (size_of(x_shape_) + w_items) * static_cast<double>(input) + outputs * static_cast<double>(output);
}

}  // namespace flipslide
