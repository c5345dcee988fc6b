#include "guard.hpp"

#include <algorithm>
#include <cmath>

#include "transform.hpp"

namespace flipslide {

namespace {

constexpr double kError = 5;

// Places of the lattice that each window holds along an axis, at least.
Index hits_of(int axis, int n_axes) { return n_axes == 1 ? 4 : axis == n_axes - 1 ? 2 : 1; }

// Beside a lattice, the first and the last sample of x, near which windows hold few.
std::vector<Index> places_of(const Axis& axis, Index n, Index outputs, Index blocks, Index step) {
  std::vector<Index> places;
  for (Index p = 0; p < n; p += step) places.push_back(p);
  places.push_back(n - 1);
  for (Index b = 0; b < blocks; ++b)
    for (const Index end : {Index(0), axis.x - 1}) {
      const Index place = end - axis.start - b * outputs;
      if (place >= 0 && place < n) places.push_back(place);
    }
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

std::vector<Guard::Stretch> stretches_of(const std::vector<Index>& places, Index outputs, Index n, Index overhang,
                                         Index dilation) {
  std::vector<Guard::Stretch> found;
  const auto number = [&](Index place) {
    return static_cast<Index>(std::lower_bound(places.begin(), places.end(), place) - places.begin());
  };
  for (Index o = 0, end; o < outputs; o = end) {
    const Index from = number(o), to = number(std::min(n, o + overhang + 1));
    // The next output that loses a place, or gains one.
    const Index loses = from < std::ssize(places) ? places[from] + 1 : outputs;
    const Index gains = to < std::ssize(places) ? places[to] - overhang : outputs;
    end = dilation > 1 ? o + 1 : std::min({outputs, loses, gains});
    found.push_back({o, end, from, to, dilation});
  }
  return found;
}

}  // namespace

Index Guard::room(int n_axes, Index lanes) const {
  Index n = lanes;
  for (int a = 0; a < n_axes; ++a) n *= static_cast<Index>(std::max(places[a].size(), stretches[a].size()));
  return n;
}

// With dilation all samples are places, and a window holds those that are a dilation apart.
std::shared_ptr<Guard> Transformer::make_guard() const {
  auto guard = std::make_shared<Guard>();
  for (int a = 0; a < n_axes_; ++a) {
    const Index overhang = c_.slides[a].overhang(), n = c_.tile[a], dilation = axis(a).dilation;
    const Index step = dilation > 1 ? 1 : std::max<Index>(1, (overhang + 1) / hits_of(a, n_axes_));
    guard->places[a] = places_of(axis(a), n, outputs_[a], blocks_[a], step);
    guard->number_of[a].assign(static_cast<std::size_t>(n), -1);
    for (Index i = 0; i < std::ssize(guard->places[a]); ++i) guard->number_of[a][guard->places[a][i]] = i;
    guard->stretches[a] = stretches_of(guard->places[a], outputs_[a], n, overhang, dilation);
    guard->n_places *= std::ssize(guard->places[a]);
    guard->n_stretches *= std::ssize(guard->stretches[a]);
  }
  return guard;
}

double Transformer::guard_limit(double sum, double norm, double peak) const {
  if (!(sum > 0) || !(peak <= std::numeric_limits<double>::max())) return 0;
  const double share = std::min(2.0, (norm + peak) / sum), levels = std::log2(static_cast<double>(samples_));
  const double tolerance = bytes_ == 4 ? 0x1p-17 : 0x1p-44, unit = bytes_ == 4 ? 0x1p-24 : 0x1p-53;
  return kError * std::sqrt(levels) * unit / tolerance * share;
}

}  // namespace flipslide
