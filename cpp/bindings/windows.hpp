// Windows of arrays: their moments, and the scores of templates.
#pragma once

#include <nanobind/nanobind.h>

namespace flipslide {

void define_windows(nanobind::module_& m);

}  // namespace flipslide
