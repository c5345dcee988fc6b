// Sums in other types.
#include "storing.hpp"

#include <nanobind/stl/optional.h>

#include <stdexcept>

#include "../storing.hpp"
#include "buffer.hpp"
#include "lock.hpp"

namespace nb = nanobind;

namespace flipslide {

namespace {

std::optional<double> store(nb::handle from, nb::handle to, int type, int rounding, int overflow, int threads) {
  const Buffer source(from, false), target(to, true);
  const View x = source.array().view, y = target.array().view;
  bool fits = x.ndim == y.ndim && type >= 0 && type < FS_T_F16 && rounding >= 0 && rounding <= FS_TOWARD_ZERO &&
              overflow >= 0 && overflow <= FS_REFUSE && target.array().item_bytes == kTypeBytes[type];
  for (int d = 0; fits && d < x.ndim; ++d) fits = x.shape[d] == y.shape[d];
  if (!fits) throw std::invalid_argument("an array of floats and one of integers, of one shape, are wanted");
  const int n = threads > 0 ? threads : thread_limit();
  return without_lock([&] {
    return store_whole(x, source.array().item_bytes == 8, y, static_cast<FsType>(type),
                       static_cast<FsRounding>(rounding), static_cast<FsOverflow>(overflow), n);
  });
}

}  // namespace

void define_storing(nb::module_& m) {
  m.def("store_whole", &store, nb::arg("total"), nb::arg("out"), nb::arg("type"), nb::arg("rounding"),
        nb::arg("overflow"), nb::arg("threads"),
        "Rounds floats to integers and stores them; a number that does not fit, where those are refused.");
}

}  // namespace flipslide
