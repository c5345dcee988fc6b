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
#include "../thread/pool.hpp"
#include "buffer.hpp"
#include "calls.hpp"
#include "planner.hpp"
#include "pooling.hpp"
#include "runner.hpp"
#include "storing.hpp"
#include "stream.hpp"
#include "windows.hpp"

namespace nb = nanobind;

namespace flipslide {

namespace {

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

  define_planner(m);
  nb::class_<Taps>(m, "Taps").def_prop_ro(
      "terms", [](const Taps& w) { return w.packed.factors.empty() ? 0 : w.packed.rank; },
      "Of how many products along the axes they are the sum; 0 where they are not taken apart.");
  nb::class_<Runner>(m, "Runner")
      .def(
          "__init__",
          [](Runner* self, const Question& question, const std::string& method, const std::vector<Index>& tile,
             int separates, Index rank, bool needs_finite, bool guards, const std::string& rounds_to) {
            Convolution made(question, method_of(method), tile, static_cast<Separate>(separates), rank);
            made.guards = guards;
            std::optional<FsType> narrow;
            if (!rounds_to.empty()) narrow = type_named(rounds_to);
            new (self) Runner(std::move(made), question.must_be_exact, needs_finite, narrow);
          },
          nb::arg("question"), nb::arg("method"), nb::arg("tile"), nb::arg("separates"), nb::arg("rank"),
          nb::arg("needs_finite"), nb::arg("guards"), nb::arg("rounds_to") = "")
      .def("pack", &pack, nb::arg("w"), nb::arg("threads"))
      .def("run", &run, nb::arg("x"), nb::arg("w"), nb::arg("bias").none(), nb::arg("y"), nb::arg("threads"),
           nb::arg("bias_magnitude"), nb::arg("bias_negative"));

  define_calls(m);
  define_pooling(m);
  define_storing(m);
  define_stream(m);
  define_windows(m);
  m.def("release_memory", &release_memory, "Gives the memory kept for results and of kept taps back to the system.");
  m.def("kept_bytes", &kept_bytes, "How much of that is of kept taps.");
  m.def("most_scratch", &Scratch::most_held,
        "The most scratch memory held since this was last asked, above what was then.");
  m.def(
      "outputs_redone", [] { return outputs_redone(); }, "How many outputs the last call of this thread summed again.");
  m.def("isa", [] { return std::string(chosen_isa().name); }, "The instruction set in use.");
  m.def("isas", &isa_names, "The instruction sets that this processor can run, best first.");
  m.def("vector_bytes", [] { return 4 * chosen_isa().butterflies[0].lanes; }, "The size of its vectors.");
  m.def("thread_limit", &thread_limit, "How many threads a call on this thread may use.");
  m.def("set_process_threads", &set_process_threads, nb::arg("n"));
  m.def("set_own_threads", &set_own_threads, nb::arg("n"));
}

}  // namespace flipslide
