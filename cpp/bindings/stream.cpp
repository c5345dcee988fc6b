#include "stream.hpp"

#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstring>

#include "../stream/stream.hpp"
#include "buffer.hpp"
#include "lock.hpp"

namespace nb = nanobind;

namespace flipslide {

namespace {

// Less is done before another thread could have the interpreter.
constexpr Index kWorthUnlocking = 4096;

struct OwnedStream {
  std::unique_ptr<Stream> stream;
};

using Types = std::tuple<int, bool, bool, int, int>;                  // compute, rounds, saturates, of x, of y
using Counts = std::tuple<Index, Index, Index, Index, Index, Index>;  // rows and parts of x, of y; stride, up
using Partitions = std::tuple<Index, Index, Index, std::vector<std::tuple<Index, Index, Index, bool>>>;
using Paths = std::vector<std::tuple<Index, Index, Index, Index, Index>>;

StreamShape shape_of(const Types& types, const Counts& counts, const Partitions& partitions, const Paths& paths) {
  StreamShape shape{};
  shape.compute = static_cast<FsCompute>(std::get<0>(types));
  shape.rounds = std::get<1>(types);
  shape.saturates = std::get<2>(types);
  shape.x_type = static_cast<FsType>(std::get<3>(types));
  shape.y_type = static_cast<FsType>(std::get<4>(types));
  std::tie(shape.x_rows, shape.x_parts, shape.y_rows, shape.y_parts, shape.stride, shape.up) = counts;
  shape.step = std::get<0>(partitions);
  shape.first = std::get<1>(partitions);
  shape.head = std::get<2>(partitions);
  for (const auto& [size, offset, count, is_spread] : std::get<3>(partitions))
    shape.levels.push_back({size, offset, count, is_spread});
  for (const auto& [out, in, taps, begin, end] : paths) shape.paths.push_back({out, in, taps, begin, end});
  return shape;
}

void make(OwnedStream* self, const Types& types, const Counts& counts, const Partitions& partitions, const Paths& paths,
          nb::handle taps) {
  StreamShape shape = shape_of(types, counts, partitions, paths);
  const Buffer buffer(taps, false);
  const View view = buffer.array().view;
  shape.n_taps = view.shape[1];
  std::unique_ptr<Stream> made;
  without_lock([&] { made = Stream::make(shape, view.data, view.shape[0]); });
  new (self) OwnedStream{std::move(made)};
}

void process(OwnedStream& self, nb::handle x, nb::handle y) {
  const Buffer from(x, false), to(y, true);
  const View x_view = from.array().view, y_view = to.array().view;
  if (x_view.shape[x_view.ndim - 1] * self.stream->shape().inputs() < kWorthUnlocking)
    self.stream->process(x_view, y_view);
  else
    without_lock([&] { self.stream->process(x_view, y_view); });
}

nb::bytes state_of(OwnedStream& self) {
  return nb::bytes(self.stream->state(), static_cast<std::size_t>(self.stream->state_bytes()));
}

bool restore(OwnedStream& self, const nb::bytes& state) {
  if (state.size() != static_cast<std::size_t>(self.stream->state_bytes())) return false;
  std::memcpy(self.stream->state(), state.data(), state.size());
  return true;
}

void follow(OwnedStream& self, OwnedStream& other) {
  without_lock([&] { self.stream->follow(*other.stream); });
}

}  // namespace

void define_stream(nb::module_& m) {
  nb::class_<OwnedStream>(m, "Stream")
      .def("__init__", &make, nb::arg("types"), nb::arg("counts"), nb::arg("partitions"), nb::arg("paths"),
           nb::arg("taps"))
      .def("process", &process, nb::arg("x"), nb::arg("y"))
      .def(
          "outputs_for",
          [](OwnedStream& self, Index n) {
            const Stream& stream = *self.stream;
            return stream.outputs_after(stream.position() + n) - stream.outputs_after(stream.position());
          },
          nb::arg("n"))
      .def("follow", &follow, nb::arg("other"))
      .def("reset", [](OwnedStream& self) { self.stream->reset(); })
      .def("state", &state_of)
      .def("restore", &restore, nb::arg("state"))
      .def_prop_ro("position", [](OwnedStream& self) { return self.stream->position(); })
      .def_prop_ro("n_bytes", [](OwnedStream& self) { return self.stream->bytes(); });
}

}  // namespace flipslide
