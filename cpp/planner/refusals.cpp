#include "refusals.hpp"

#include <algorithm>
#include <cstdio>

namespace flipslide {

namespace {

// A window of x of so few bytes is never too large.
constexpr double kMostWindow = 64 << 20;

std::string human_bytes(double count) {
  char text[32];
  for (const auto& [unit, size] : {std::pair{"GB", 0x1p30}, {"MB", 0x1p20}, {"KB", 0x1p10}, {"B", 1.0}})
    if (count >= size || size == 1) {
      std::snprintf(text, sizeof text, "%.3g %s", count / size, unit);
      break;
    }
  return text;
}

}  // namespace

std::string refuse_large_window(const Question& q) {
  double window = static_cast<double>(q.item_bytes()), samples = 1;
  for (const Slide& slide : q.slides) window *= static_cast<double>(1 + slide.overhang());
  for (int d = 0; d < q.x.ndim; ++d) samples *= static_cast<double>(q.x.shape[d]);
  const double arrays = (samples + q.outputs) * static_cast<double>(q.item_bytes());
  if (window <= std::max(kMostWindow, 2 * arrays)) return "";
  return "one window of x would take " + human_bytes(window) + " of scratch";
}

std::string refuse_all_but_lattices(const Question& q) {
  if (!q.has_lattice()) return "strides other than 1";
  return q.n_in > 1 ? "several input channels" : refuse_large_window(q);
}

}  // namespace flipslide
