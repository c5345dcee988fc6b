// Which method the core chooses for a signal and for a layer, how it would go about it, and every method's cost:
// what tests/test_new_method.py reads of a copy of the core that has a method more.
#include <cstdio>

#include "methods/choose.hpp"

namespace {

using namespace flipslide;

constexpr Types kFloats{FS_T_F32, FS_T_F32, FS_T_F32, FS_F32, false, false};

Axis axis(Index x, Index w, int x_dim, int w_dim, int y_dim) {
  return {x, w, x - w + 1, 0, 1, 1, 1, Boundary::zero, x_dim, w_dim, y_dim};
}

Problem signal() { return Problem({{axis(100000, 31, 0, 0, 0)}, {}}, kFloats, {}); }

// Two images of 8 channels by 16 filters.
Problem layer() {
  const std::vector<Loop> loops{{2, 0, -1, 0}, {8, 1, 1, -1}, {16, -1, 0, 1}};
  return Problem({{axis(40, 3, 2, 2, 2), axis(40, 3, 3, 3, 3)}, loops}, kFloats, {});
}

void print(const char* what, const Question& q) {
  const Choice choice = choose(q, false);
  std::printf("%s: %s, %s\n", what, choice.method->name, choice.method->describe(q, choice.estimate.tile).c_str());
  for (const Method* method : methods()) {
    const std::string refusal = refusal_of(*method, q, false);
    const double time = refusal.empty() ? estimates_of(*method, q, 1).at(0).time.on(kUsualThreads) : 0;
    std::printf("  %s %g %s\n", method->name, time, refusal.c_str());
  }
}

}  // namespace

int main() {
  print("signal", Question(signal(), false));
  print("layer", Question(layer(), false));
}
