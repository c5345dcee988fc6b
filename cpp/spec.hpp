// What is to be computed: the same fields as src/flipslide/spec.py, as plain integers.
#pragma once

#include <cstdint>
#include <vector>

namespace flipslide {

using Index = std::int64_t;

enum class Boundary { zero, constant, edge, symmetric, mirror, wrap };
inline constexpr const char* kBoundaryNames[] = {"zero", "constant", "edge", "symmetric", "mirror", "wrap"};

// y[m] = sum_j w[j] x~[start + stride m + dilation j], positions in steps of 1/up sample.
struct Axis {
  Index x, w, y;
  Index start, stride, dilation, up;
  Boundary boundary;
  int x_dim, w_dim, y_dim;
};

// An index that is not slid over; a dim of -1: the array does not carry it.
struct Loop {
  Index size;
  int x_dim, w_dim, y_dim;
};

struct Spec {
  std::vector<Axis> axes;
  std::vector<Loop> loops;
  bool conj_x = false, conj_w = false;
};

}  // namespace flipslide
