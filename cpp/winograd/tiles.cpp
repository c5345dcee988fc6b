#include "tiles.hpp"

#include <cmath>
#include <string>

#include "../taps/pack.hpp"

namespace flipslide {

namespace {

// Transformed tiles of a task, in bytes: most of a second-level cache.
constexpr Index kTaskBytes = 640 << 10;
// Transformed taps come from the third-level cache or from memory, once for each task: so many tiles share them at
// least. 8 images of 256 channels of 14 x 14 take 18.4 ms with 22 tiles and 16.0 ms with 32 (2026-11, AVX-512, one
// core).
constexpr Index kLeastTiles = 42, kMostTiles = 112;
// Fewer tasks leave threads idle. Output channels are shared first, as tasks then share no taps, but by tasks of no
// fewer than kOutOfTask, as each transforms all input channels.
constexpr Index kFewestTasks = 2, kOutOfTask = 128;

// Tiles of a row that are read together: their samples fit the first-level cache.
constexpr Index kMostRun = 16;

double as_double(Index n) { return static_cast<double>(n); }

}  // namespace

WinogradTiles::WinogradTiles(const Problem& p, Index points)
    : points(points), outputs(points - 2), frequencies(points * points) {
  const FsWinograd& w = p.isa.winograd[p.types.compute == FS_F64];
  lanes = w.lanes;
  bytes = kComputeBytes[p.types.compute];
  in_groups = ceil_div(p.n_in, lanes);
  out_groups = ceil_div(p.n_out, lanes);
  panel_groups = w.vectors;
  n_tiles = p.n_batch;
  for (int a = 0; a < 2; ++a) {
    blocks[a] = ceil_div(p.slides[static_cast<std::size_t>(a)].axis.y, outputs);
    n_tiles *= blocks[a];
  }
  const Index per_tile = std::max<Index>(1, frequencies * (in_groups + out_groups) * lanes * bytes);
  const Index roomy = std::clamp<Index>(kTaskBytes / per_tile / w.rows * w.rows, kLeastTiles, kMostTiles);
  const Index wanted = ceil_div(kFewestTasks, std::max<Index>(1, p.n_groups));
  n_out_tasks = n_tiles > roomy ? 1 : std::clamp<Index>(wanted, 1, std::max<Index>(1, p.n_out / kOutOfTask));
  // No fewer than fill a block of the product.
  const Index shared = std::max<Index>(w.rows / 2, ceil_div(n_tiles, ceil_div(wanted, n_out_tasks)));
  n_tile_tasks = std::max<Index>(1, ceil_div(n_tiles, std::min(roomy, shared)));
  if (n_tile_tasks > 1) n_tile_tasks += n_tile_tasks % 2;  // two threads have as many each
  tiles_per_task = std::max<Index>(1, ceil_div(n_tiles, n_tile_tasks));
  n_tile_tasks = ceil_div(n_tiles, tiles_per_task);
  tiles_per_run = std::min({tiles_per_task, blocks[1], kMostRun});
  out_groups_per_task = ceil_div(ceil_div(out_groups, n_out_tasks), panel_groups) * panel_groups;
  n_out_tasks = ceil_div(out_groups, std::max<Index>(1, out_groups_per_task));
  n_tasks = p.n_groups * n_tile_tasks * n_out_tasks;
}

Index WinogradTiles::step_of(Index groups) const {
  const Index step = groups * tiles_per_task * lanes;
  return step * bytes % 1024 == 0 ? step + lanes : step;
}

// With Bᵀ, G and Aᵀ along one axis an output is a sum over frequencies p of A[p]·(G w)[p]·(B x)[p]. What its roundings
// are relative to is at most α·Σ|w|·max|x|, α = Σ |A[p]|·max|G[p]|·Σ|B[p]| for the worst output: 4 for F(2, 3)
// and 15.42 for F(4, 3) with the points 0, ±3/4, ±3/2 and infinity; along two axes it is α². A number passes through no
// more than 6 roundings on each of the two ways in, 5 on each way out, 2 in its tap, those of the channel sum, and the
// bias.
double winograd_gamma(const Problem& problem, const std::vector<Index>& tile) {
  const double alpha = tile.front() == 4 ? 4 : 15.5;
  const double rounding = (as_double(problem.n_in) + 26) * problem.unit_roundoff();
  return rounding >= 1 ? HUGE_VAL : alpha * alpha * rounding / (1 - rounding);
}

Counts count_winograd(const Question& q, const std::vector<Index>& tile) {
  enum { kCall, kForward, kProduct, kWeights, kInverse };
  const WinogradTiles t(q, tile.front());
  const double each = as_double(q.n_groups * t.frequencies), out = as_double(t.out_groups * t.lanes);
  Counts counts;
  counts.call[kCall] = 1;
  counts.work[kForward] = each * as_double(t.n_tiles * t.in_groups * t.lanes * t.n_out_tasks);
  counts.work[kProduct] = each * as_double(t.n_tiles * q.n_in) * out;
  counts.work[kWeights] = each * as_double(t.n_tile_tasks * q.n_in) * out;
  counts.work[kInverse] = each * as_double(t.n_tiles) * out;
  counts.tasks = is_small(q) ? 1 : as_double(std::max<Index>(1, t.n_tasks));
  return counts;
}

std::vector<Estimate> rank_winograd(const Question& q, const PerStep& prices, int most) {
  std::vector<Estimate> found;
  for (const Index points : {4, 6}) {
    // Where products are rounded before they are added, F(4, 3) errs 2.02 times as much as a direct sum.
    if (points == 6 && std::string(q.isa.name) == "baseline") continue;
    const WinogradTiles t(q, points);
    Memory memory;
    const auto bytes = [&](Index numbers) { return reserved(as_double(numbers * t.bytes)); };
    memory.shared = bytes(q.n_groups * t.u_size(q.n_in)) + reserved(as_double(packed_bytes(q, false)));
    memory.scratch = bytes(t.v_size()) + bytes(t.m_size()) + bytes(t.largest_size()) + bytes(t.samples_size()) +
                     bytes(t.outputs_size());
    memory.holders = std::max<Index>(1, t.n_tasks);
    if (memory.of(kUsualThreads) > q.scratch_bytes()) continue;
    found.push_back({count_winograd(q, {points, points}).priced(prices), memory, {points, points}});
  }
  std::stable_sort(found.begin(), found.end(), [](const Estimate& a, const Estimate& b) {
    return a.time.on(kUsualThreads) < b.time.on(kUsualThreads);
  });
  if (static_cast<int>(found.size()) > most) found.resize(static_cast<std::size_t>(most));
  return found;
}

}  // namespace flipslide
