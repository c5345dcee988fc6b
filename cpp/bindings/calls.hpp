// Python's calls that were made before, answered without Python.
#pragma once

#include <nanobind/nanobind.h>

namespace flipslide {

void define_calls(nanobind::module_& m);

}  // namespace flipslide
