// Python's view of the core. Only this folder knows of Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <cstring>
#include <optional>

#include "../arena.hpp"
#include "../methods/methods.hpp"
#include "../thread/pool.hpp"
#include "buffer.hpp"
#include "calls.hpp"
#include "pooling.hpp"
#include "runner.hpp"
#include "windows.hpp"

namespace nb = nanobind;

namespace flipslide {

namespace {

using AxisTuple = std::tuple<Index, Index, Index, Index, Index, Index, Index, int, int, int, int>;
using LoopTuple = std::tuple<Index, int, int, int>;

Spec make_spec(const std::vector<AxisTuple>& axes, const std::vector<LoopTuple>& loops, bool conj_x, bool conj_w) {
  Spec spec;
  for (const auto& [x, w, y, start, stride, dilation, up, boundary, x_dim, w_dim, y_dim] : axes)
    spec.axes.push_back({x, w, y, start, stride, dilation, up, static_cast<Boundary>(boundary), x_dim, w_dim, y_dim});
  for (const auto& [size, x_dim, w_dim, y_dim] : loops) spec.loops.push_back({size, x_dim, w_dim, y_dim});
  spec.conj_x = conj_x;
  spec.conj_w = conj_w;
  return spec;
}

Fill make_fill(const nb::bytes& parts, Index part_bytes, std::uint64_t magnitude, bool negative) {
  Fill fill;
  for (Index part = 0; part * part_bytes < static_cast<Index>(parts.size()) && part < 2; ++part)
    std::memcpy(fill.parts[part], parts.c_str() + part * part_bytes, static_cast<std::size_t>(part_bytes));
  fill.magnitude = magnitude;
  fill.negative = negative;
  return fill;
}

// The call for arrays of any kind: their memory through the buffer protocol. None, or why not.
nb::object run(const Runner& runner, nb::handle x, nb::handle w, nb::handle bias, nb::handle y, int threads,
               std::uint64_t bias_magnitude, bool bias_negative) {
  const Buffer x_buffer(x, false), y_buffer(y, true);
  std::optional<Buffer> w_buffer, bias_buffer;
  if (!bias.is_none()) bias_buffer.emplace(bias, false);
  const Bias added{bias_buffer ? bias_buffer->array().view.data : nullptr, bias_magnitude, bias_negative};
  Outcome outcome;
  if (nb::isinstance<Taps>(w)) {
    outcome = runner.run(x_buffer.array(), *nb::cast<const Taps*>(w), added, y_buffer.array(), threads);
  } else {
    w_buffer.emplace(w, false);
    outcome = runner.run(x_buffer.array(), w_buffer->array(), added, y_buffer.array(), threads);
  }
  switch (outcome.refusal) {
    case Refusal::none: return nb::none();
    case Refusal::taps: return nb::make_tuple("taps");
    case Refusal::product: return nb::make_tuple("product");
    default: return nb::make_tuple("bound", outcome.bound.magnitude, outcome.bound.below_zero);
  }
}

Taps pack(const Runner& runner, nb::handle w, int threads) {
  Taps taps;
  runner.pack_into(taps, Buffer(w, false).array(), threads);
  return taps;
}

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const InstructionSet& isa : supported_isas()) names.emplace_back(isa.name);
  return names;
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const Method* method : methods()) names.emplace_back(method->name);
  return names;
}

// Blocks that taps give back are counted with the taps.
std::size_t release_memory() {
  const std::size_t released = release_blocks() + release_taps() + release_tables();
  release_blocks();
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
  return released;
}

}  // namespace

NB_MODULE(_ext, m) {
  m.doc() = "The compiled core of flipslide. Use the functions of `flipslide` instead.";
  nb::set_leak_warnings(false);  // of what a daemon thread was using when the process ended
  chosen_isa();

  nb::class_<Taps>(m, "Taps");
  nb::class_<Runner>(m, "Runner")
      .def(
          "__init__",
          [](Runner* self, const std::vector<AxisTuple>& axes, const std::vector<LoopTuple>& loops, bool conj_x,
             bool conj_w, std::tuple<int, int, int, int> types, bool is_complex, bool saturate, bool checks_bound,
             bool needs_finite, const std::string& kernel, const std::vector<Index>& tile, std::uint64_t most_reach,
             int separates, Index rank, double rank_error, const nb::bytes& fill, std::uint64_t fill_magnitude,
             bool fill_negative) {
            const auto [x, w, y, compute] = types;
            const Types given{static_cast<FsType>(x),
                              static_cast<FsType>(w),
                              static_cast<FsType>(y),
                              static_cast<FsCompute>(compute),
                              is_complex,
                              saturate};
            new (self)
                Runner(Convolution(Problem(make_spec(axes, loops, conj_x, conj_w), given,
                                           make_fill(fill, kComputeBytes[compute], fill_magnitude, fill_negative)),
                                   method_of(kernel), tile,
                                   Separation{static_cast<Separate>(separates), rank, rank_error}, most_reach),
                       checks_bound, needs_finite);
          },
          nb::arg("axes"), nb::arg("loops"), nb::arg("conj_x"), nb::arg("conj_w"), nb::arg("types"),
          nb::arg("is_complex"), nb::arg("saturate"), nb::arg("checks_bound"), nb::arg("needs_finite"),
          nb::arg("kernel"), nb::arg("tile"), nb::arg("most_reach"), nb::arg("separates"), nb::arg("rank"),
          nb::arg("rank_error"), nb::arg("fill"), nb::arg("fill_magnitude"), nb::arg("fill_negative"))
      .def("pack", &pack, nb::arg("w"), nb::arg("threads"))
      .def("run", &run, nb::arg("x"), nb::arg("w"), nb::arg("bias").none(), nb::arg("y"), nb::arg("threads"),
           nb::arg("bias_magnitude"), nb::arg("bias_negative"));

  define_calls(m);
  define_pooling(m);
  define_windows(m);
  m.def("release_memory", &release_memory, "Gives the memory kept for results and of kept taps back to the system.");
  m.def("kept_bytes", &kept_bytes, "How much of that is of kept taps.");
  m.def("isa", [] { return std::string(chosen_isa().name); }, "The instruction set in use.");
  m.def("isas", &isa_names, "The instruction sets that this processor can run, best first.");
  m.def("vector_bytes", [] { return 4 * chosen_isa().butterflies[0].lanes; }, "The size of its vectors.");
  m.def("methods", &method_names, "The names of the compiled methods.");
  m.def("thread_limit", &thread_limit, "How many threads a call on this thread may use.");
  m.def("set_process_threads", &set_process_threads, nb::arg("n"));
  m.def("set_own_threads", &set_own_threads, nb::arg("n"));
}

}  // namespace flipslide
