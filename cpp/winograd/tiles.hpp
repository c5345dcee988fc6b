// Winograd's tiles of a two-dimensional sum by 3 x 3 taps: how many, how they are shared among tasks, what they cost.
//
// A task has some neighbouring tiles of one group, and some of its output channels. It transforms the tiles for all
// input channels, multiplies frequency by frequency, transforms back and writes, all in scratch memory of its own that
// the second-level cache holds where channels are few: x is read once for each task, y is written once.
#pragma once

#include "../microkernels/winograd.hpp"
#include "../planner/counts.hpp"

namespace flipslide {

inline constexpr const char kWinogradSteps[] = "call forward product weights inverse";

struct WinogradTiles {
  WinogradTiles(const Problem& problem, Index points);

  Index points, outputs;  // of a tile along each axis
  Index frequencies;
  Index blocks[2], n_tiles;
  Index lanes, bytes;                      // of a vector; of a number
  Index in_groups, out_groups;             // of `lanes` channels
  Index panel_groups;                      // of u
  Index tiles_per_task, n_tile_tasks;      // of a group
  Index tiles_per_run;                     // neighbours that are read and written at once
  Index out_groups_per_task, n_out_tasks;  // whole panels
  Index n_tasks;

  // Numbers from frequency to frequency of v or m, never a multiple of 1 KB apart.
  Index step_of(Index groups) const;
  Index v_size() const { return frequencies * step_of(in_groups); }
  Index m_size() const { return frequencies * step_of(out_groups_per_task); }
  // What its samples and outputs are at most.
  Index samples_size() const { return points * (tiles_per_run * outputs + 2) * lanes; }
  Index outputs_size() const { return outputs * tiles_per_run * outputs * lanes; }
  Index largest_size() const { return tiles_per_task * kFsWinogradMagnitudes * lanes; }
  // Of transformed taps of a group.
  Index u_size(Index n_in) const { return frequencies * n_in * out_groups * lanes; }
};

// The bound's γ, of what WinogradTiles::points says.
double winograd_gamma(const Problem& problem, const std::vector<Index>& tile);

Counts count_winograd(const Question& q, const std::vector<Index>& tile);
std::vector<Estimate> rank_winograd(const Question& q, const PerStep& prices, int most);

}  // namespace flipslide
