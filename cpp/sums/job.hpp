// A direct sum in progress: a schedule with the arrays of a call, and a thread's scratch.
#pragma once

#include "windows.hpp"

namespace flipslide {

struct RowRange {
  Index first, n;
};

// Numbers that are copied between an array and scratch memory: in bytes, `step` from number to number of the array.
struct Copy {
  Index to, from, step, n;
};

// Scratch that a thread keeps from call to call.
struct Workspace {
  Scratch x, y, row, halfway[2], line_buffer, box_rows[2], box_sums;
  std::vector<Index> taps;
  std::vector<RowRange> spoilt;  // a tile's outputs that are not finite
  std::vector<FsRun> runs, row_runs;
  std::vector<Copy> into_window, out_of_results;  // of every element of a task that goes by planes
  std::vector<Window> windows;
  std::vector<std::vector<Segment>> segments;  // [phase] of the innermost axis
  std::vector<std::vector<Blank>> blanks;

  // Gives large pieces back, so that a thread does not sit on them between calls.
  void trim() {
    for (Scratch* scratch :
         {&x, &y, &row, &halfway[0], &halfway[1], &line_buffer, &box_rows[0], &box_rows[1], &box_sums})
      scratch->trim();
  }
};

struct SumJob {
  const Schedule& s;
  const Convolution& c;
  const View& x;
  const PackedTaps& w;
  const std::byte* bias;
  const View& y;
  Workspace& work;
};

// Output channels of an element of a batch and a group.
struct TaskPlace {
  Index batch, group, first_channel, end_channel;
};

// How a tile's outputs map to runs. In a packed tile the rows of the last two axes may be one
// run: the places between two rows are computed too and thrown away, which is cheaper than
// a part-filled vector at the end of every row.
struct TileShape {
  Index length, rows_per_run, row_pitch, run_pitch;
  int n_outer;             // axes that make runs
  Index x_step[kMaxAxes];  // elements of x between outputs, for those axes
  Index plane;             // elements of a packed channel
};

inline const std::byte* x_of(const SumJob& job, const TaskPlace& place) {
  return job.x.data + locate(job.s.batch_loops, &Loop::x_dim, place.batch, job.x) +
         locate(job.c.group_loops, &Loop::x_dim, place.group, job.x);
}

inline std::byte* y_of(const SumJob& job, const TaskPlace& place) {
  return job.y.data + job.s.y_offset + locate(job.s.batch_loops, &Loop::y_dim, place.batch, job.y) +
         locate(job.c.group_loops, &Loop::y_dim, place.group, job.y);
}

}  // namespace flipslide
