// Tiles that go row by row: few rows wait in a line buffer while they are needed.
#pragma once

#include "packing.hpp"

namespace flipslide {

// Rows of a tile (of three axes: planes) that wait for the taps along the first long axis: x with its boundary, or
// the sums along the other axes. They come a few at a time, leave a few outputs at once while they are in the
// caches, and stay until their last output, so that no row is made twice.
struct LineBuffer {
  int axis;
  Index over, capacity;      // rows beyond an output's first; rows there is room for
  Index step, term;          // elements between rows, and between those of two terms
  Index first = 0, end = 0;  // the rows that are there, counted from the tile's first
  std::byte* data;

  std::byte* at(Index row, Index bytes) const { return data + (row - first) * step * bytes; }
};

// A tile on its way through the line buffer.
struct Walk {
  TaskPlace place;
  const Index *low, *extent;
  Index chunk, fill;  // rows of outputs, and rows into the buffer, at a time
  const std::byte* factors[kMaxAxes] = {};
  LineBuffer buffer{};
};

inline void forget_rows(const SumJob& job, LineBuffer& buffer, Index first) {
  const auto n = static_cast<std::size_t>((buffer.end - first) * buffer.step * job.s.bytes);
  for (Index t = 0; t < job.w.rank; ++t) {
    const Index term = t * buffer.term * job.s.bytes;
    std::memmove(buffer.data + term, buffer.at(first, job.s.bytes) + term, n);
  }
  buffer.first = first;
}

// fill(n) puts the next n rows into the buffer, sum(low, extent, from) makes outputs of those from `from` on.
template <class Fill, class Sum>
void walk_along(const SumJob& job, Walk& walk, const Fill& fill, const Sum& sum) {
  LineBuffer& buffer = walk.buffer;
  Index low[kMaxAxes], extent[kMaxAxes];
  std::copy(walk.low, walk.low + job.s.n_axes, low);
  std::copy(walk.extent, walk.extent + job.s.n_axes, extent);
  const Index n_rows = walk.extent[buffer.axis];
  for (Index done = 0; done < n_rows; done += walk.chunk) {
    low[buffer.axis] = walk.low[buffer.axis] + done;
    extent[buffer.axis] = std::min(walk.chunk, n_rows - done);
    const Index end = done + extent[buffer.axis] + buffer.over;
    if (end - buffer.first > buffer.capacity) forget_rows(job, buffer, done);
    for (Index n; (n = std::min(walk.fill, end - buffer.end)) > 0; buffer.end += n) fill(n);
    sum(low, extent, buffer.at(done, job.s.bytes));
  }
}

inline void open_buffer(const SumJob& job, Walk& walk, Index step) {
  LineBuffer& buffer = walk.buffer;
  buffer.over = job.s.axes[buffer.axis].overhang;
  buffer.capacity = buffer.over + std::max(walk.chunk, std::min(walk.extent[buffer.axis], buffer.over));
  buffer.step = step;
  buffer.term = buffer.capacity * step;
  buffer.data = job.work.line_buffer.reserve<std::byte>(job.w.rank * buffer.term * job.s.bytes);
}

// The windows of all axes but the buffer's.
inline void open_windows(const SumJob& job, const Walk& walk) {
  job.work.windows.resize(kMaxAxes);
  for (int a = 0; a < job.s.n_axes; ++a) {
    if (a == walk.buffer.axis) continue;
    find_window(job.work.windows[a], job.s.axes[a], walk.low[a], walk.extent[a]);
    if (a != job.s.inner()) list_sources(job.work.windows[a], job.s.axes[a]);
  }
  SumAxis one_tap = job.s.axes[walk.buffer.axis];
  one_tap.axis.w = 1;
  find_window(job.work.windows[walk.buffer.axis], one_tap, walk.low[walk.buffer.axis], walk.fill);
  list_segments(job.work.windows[job.s.inner()], job.s.axes[job.s.inner()], job.work.segments, job.work.blanks);
}

// Rows of x with their boundary, those that come next.
inline void pack_rows(const SumJob& job, const Walk& walk, Index n, std::byte* to) {
  const SumAxis& slide = job.s.axes[walk.buffer.axis];
  Window& window = job.work.windows[walk.buffer.axis];
  window.first = slide.axis.start + walk.low[walk.buffer.axis] + walk.buffer.end;
  window.length = n;
  list_sources(window, slide);
  pack_axis(job, Do(job), 0, x_of(job, walk.place), to, false);
}

// Where windows lie in packed rows.
inline void place_windows(const SumJob& job, Index first_pitch) {
  Index place = 1;
  for (int a = job.s.inner(); a >= 0; --a) {
    job.work.windows[a].place = place;
    place = a == job.s.inner() ? first_pitch : place * job.work.windows[a].length;
  }
}

// ---- the taps of all axes at once

inline void sum_rows(const SumJob& job, const TileShape& shape, const TaskPlace& place, const Index* low,
                     const Index* extent, const std::byte* x) {
  FsTile tile = tile_of(job, shape, place, low, extent, job.s.y_in_place);
  tile.x = x;
  tile.w = job.w.data + (place.group * job.c.n_out + place.first_channel) * job.s.w_taps() * job.s.bytes;
  tile.n_taps = job.s.w_taps();
  tile.taps = job.work.taps.data();
  job.s.microkernel->run[job.c.types.compute](&tile);
  if (!job.s.y_in_place) store_y(job, Do(job), shape, place, tile, y_of(job, place), low, extent);
}

inline void sum_row_by_row(const SumJob& job, const TaskPlace& place, const Index* low, const Index* extent) {
  Walk walk{place, low, extent, job.s.rows_of_outputs(), job.s.rows_into_buffer()};
  walk.buffer.axis = job.s.first_long_axis();
  open_windows(job, walk);
  place_windows(job, job.s.pitch_of(job.work.windows[job.s.inner()].length));
  open_buffer(job, walk, job.work.windows[walk.buffer.axis].place);
  TileShape shape = shape_in_place(job, extent);
  shape.plane = walk.buffer.step;
  for (int a = 0; a < job.s.n_axes; ++a) shape.x_step[a] = job.work.windows[a].place;
  list_taps(job, 1, 0, [&](int a, Index j) { return j * job.s.axes[a].axis.dilation * shape.x_step[a]; });
  walk_along(
      job, walk, [&](Index n) { pack_rows(job, walk, n, walk.buffer.at(walk.buffer.end, job.s.bytes)); },
      [&](const Index* from, const Index* n, const std::byte* x) { sum_rows(job, shape, place, from, n, x); });
}

}  // namespace flipslide
