// Streams for Python.
#pragma once

#include <nanobind/nanobind.h>

namespace flipslide {

void define_stream(nanobind::module_& m);

}  // namespace flipslide
