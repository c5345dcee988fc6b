// The planner's questions, and the records of a problem that Python hands over.
#pragma once

#include <nanobind/nanobind.h>

#include "../methods/choose.hpp"

namespace flipslide {

void define_planner(nanobind::module_& m);

}  // namespace flipslide
