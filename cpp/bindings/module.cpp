// Python's view of the core. Only this folder knows of Python.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <optional>

#include "../arena.hpp"
#include "../driver.hpp"
#include "../thread/pool.hpp"
#include "buffer.hpp"

namespace nb = nanobind;

namespace flipslide {

namespace {

using AxisTuple = std::tuple<Index, Index, Index, Index, Index, Index, Index, int, int, int, int>;
using LoopTuple = std::tuple<Index, int, int, int>;

constexpr Index kItemBytes[FS_N_TYPES] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8};

Spec make_spec(const std::vector<AxisTuple>& axes, const std::vector<LoopTuple>& loops, bool conj_x, bool conj_w) {
  Spec spec;
  for (const auto& [x, w, y, start, stride, dilation, up, boundary, x_dim, w_dim, y_dim] : axes)
    spec.axes.push_back({x, w, y, start, stride, dilation, up, static_cast<Boundary>(boundary), x_dim, w_dim, y_dim});
  for (const auto& [size, x_dim, w_dim, y_dim] : loops) spec.loops.push_back({size, x_dim, w_dim, y_dim});
  spec.conj_x = conj_x;
  spec.conj_w = conj_w;
  return spec;
}

// Taps packed once for many calls.
struct Taps {
  PackedTaps packed;
};

// A convolution of known shapes and types, ready to run.
class Runner {
 public:
  Runner(Convolution convolution, bool checks_bound, bool needs_finite)
      : convolution_(std::move(convolution)), checks_bound_(checks_bound), needs_finite_(needs_finite) {}

  Taps pack(nb::handle w, int threads) const {
    Taps taps;
    pack_into(taps, w, threads);
    return taps;
  }

  void pack_into(Taps& taps, nb::handle w, int threads) const {
    const Buffer buffer(w, false);
    check(buffer, "w", &Axis::w_dim, &Axis::w, &Loop::w_dim, convolution_.types().w);
    convolution_.pack(buffer.view(), taps.packed, limit(threads));
  }

  // Empty when done; else why not: "taps" (an infinite or NaN tap meets places without a
  // sample, where the kernels would multiply it by zero, or a transform), or the bound of an integer result.
  nb::object run(nb::handle x, nb::handle w, nb::handle bias, nb::handle y, int threads, std::uint64_t bias_magnitude,
                 bool bias_negative) const {
    const Buffer x_buffer(x, false), y_buffer(y, true);
    std::optional<Buffer> bias_buffer;
    if (!bias.is_none()) bias_buffer.emplace(bias, false);
    check(x_buffer, "x", &Axis::x_dim, &Axis::x, &Loop::x_dim, convolution_.types().x);
    check(y_buffer, "y", &Axis::y_dim, &Axis::y, &Loop::y_dim, convolution_.types().y);

    const Taps* taps = nullptr;
    if (nb::isinstance<Taps>(w)) {
      taps = nb::cast<const Taps*>(w);
    } else {
      pack_into(*taps_of_thread(), w, threads);
      taps = taps_of_thread();
    }
    if (needs_finite_ && !taps->packed.is_finite) return nb::make_tuple("taps");

    if (convolution_.must_separate() && taps->packed.factors.empty()) return nb::make_tuple("product");

    const View x_view = x_buffer.view(), y_view = y_buffer.view();
    const void* bias_data = bias_buffer ? bias_buffer->view().data : nullptr;
    const int n_threads = limit(threads);
    Bound bound;
    const auto work = [&] {
      if (checks_bound_) bound = convolution_.bound(x_view, taps->packed, bias_magnitude, bias_negative, n_threads);
      if (bound.fits) convolution_.run(x_view, taps->packed, bias_data, y_view, n_threads);
    };
    // Releasing the GIL costs about 0.1 microseconds; below this much work it buys nothing.
    if (convolution_.products() < 20000) {
      work();
    } else {
      const nb::gil_scoped_release released;
      work();
    }
    if (Taps* own = taps_of_thread(); taps == own) own->packed.spectrum_storage.trim();
    if (!bound.fits) return nb::make_tuple("bound", bound.magnitude, bound.below_zero);
    return nb::none();
  }

 private:
  Convolution convolution_;
  bool checks_bound_, needs_finite_;

  // A thread's own taps, so that small calls allocate nothing.
  static Taps* taps_of_thread() {
    static thread_local Taps own;
    return &own;
  }

  static int limit(int threads) { return threads > 0 ? threads : thread_limit(); }

