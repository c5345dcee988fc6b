// How a direct sum runs, as a value: decided once by a pure function of the problem, the microkernel, the strides and
// alignment of the arrays, and what the taps turned out to be. sums.cpp executes it, the planner prices its counts,
// the plan prints it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "../convolution.hpp"
#include "../taps/pack.hpp"

namespace flipslide {

// An axis of a call. A merged axis interleaves the samples of `interleave` signals of the batch.
struct SumAxis {
  Axis axis;
  Index x_stride, y_stride;  // bytes
  Index overhang;
  Index interleave = 1;

  // Whether nothing slides along it.
  bool is_trivial() const {
    return axis.w == 1 && axis.stride == 1 && axis.start == 0 && axis.up == 1 && axis.x == axis.y;
  }
  // Becomes one longer axis with the next outer one, where both are trivial and lie in one row.
  bool takes_on(const SumAxis& outer) {
    if (!outer.is_trivial() || !is_trivial() || outer.x_stride != x_stride * axis.x ||
        outer.y_stride != y_stride * axis.y)
      return false;
    axis.x = axis.y = outer.axis.x * axis.x;
    return true;
  }
};

// Where the samples and outputs of an axis lie; `y_offset` goes on to the first output where they come in reverse.
SumAxis placed(const Slide& slide, const View& x, const View& y, Index& y_offset);

// Where a tile finds its samples: where they lie; in a window that is packed with its boundary; in rows that wait in a
// line buffer, so that no row is packed, or summed along the other axes, for two tiles.
enum class Source { in_place, packed, line_buffer };

// A box of outputs, [low, high), cut into tiles.
struct Piece {
  Index low[kMaxAxes], high[kMaxAxes], extent[kMaxAxes];
  Index n_tiles = 0;
  Source source = Source::packed;
};

// How a microkernel is called, and how the numbers lie that it reads and writes.
struct Format {
  FsTileFn run[2];          // y is scratch memory with numbers of the sum, or written in place
  FsLoadFn load;            // from the type of x
  Index x_bytes, y_bytes;   // of a number, or a part of it, in x where it is packed, in y where it is written in place
  bool copies_x, copies_y;  // the arrays hold just these numbers
};

// What a schedule needs to know of the values of the taps.
struct TapsFacts {
  bool go_axis_by_axis = false;
  Index rank = 1;
  int dot_width = 0;
  bool are_real = false;  // complex ones whose imaginary parts are all 0

  static TapsFacts of(const PackedTaps& w) { return {!w.factors.empty(), w.rank, w.dot_width, w.real != nullptr}; }
};

struct Schedule {
  const Problem* problem = nullptr;
  const FsMicrokernel* microkernel = nullptr;
  bool is_replayed = false;  // its steps are noted: it must not depend on values, and tiles are few

  int n_axes = 0;
  SumAxis axes[kMaxAxes] = {};
  std::vector<Loop> batch_loops{};  // those that are no axes
  Index n_batch = 1;
  Index y_offset = 0;  // bytes from y to the first output in the order of the axes

  Index parts = 1, part_bytes = 0, bytes = 0;  // of a number of the sum; lengths and steps are in numbers
  Format format{};
  TapsFacts taps{};
  int dot_width = 0;        // see microkernels/dots.hpp
  bool takes_real = false;  // of complex taps the real parts, until a sample is not finite
  bool shares_rows = false, y_in_place = false, streams = false;
  // Of arrays that lie otherwise than usual (usual.hpp): pieces in place are packed in the same rows; axes are one only
  // in a copy.
  bool x_in_place = true, takes_x = true, takes_y = true;

  std::vector<Piece> pieces{};
  Index n_tiles = 0;  // of a channel block
  Index channel_block = 1, n_channel_blocks = 1;
  // Elements of the batch and of the groups that a task goes through with one tile (sums/planes.hpp); 0: each has tasks
  // of its own.
  Index elements_per_task = 0;

  Index n_elements() const { return n_batch * problem->n_groups; }
  Index n_tasks() const {
    const Index elements = elements_per_task > 0 ? ceil_div(n_elements(), elements_per_task) : n_elements();
    return elements * n_channel_blocks * n_tiles;
  }
  int inner() const { return n_axes - 1; }
  // Single taps are 1 beside a longer axis (taps/factors.cpp), and no pass.
  int first_long_axis() const {
    int a = 0;
    while (a < inner() && axes[a].axis.w == 1) ++a;
    return a;
  }
  bool conjugates_x() const { return problem->spec.conj_x && parts == 2; }
  // As a microkernel counts them.
  Index taps_per_channel() const {
    return dot_width > 0 ? dots_per_channel(*problem, dot_width) : problem->taps_per_channel;
  }
  Index w_taps() const { return problem->n_in * taps_per_channel(); }
  // Bytes of a number in packed x, and of one in y where that is written in place.
  Index x_bytes() const { return parts * format.x_bytes; }
  Index y_bytes() const { return parts * format.y_bytes; }
  // From row to row in scratch: whole vectors, and never a multiple of 1 KB, as rows would meet in the cache.
  Index pitch_of(Index length) const {
    const Index lanes = 64 / bytes, pitch = (length + lanes - 1) / lanes * lanes;
    return pitch * bytes % 1024 == 0 ? pitch + lanes : pitch;
  }
  // In words: "4 tiles of 256 by 1024, line buffer; direct, rows share loads; x packed".
  std::string describe() const;
  // Input channels that are packed and summed at once.
  Index channels_per_pass() const;
  // Rows of outputs that leave the line buffer at once, and rows that come into it.
  Index rows_of_outputs() const;
  Index rows_into_buffer() const;
};

// Taps along an axis are summed as they run, where they are all the same, from this many on: across rows, and along
// them, where rows become lanes and lanes rows.
inline constexpr Index kBoxAcross = 8, kBoxAlong = 16;

// The outputs of an axis whose every term has its sample: [low, high).
void find_interior(const SumAxis& slide, Index& low, Index& high);

// Of views, only shape, strides and the alignment of the first element count; they decide nothing in which order terms
// are added. `region`: only these outputs.
Schedule make_schedule(const Problem& problem, const FsMicrokernel& microkernel, bool is_replayed, const View& x,
                       const View& y, const TapsFacts& taps, bool has_bias, const Region* region = nullptr);

}  // namespace flipslide
