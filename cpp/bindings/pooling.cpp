#include "pooling.hpp"

#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>

#include "../pooling.hpp"
#include "../thread/pool.hpp"
#include "buffer.hpp"
#include "lock.hpp"

namespace nb = nanobind;

namespace flipslide {

namespace {

using PoolAxisTuple = std::tuple<Index, Index, Index, Index, Index, Index, Index>;

Pooling make_pooling(const std::vector<PoolAxisTuple>& axes, bool channels_last) {
  std::vector<PoolAxis> made;
  for (const auto& [n, count, taps, stride, dilation, lo, hi] : axes)
    made.push_back({n, count, taps, stride, dilation, lo, hi});
  return Pooling(std::move(made), channels_last);
}

int count_threads(int threads) { return threads > 0 ? threads : thread_limit(); }

FsType read_type(int type) { return static_cast<FsType>(type); }

void largest(const Pooling& pooling, int type, nb::handle x, nb::handle y, nb::handle which, int threads) {
  const Buffer from(x, false), to(y, true);
  std::optional<Buffer> places;
  if (!which.is_none()) places.emplace(which, true);
  Index* const at = places ? reinterpret_cast<Index*>(places->array().view.data) : nullptr;
  const View x_view = from.array().view, y_view = to.array().view;
  without_lock([&] { pooling.largest(read_type(type), x_view, y_view, at, count_threads(threads)); });
}

void mean(const Pooling& pooling, std::tuple<int, int> types, nb::handle x, nb::handle y, bool padded, int threads) {
  const Buffer from(x, false), to(y, true);
  const View x_view = from.array().view, y_view = to.array().view;
  without_lock([&] {
    pooling.mean(read_type(std::get<0>(types)), read_type(std::get<1>(types)), x_view, y_view, padded,
                 count_threads(threads));
  });
}

void mean_back(const Pooling& pooling, std::tuple<int, int> types, nb::handle dy, nb::handle dx, bool padded,
               int threads) {
  const Buffer from(dy, false), to(dx, true);
  const View dy_view = from.array().view, dx_view = to.array().view;
  without_lock([&] {
    pooling.mean_back(read_type(std::get<0>(types)), read_type(std::get<1>(types)), dy_view, dx_view, padded,
                      count_threads(threads));
  });
}

void largest_back(const Pooling& pooling, int compute, nb::handle dy, nb::handle which, nb::handle dx, int threads) {
  const Buffer from(dy, false), places(which, false), to(dx, true);
  const View dy_view = from.array().view, dx_view = to.array().view;
  const Index* at = reinterpret_cast<const Index*>(places.array().view.data);
  without_lock(
      [&] { pooling.largest_back(static_cast<FsCompute>(compute), dy_view, at, dx_view, count_threads(threads)); });
}

}  // namespace

void define_pooling(nb::module_& m) {
  nb::class_<Pooling>(m, "Pooling")
      .def("__init__", [](Pooling* self, const std::vector<PoolAxisTuple>& axes,
                          bool channels_last) { new (self) Pooling(make_pooling(axes, channels_last)); })
      .def("largest", &largest, nb::arg("type"), nb::arg("x"), nb::arg("y"), nb::arg("which").none(),
           nb::arg("threads"))
      .def("mean", &mean, nb::arg("types"), nb::arg("x"), nb::arg("y"), nb::arg("padded"), nb::arg("threads"))
      .def("mean_back", &mean_back, nb::arg("types"), nb::arg("dy"), nb::arg("dx"), nb::arg("padded"),
           nb::arg("threads"))
      .def("largest_back", &largest_back, nb::arg("compute"), nb::arg("dy"), nb::arg("which"), nb::arg("dx"),
           nb::arg("threads"));
}

}  // namespace flipslide
