// Windows of arrays: their moments, and the scores of templates.
#include "windows.hpp"

#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <optional>
#include <stdexcept>

#include "../moments.hpp"
#include "buffer.hpp"

namespace nb = nanobind;

namespace flipslide {

namespace {

using ScoreTuple = std::tuple<double, double, double, double, double>;

// A source in three axes (planes, height, width), and the windows that slide over it.
struct Windows {
  Buffer x;
  std::optional<Buffer> deviations;
  WindowShape shape;
  WindowSource source;

  Windows(nb::handle array, nb::handle spread, double samples, int type, Index rows, Index columns) : x(array, false) {
    const View view = x.array().view;
    if (!spread.is_none()) deviations.emplace(spread, false);
    if (view.ndim != 3 || view.shape[1] < rows || view.shape[2] < columns || rows < 1 || columns < 1)
      throw std::invalid_argument("windows need an array of three axes that they fit in");
    shape = {view.shape[0], view.shape[1], view.shape[2], rows, columns};
    source = {view.data,
              {view.strides[0], view.strides[1], view.strides[2]},
              static_cast<FsType>(type),
              deviations ? deviations->array().view.data : nullptr,
              samples};
  }
};

void moments(nb::handle x, nb::handle spread, double samples, int type, Index rows, Index columns, nb::handle sums,
             nb::handle deviations, int threads) {
  const Windows windows(x, spread, samples, type, rows, columns);
  const Buffer to_sums(sums, true), to_deviations(deviations, true);
  nb::gil_scoped_release release;
  find_moments(windows.shape, windows.source, reinterpret_cast<double*>(to_sums.array().view.data),
               reinterpret_cast<double*>(to_deviations.array().view.data), threads);
}

Index scores(nb::handle x, nb::handle spread, double samples, int type, Index rows, Index columns,
             nb::handle correlations, int kind, const std::vector<ScoreTuple>& templates, int threads) {
  const Windows windows(x, spread, samples, type, rows, columns);
  const Buffer to(correlations, true);
  std::vector<FsScore> made;
  for (const auto& [n, mean, deviation, flat, doubt] : templates) made.push_back({n, mean, deviation, flat, doubt});
  nb::gil_scoped_release release;
  return score_windows(windows.shape, windows.source, to.array().view.data, to.array().item_bytes == 8,
                       static_cast<FsScoreKind>(kind), made, threads);
}

}  // namespace

void define_windows(nb::module_& m) {
  m.def("window_moments", &moments, nb::arg("x"), nb::arg("spread").none(), nb::arg("samples"), nb::arg("type"),
        nb::arg("rows"), nb::arg("columns"), nb::arg("sums"), nb::arg("deviations"), nb::arg("threads"),
        "Sums and sums of squared deviations of all windows.");
  m.def("window_scores", &scores, nb::arg("x"), nb::arg("spread").none(), nb::arg("samples"), nb::arg("type"),
        nb::arg("rows"), nb::arg("columns"), nb::arg("correlations"), nb::arg("kind"), nb::arg("templates"),
        nb::arg("threads"), "Scores in place of correlations; returns how many are in doubt.");
}

}  // namespace flipslide
