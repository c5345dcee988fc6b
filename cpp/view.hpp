// A strided array that somebody else owns. Strides are in bytes, as NumPy's.
#pragma once

#include <cstddef>

#include "spec.hpp"

namespace flipslide {

struct View {
  std::byte* data = nullptr;
  int ndim = 0;
  const Index* shape = nullptr;
  const Index* strides = nullptr;

  Index stride(int dim) const { return dim < 0 ? 0 : strides[dim]; }
};

}  // namespace flipslide