  // The last line of defence: an array of another shape would be read out of bounds.
  void check(const Buffer& buffer, const char* name, int Axis::* axis_dim, Index Axis::* size, int Loop::* loop_dim,
             FsType type) const {
    const View view = buffer.view();
    bool fits = buffer.item_bytes() == kItemBytes[type] * (convolution_.types().is_complex ? 2 : 1);
    for (const Axis& axis : convolution_.spec().axes)
      fits = fits && axis.*axis_dim < view.ndim && view.shape[axis.*axis_dim] == axis.*size;
    for (const Loop& loop : convolution_.spec().loops)
      fits = fits && loop.*loop_dim < view.ndim && (loop.*loop_dim < 0 || view.shape[loop.*loop_dim] == loop.size);
    if (!fits) throw std::invalid_argument(std::string(name) + " is not an array of the shape and type planned for");
  }
};

Fill make_fill(const nb::bytes& parts, Index part_bytes, std::uint64_t magnitude, bool negative) {
  Fill fill;
  for (Index part = 0; part * part_bytes < static_cast<Index>(parts.size()) && part < 2; ++part)
    std::memcpy(fill.parts[part], parts.c_str() + part * part_bytes, static_cast<std::size_t>(part_bytes));
  fill.magnitude = magnitude;
  fill.negative = negative;
  return fill;
}

// Bytes of the arena, which get them back when the last array that uses them is gone.
nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>> new_bytes(std::size_t n) {
  struct Owned {
    void* block;
    std::size_t bytes;
  };
  auto owned = std::make_unique<Owned>(Owned{take_block(n), n});
  void* data = owned->block;
  nb::capsule owner(owned.release(), [](void* p) noexcept {
    const std::unique_ptr<Owned> gone(static_cast<Owned*>(p));
    return_block(gone->block, gone->bytes);
  });
  return nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>(data, {n}, owner);
}

constexpr Index kPartBytes[FS_N_COMPUTE] = {4, 8, 4, 8};

std::vector<std::string> isa_names() {
  std::vector<std::string> names;
  for (const InstructionSet& isa : supported_isas()) names.emplace_back(isa.name);
  return names;
}

std::vector<std::string> kernel_names() {
  std::vector<std::string> names;
  for (const FsKernel* kernel : chosen_isa().kernels) names.emplace_back(kernel->name);
  for (const std::string& name : transform_names()) names.push_back(name);
  for (const char* name : {"separable", "box"}) names.emplace_back(name);
  return names;
}

}  // namespace

NB_MODULE(_ext, m) {
  m.doc() = "The compiled core of flipslide. Use the functions of `flipslide` instead.";
  chosen_isa();

  nb::class_<Taps>(m, "Taps");
  nb::class_<Runner>(m, "Runner")
      .def(
          "__init__",
          [](Runner* self, const std::vector<AxisTuple>& axes, const std::vector<LoopTuple>& loops, bool conj_x,
             bool conj_w, std::tuple<int, int, int, int> types, bool is_complex, bool saturate, bool checks_bound,
             bool needs_finite, const std::string& kernel, const std::vector<Index>& tile, int separates,
             const nb::bytes& fill, std::uint64_t fill_magnitude, bool fill_negative) {
            const auto [x, w, y, compute] = types;
            const Types given{static_cast<FsType>(x),
                              static_cast<FsType>(w),
                              static_cast<FsType>(y),
                              static_cast<FsCompute>(compute),
                              is_complex,
                              saturate};
            new (self) Runner(Convolution(make_spec(axes, loops, conj_x, conj_w), given, kernel,
                                          make_fill(fill, kPartBytes[compute], fill_magnitude, fill_negative), tile,
                                          static_cast<Separate>(separates)),
                              checks_bound, needs_finite);
          },
          nb::arg("axes"), nb::arg("loops"), nb::arg("conj_x"), nb::arg("conj_w"), nb::arg("types"),
          nb::arg("is_complex"), nb::arg("saturate"), nb::arg("checks_bound"), nb::arg("needs_finite"),
          nb::arg("kernel"), nb::arg("tile"), nb::arg("separates"), nb::arg("fill"), nb::arg("fill_magnitude"),
          nb::arg("fill_negative"))
      .def("pack", &Runner::pack, nb::arg("w"), nb::arg("threads"))
      .def("run", &Runner::run, nb::arg("x"), nb::arg("w"), nb::arg("bias").none(), nb::arg("y"), nb::arg("threads"),
           nb::arg("bias_magnitude"), nb::arg("bias_negative"));

  m.def("new_bytes", &new_bytes, nb::arg("n"), "Bytes for a result, which a later one may use again.");
  m.def("release_blocks", &release_blocks, "Gives the memory kept for results back to the system.");
  m.def("isa", [] { return std::string(chosen_isa().name); }, "The instruction set in use.");
  m.def("isas", &isa_names, "The instruction sets that this processor can run, best first.");
  m.def("vector_bytes", [] { return 4 * chosen_isa().lanes[0].lanes; }, "The size of its vectors.");
  m.def("kernels", &kernel_names, "The names of the kernels.");
  m.def("thread_limit", &thread_limit, "How many threads a call on this thread may use.");
  m.def("set_process_threads", &set_process_threads, nb::arg("n"));
  m.def("set_own_threads", &set_own_threads, nb::arg("n"));
}

}  // namespace flipslide
