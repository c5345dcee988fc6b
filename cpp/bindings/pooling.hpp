// Pooling for Python.
#pragma once

#include <nanobind/nanobind.h>

namespace flipslide {

void define_pooling(nanobind::module_& m);

}  // namespace flipslide
