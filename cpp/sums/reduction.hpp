// Sums of many products for few outputs, such as the gradients of a layer's taps, as products of matrices: rows of x
// for the outputs, channels of w, terms between them. A plan decides from shapes and strides how a call runs, the
// planner prices its counts, run_reduction executes it.
#pragma once

#include <string>
#include <vector>

#include "../convolution.hpp"
#include "../planner/counts.hpp"

namespace flipslide {

// An axis of x as its terms and outputs see it. Places are `grid` positions apart, the first one for the first term of
// the first output; `phases`: places that are so far apart are neighbours.
struct ReductionAxis {
  Index n, terms, outputs;
  Index x_stride, y_stride;  // bytes
  Index start, grid, term_step, output_step, phases;
  Boundary boundary;

  Index position(Index place) const { return start + grid * place; }
  // Of some terms, in each phase, and in all.
  Index phase_length(Index n_terms) const {
    const Index places = (n_terms - 1) * term_step + (outputs - 1) * output_step + 1;
    return ceil_div(places, phases);
  }
  Index length(Index n_terms) const { return phases * phase_length(n_terms); }
};

struct Reduction {
  const Problem* problem = nullptr;
  const FsReductions* kernel = nullptr;
  bool is_outer = true;     // lanes are output channels, or else terms
  bool is_in_place = true;  // x is read where it lies, or else in windows
  Index bytes = 0;          // of a number
  std::vector<ReductionAxis> axes;
  Index y_offset = 0;  // bytes from y to the first output in the order of the axes

  Index n_terms = 0, plane_terms = 0;         // of an output, of one input channel
  Index n_rows = 0;                           // outputs of a channel and an element of the batch
  Index channel_block = 1, batch_block = 1;   // of a task
  Index window_inputs = 1, window_terms = 1;  // input channels, and terms along the first axis, of a window
  Index n_windows = 0, n_slices = 1;          // a task sums a slice of the windows
  Index n_channel_blocks = 1, n_batch_blocks = 1;
  Index groups_per_task = 1;  // whose windows have the same places

  Index windows_of_plane() const { return ceil_div(axes[0].terms, window_terms); }
  // Places of a window, of one input channel and element of the batch.
  Index plane_length() const;
  Index pitch() const { return is_outer ? ceil_div(channel_block, kernel->lanes) * kernel->lanes : channel_block; }
  Index n_blocks() const { return ceil_div(problem->n_groups, groups_per_task) * n_channel_blocks * n_batch_blocks; }
  Index n_tasks() const { return n_blocks() * n_slices; }
  Index partial_length() const { return batch_block * n_rows * pitch(); }
  std::string describe() const;
};

// Of views, only shape, strides and the alignment of the first element count.
Reduction make_reduction(const Problem& problem, const View& x, const View& y);

inline constexpr const char kReductionSteps[] = "call task row copied woven product inner output";
Counts count_reduction(const Question& q, const Reduction& r);
Memory memory_of(const Question& q, const Reduction& r);

void run_reduction(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                   int threads, std::uint64_t reach);

}  // namespace flipslide
