#include "guard.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "transform.hpp"

namespace flipslide {

namespace {

constexpr double kError = 5;

// Of noise, whose numbers below `limit` times the root mean square are as many, this part of all cells may be too
// small.
constexpr double kFewest = 2e-4;
double part_below(double limit) { return std::min(0.9, 0.8 * limit); }

// Samples of a cell along an axis; of two and more, along the last two.
Index samples_of_cell(int axis, int n_axes, double limit) {
  const int n = std::clamp(static_cast<int>(std::ceil(std::log(kFewest) / std::log(part_below(limit)))), 2, 6);
  return n_axes == 1 ? n : axis < n_axes - 2 ? 1 : n <= 4 ? 2 : 3;
}

void sort_once(std::vector<Index>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

// Where the first and the last samples of x stand in tiles of n, as many as are apart where the taps are.
std::vector<Index> ends_of(const Axis& axis, Index n, Index outputs, Index blocks) {
  std::vector<Index> ends;
  for (Index b = 0; b < blocks; ++b)
    for (Index i = 0; i < std::min(axis.dilation, axis.x); ++i)
      for (const Index end : {i, axis.x - 1 - i}) {
        const Index place = end - axis.start - b * outputs;
        if (place >= 0 && place < n) ends.push_back(place);
      }
  sort_once(ends);
  return ends;
}

// A window of 2·each − 1 times `apart` samples holds a whole cell; then there is each end.
std::vector<Guard::Cell> cells_of(const std::vector<Index>& ends, Index n, Index each, Index apart, Index dilation) {
  std::vector<Guard::Cell> cells;
  const Index length = (each - 1) * apart;
  for (Index first = 0; first + length < n; first += each * apart)
    for (Index low = first; low < std::min(first + dilation, n - length); ++low)
      cells.push_back({low, low + length, apart, false});
  for (const Index end : ends) cells.push_back({end, end, 1, true});
  return cells;
}

}  // namespace

Index Guard::room(int n_axes, Index lanes) const {
  Index n = lanes * n_last(n_axes);
  for (int a = 0; a < n_axes - 1; ++a) n *= std::max(n_looked_at[a], static_cast<Index>(cells[a].size()));
  return n;
}

// The windows of a share's outputs hold its cell: first those that an end of x stands for, as no cell inside x fits
// them, then those that see the first, the second ... cell.
void Guard::add_shares(const Reach& reach, int a, std::vector<Share>& found) const {
  found.clear();
  if (!reach.is_seen) {
    for (Index o = 0; o < reach.outputs; ++o) found.push_back({-1, o, o + 1, 1});
    return;
  }
  for (Index residue = 0; residue < reach.dilation; ++residue) {
    Index at = residue, first = -1, end_low = -1, end_high = -1;
    const auto each_held = [&](const auto& visit) {
      for (Index c = 0; c < std::ssize(cells[a]); ++c)
        if (const Cell& cell = cells[a][static_cast<std::size_t>(c)];
            cell.low % reach.dilation == residue && reach.holds(cell))
          visit(c, cell);
    };
    const auto add = [&](Index cell, Index end) {
      end = std::min(end, reach.outputs);
      if (at < end) found.push_back({cell, at, end, reach.dilation});
      while (at < end) at += reach.dilation;
    };
    each_held([&](Index c, const Cell& cell) {
      if (!cell.is_end)
        first = first < 0 ? c : first;
      else
        (reach.hangs_low && cell.low < reach.low + reach.dilation ? end_low : end_high) = c;
    });
    if (end_low >= 0)
      add(end_low, first < 0 ? cells[a][static_cast<std::size_t>(end_low)].low + 1
                             : cells[a][static_cast<std::size_t>(first)].high - reach.overhang);
    each_held([&](Index c, const Cell& cell) {
      if (!cell.is_end) add(c, cell.low + 1);
    });
    add(end_high >= 0 ? end_high : end_low, reach.outputs);
  }
}

// With dilation all samples of a window have the residue of its output.
std::shared_ptr<Guard> Transformer::make_guard(std::vector<double> limits) const {
  auto guard = std::make_shared<Guard>();
  const double most =
      std::accumulate(limits.begin(), limits.end(), 0.0, [](double a, double b) { return std::max(a, b); });
  guard->limits = std::move(limits);
  for (int a = 0; a < n_axes_; ++a) {
    const Index dilation = axis(a).dilation, taps = axis(a).w, n = c_.tile[a];
    const Index each = std::min(samples_of_cell(a, n_axes_, most), (taps + 1) / 2), apart = taps / (2 * each - 1);
    guard->cells[a] = cells_of(ends_of(axis(a), n, outputs_[a], blocks_[a]), n, each, apart * dilation, dilation);
    guard->n_cells *= std::ssize(guard->cells[a]);
    guard->number_of[a].assign(static_cast<std::size_t>(n), -1);
    for (const Guard::Cell& cell : guard->cells[a])
      for (Index s = cell.low; s <= cell.high; s += cell.step) guard->number_of[a][static_cast<std::size_t>(s)] = 0;
    guard->n_looked_at[a] = 0;
    for (Index& number : guard->number_of[a])
      if (number == 0) number = guard->n_looked_at[a]++;
    guard->each = each;
  }
  return guard;
}

// Outside x there are samples but with the boundary "zero".
Guard::Reach Transformer::reach_of(const Tile& tile, int a) const {
  const Index first = axis(a).start + tile.low[a], overhang = c_.slides[a].overhang(), dilation = axis(a).dilation;
  const Index most = tile.count[a] - 1 + overhang, high = std::min(most, c_.tile[a] - 1);
  if (axis(a).boundary != Boundary::zero)
    return {0, high, tile.count[a], overhang, dilation, false, false, axis(a).x > 0 && high == most};
  const Index begins = std::max<Index>(0, -first), ends = std::min(high, axis(a).x - 1 - first);
  const bool hangs_low = begins > 0, hangs_high = ends < most;
  const bool is_seen = ends - begins + 1 >= dilation && (!hangs_low || begins + dilation - 1 <= overhang) &&
                       (!hangs_high || tile.count[a] - 1 <= ends - dilation + 1);
  return {begins, ends, tile.count[a], overhang, dilation, hangs_low, hangs_high, is_seen};
}

double Transformer::guard_limit(double sum, double norm, double peak) const {
  if (!(sum > 0) || !(peak <= std::numeric_limits<double>::max())) return 0;
  const double share = std::min(2.0, (norm + peak) / sum), levels = std::log2(static_cast<double>(samples_));
  const double tolerance = bytes_ == 4 ? 0x1p-17 : 0x1p-44, unit = bytes_ == 4 ? 0x1p-24 : 0x1p-53;
  return kError * std::sqrt(levels) * unit / tolerance * share;
}

}  // namespace flipslide
