// Layers as products of matrices by panels: the samples of some outputs, for some terms at a time, are packed into a
// panel that the first-level cache holds, and meet the taps of all output channels there. No matrix of all samples is
// ever made, and no sample is packed again for another channel of a task.
#pragma once

#include <string>
#include <vector>

#include "../planner/counts.hpp"
#include "schedule.hpp"

namespace flipslide {

struct Panels {
  const Problem* problem = nullptr;
  std::vector<SumAxis> axes{};  // those along which nothing slides are one
  Index y_offset = 0;           // bytes from y to the first output in the order of the axes
  Index bytes = 0;              // of a number
  bool joins_batch = false;     // a panel has outputs of several elements of the batch
  bool y_in_place = false;
  Index n_outputs = 1;  // of a channel, of an element of the batch or all of them where they are joined
  Index lanes = 1;
  Index width = 0, n_panels = 0;  // outputs of the widest panel, panels of n_outputs; 0: this is no work for panels
  Index panels_per_pass = 1;      // that are packed at once
  Index panels_per_task = 1, n_tile_tasks = 0;
  Index channels_per_task = 1, n_channel_tasks = 0;
  Index inputs_per_pass = 1;  // input channels

  Index n_elements() const { return joins_batch ? 1 : problem->n_batch; }
  Index n_tasks() const { return problem->n_groups * n_elements() * n_tile_tasks * n_channel_tasks; }
  Index n_terms() const { return problem->n_in * problem->taps_per_channel; }
  // Of n_outputs. All panels have as many whole vectors, or one less.
  Index first_of(Index panel) const {
    return std::min(n_outputs, ceil_div(n_outputs, lanes) * panel / n_panels * lanes);
  }
  Index length_of(Index panel) const { return first_of(panel + 1) - first_of(panel); }
  std::string describe() const;
};

// Of views, only shape, strides and the alignment of the first element count.
Panels make_panels(const Problem& problem, const View& x, const View& y);

void run_panels(const Panels& panels, const Convolution& c, const View& x, const PackedTaps& w, const void* bias,
                const View& y, int threads);

// Runs of samples that are packed, samples, and products in whole vectors.
struct PanelCounts {
  double runs, packed, products;
};
PanelCounts count_panels(const Panels& panels);
Memory memory_of(const Question& q, const Panels& panels);

}  // namespace flipslide
