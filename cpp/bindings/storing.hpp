// Sums in other types.
#pragma once

#include <nanobind/nanobind.h>

namespace flipslide {

void define_storing(nanobind::module_& m);

}  // namespace flipslide
