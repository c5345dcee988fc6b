#include "planner.hpp"

#include <nanobind/stl/array.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <sstream>

namespace nb = nanobind;

namespace flipslide {

namespace {

// ConvSpec's axes and loops, field by field, with the boundary as its place in `boundaries`.
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

template <std::size_t n>
int find_name(const char* const (&names)[n], const std::string& wanted) {
  for (std::size_t i = 0; i < n; ++i)
    if (wanted == names[i]) return static_cast<int>(i);
  throw std::invalid_argument("no type of the core is called " + wanted);
}

}  // namespace

FsType type_named(const std::string& name) {
  if (name == "complex64") return FS_T_F32;
  if (name == "complex128") return FS_T_F64;
  return static_cast<FsType>(find_name(kTypeNames, name));
}

namespace {

FsCompute compute_named(const std::string& name) {
  const FsType type = type_named(name);
  return type == FS_T_F32 ? FS_F32 : type == FS_T_F64 ? FS_F64 : type == FS_T_I32 ? FS_I32 : FS_I64;
}

Types make_types(const std::tuple<std::string, std::string, std::string, std::string>& names, bool saturate) {
  const auto& [x, w, y, sum] = names;
  return {type_named(x), type_named(w), type_named(y), compute_named(sum), sum.starts_with("complex"), saturate};
}

nb::tuple tuple_of(const std::vector<Index>& numbers) {
  nb::list list;
  for (const Index n : numbers) list.append(n);
  return nb::tuple(list);
}

// The fields of methods.Estimate.
nb::tuple tuple_of(const Estimate& e) {
  return nb::make_tuple(e.time.call, e.time.work, e.time.joint, e.time.tasks, e.memory.shared, e.memory.scratch,
                        e.memory.holders, e.memory.piece, tuple_of(e.tile));
}

nb::tuple choose_for(const Question& q, bool strict) {
  const Choice choice = choose(q, strict);
  if (!choice.method) return nb::make_tuple(nb::none(), nb::none(), 0);
  return nb::make_tuple(choice.method->name, tuple_of(choice.estimate), static_cast<int>(choice.separates));
}

nb::list list_estimates(const Question& q, const std::string& method, int most) {
  nb::list list;
  for (const Estimate& estimate : estimates_of(method_of(method), q, most)) list.append(tuple_of(estimate));
  return list;
}

std::vector<std::string> steps_of(const Method& method) {
  std::istringstream text(method.steps);
  std::vector<std::string> steps;
  for (std::string step; text >> step;) steps.push_back(step);
  return steps;
}

// How often each step happens: in what is not shared, in what is, where threads wait for each other; and the tasks.
nb::tuple count(const Question& q, const std::string& name, const std::vector<Index>& tile, Index rank) {
  const Counts counts = method_of(name).count(q, tile, rank);
  return nb::make_tuple(counts.call, counts.work, counts.joint, counts.tasks);
}

// The fields of methods.Method.
nb::list list_methods() {
  nb::list list;
  for (const Method* method : methods())
    list.append(nb::make_tuple(method->name, steps_of(*method), static_cast<int>(method->separates), method->transforms,
                               method->bounded_by, method->bounds_each_output));
  return list;
}

void give_prices(const std::string& name, const std::string& row, const std::vector<double>& prices) {
  PerStep given{};
  std::copy_n(prices.begin(), std::min<std::size_t>(prices.size(), kMaxSteps), given.begin());
  set_prices(method_of(name), static_cast<Sum>(find_name(kSumNames, row)), given);
}

template <std::size_t n>
std::vector<std::string> list_names(const char* const (&names)[n]) {
  return {names, names + n};
}

}  // namespace

void define_planner(nb::module_& m) {
  nb::class_<Question>(m, "Question", "A problem that methods are asked about, and that a Runner computes.")
      .def(
          "__init__",
          [](Question* self, const std::vector<AxisTuple>& axes, const std::vector<LoopTuple>& loops, bool conj_x,
             bool conj_w, const std::tuple<std::string, std::string, std::string, std::string>& types, bool saturate,
             bool must_be_exact, const nb::bytes& fill, std::uint64_t fill_magnitude, bool fill_negative) {
            const Types given = make_types(types, saturate);
            const Fill outside = make_fill(fill, kComputeBytes[given.compute], fill_magnitude, fill_negative);
            new (self) Question(Problem(make_spec(axes, loops, conj_x, conj_w), given, outside), must_be_exact);
          },
          nb::arg("axes"), nb::arg("loops"), nb::arg("conj_x"), nb::arg("conj_w"), nb::arg("types"),
          nb::arg("saturate"), nb::arg("must_be_exact"), nb::arg("fill"), nb::arg("fill_magnitude"),
          nb::arg("fill_negative"))
      .def("choose", &choose_for, nb::arg("strict"))
      .def(
          "refusal",
          [](const Question& q, const std::string& method, bool strict) {
            return refusal_of(method_of(method), q, strict);
          },
          nb::arg("method"), nb::arg("strict"))
      .def("estimates", &list_estimates, nb::arg("method"), nb::arg("most"))
      .def("count", &count, nb::arg("method"), nb::arg("tile"), nb::arg("rank"))
      .def(
          "row", [](const Question& q, const std::string& method) { return kSumNames[method_of(method).row(q)]; },
          nb::arg("method"))
      .def(
          "describe",
          [](const Question& q, const std::string& method, const std::vector<Index>& tile) {
            return method_of(method).describe(q, tile);
          },
          nb::arg("method"), nb::arg("tile"))
      .def(
          "gamma",
          [](const Question& q, const std::string& method, const std::vector<Index>& tile) {
            return method_of(method).gamma(q, tile);
          },
          nb::arg("method"), nb::arg("tile"))
      .def(
          "most_reach",
          [](const Question& q, const std::string& name, const std::vector<Index>& tile) {
            const Method& method = method_of(name);
            return method.most_reach && q.sums_integers() ? method.most_reach(tile) : 0;
          },
          nb::arg("method"), nb::arg("tile"))
      .def(
          "least",
          [](const Question& q, const std::string& name) {
            const Method& method = method_of(name);
            const PerStep& prices = prices_of(method, q);
            return method.least ? method.least(q, prices) : prices[0];
          },
          nb::arg("method"))
      .def("most_rank", &most_rank, nb::arg("nanoseconds"))
      .def_prop_ro("is_far", &Question::is_far);

  m.def("methods", &list_methods, "The rows of the registry: the fields of methods.Method.");
  m.def("set_prices", &give_prices, nb::arg("method"), nb::arg("row"), nb::arg("prices"),
        "Nanoseconds of each step of a method, for sums in a type.");
  m.def("boundaries", [] { return list_names(kBoundaryNames); }, "Boundary rules, in the order of their codes.");
  m.def("sums", [] { return list_names(kSumNames); }, "What products are summed in: the rows of prices.");
  m.attr("USUAL_THREADS") = kUsualThreads;
}

}  // namespace flipslide
