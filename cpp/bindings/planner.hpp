// The planner's questions, and the records of a problem that Python hands over.
#pragma once

#include <nanobind/nanobind.h>

#include "../methods/choose.hpp"

namespace flipslide {

// By the names of NumPy's dtypes; a complex type is that of its parts.
FsType type_named(const std::string& name);

void define_planner(nanobind::module_& m);

}  // namespace flipslide
