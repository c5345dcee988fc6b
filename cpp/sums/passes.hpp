// Taps that are products, or sums of a few, are applied axis by axis, the last axis first. Along an axis where all are
// the same they are running sums.
#pragma once

#include "lines.hpp"
#include "sums.hpp"

namespace flipslide {

// The taps of one output channel along one axis, those of all terms.
inline const std::byte* factors_of(const SumJob& job, const TaskPlace& place, Index channel, int axis) {
  Index before = 0, all = 0;
  for (int a = 0; a < job.s.n_axes; ++a) {
    if (a == axis) before = all;
    all += job.s.axes[a].axis.w * job.w.rank;
  }
  return job.w.factors.data() + ((place.group * job.c.n_out + channel) * all + before) * job.s.bytes;
}

// ---- taps that are all the same

// Whether all taps are the same, and enough for running sums to pay.
inline bool is_box(const SumJob& job, const std::byte* taps, Index n, bool is_inner) {
  return n >= (is_inner ? kBoxAlong : kBoxAcross) &&
         std::memcmp(taps, taps + job.s.bytes, static_cast<std::size_t>((n - 1) * job.s.bytes)) == 0;
}

// Taps that stand `dilation` apart are so many sums that take turns.
inline void run_box(const SumJob& job, FsBox box, Index n, Index dilation) {
  box.scratch = job.work.box_sums.reserve_bytes(box.n_taps * kFsBoxBytes);
  const auto* x = static_cast<const std::byte*>(box.x);
  auto* y = static_cast<std::byte*>(box.y);
  for (Index phase = 0; phase < std::min(dilation, n); ++phase) {
    FsBox part = box;
    part.x = x + phase * box.x_step * job.s.bytes;
    part.y = y + phase * box.y_step * job.s.bytes;
    part.x_step = box.x_step * dilation;
    part.y_step = box.y_step * dilation;
    part.n = (n - phase + dilation - 1) / dilation;
    job.c.isa.box[job.c.types.compute](&part);
  }
}

inline FsBox box_of(const FsTile& pass) {
  FsBox box{};
  box.n_taps = pass.w_taps;
  box.tap = pass.w;
  box.bias = pass.bias;
  return box;
}

// The runs come in blocks of `n` along the axis.
inline void box_across_rows(const SumJob& job, const FsTile& pass, Index n, Index dilation) {
  for (Index block = 0; block < pass.n_runs; block += n) {
    FsBox box = box_of(pass);
    box.x = static_cast<const std::byte*>(pass.x) + pass.runs[block].x * job.s.bytes;
    box.y = static_cast<std::byte*>(pass.y) + pass.runs[block].y * job.s.bytes;
    box.x_step = pass.row_x;
    box.y_step = pass.row_y;
    box.width = pass.length;
    run_box(job, box, n, dilation);
  }
}

// As many rows as there are lanes, or pieces of fewer rows, become lanes; sums along rows are then sums
// across them.
inline void box_along_rows(const SumJob& job, const FsTile& pass, Index dilation) {
  const FsButterflies& lanes = job.c.isa.butterflies[job.s.bytes == 4 ? 0 : 1];
  const Index n_pieces = std::clamp<Index>((lanes.lanes + pass.n_runs - 1) / pass.n_runs, 1, pass.length);
  const Index length = (pass.length + n_pieces - 1) / n_pieces, n_read = length + (pass.w_taps - 1) * dilation;
  auto* read = job.work.box_rows[0].reserve<std::byte>(n_read * lanes.lanes * job.s.bytes);
  auto* made = job.work.box_rows[1].reserve<std::byte>(length * lanes.lanes * job.s.bytes);
  void* const nowhere = job.work.row.reserve_bytes(length * job.s.bytes);
  for (Index piece = 0; piece < pass.n_runs * n_pieces; piece += lanes.lanes) {
    const void* from[16];
    void* to[16];
    for (int l = 0; l < lanes.lanes; ++l) {
      const bool is_used = piece + l < pass.n_runs * n_pieces;
      const FsRun& run = pass.runs[(is_used ? piece + l : piece) / n_pieces];
      // The last piece overlaps the one before rather than being short.
      const Index at = std::min((is_used ? piece + l : piece) % n_pieces * length, pass.length - length);
      from[l] = static_cast<const std::byte*>(pass.x) + (run.x + at) * job.s.bytes;
      to[l] = is_used ? static_cast<std::byte*>(pass.y) + (run.y + at) * job.s.bytes : nowhere;
    }
    lanes.gather(from, n_read, read, lanes.lanes);
    FsBox box = box_of(pass);
    box.x = read;
    box.y = made;
    box.x_step = box.y_step = box.width = lanes.lanes;
    run_box(job, box, length, dilation);
    lanes.scatter(made, lanes.lanes, length, to);
  }
}

// Taps along the last axis alone are applied axis by axis only where they are all the same.
inline void sum_boxes_of_rows(const SumJob& job, const TaskPlace& place, const FsTile& tile) {
  const Axis& axis = job.s.axes[job.s.inner()].axis;
  for (Index k = 0; k < tile.n_out; ++k) {
    FsTile pass = tile;
    pass.n_out = 1;
    pass.w = factors_of(job, place, place.first_channel + k, job.s.inner());
    pass.n_taps = axis.w;
    pass.taps = job.work.taps.data();
    pass.y = static_cast<std::byte*>(tile.y) + k * tile.y_channel * job.s.bytes;
    if (tile.bias) pass.bias = static_cast<const std::byte*>(tile.bias) + k * job.s.bytes;
    if (is_box(job, static_cast<const std::byte*>(pass.w), axis.w, true))
      box_along_rows(job, pass, axis.dilation);
    else
      job.s.microkernel->run[job.c.types.compute](&pass);
  }
}

// ---- one pass

// The same taps of the other terms, whose samples stand `step` elements apart: planes of the lattice.
inline void add_terms(const SumJob& job, FsTile& pass, Index step) {
  for (Index t = pass.n_taps; t < pass.w_taps * job.w.rank; ++t)
    job.work.taps.push_back(job.work.taps[static_cast<std::size_t>(t - pass.w_taps)] + step);
  pass.n_taps = pass.w_taps = pass.w_taps * job.w.rank;
  if (pass.tap_rows == 1) pass.tap_columns = pass.n_taps;
  pass.taps = job.work.taps.data();
}

// Taps along axis a alone: columns of a row, or rows of a single column, where rows of outputs that
// lie along it can share what they load.
inline void list_taps_of_axis(const SumJob& job, FsTile& pass, int a, Index x_step, Index y_step, const Index* rows) {
  const Axis& axis = job.s.axes[a].axis;
  pass.n_taps = axis.w;
  job.work.taps.resize(static_cast<std::size_t>(axis.w));
  for (Index j = 0; j < axis.w; ++j) job.work.taps[static_cast<std::size_t>(j)] = j * axis.dilation * x_step;
  pass.taps = job.work.taps.data();
  const bool as_rows = a != job.s.inner() && axis.dilation == 1;
  pass.rows = as_rows ? rows[a] : 1;
  pass.row_x = x_step;
  pass.row_y = y_step;
  pass.tap_rows = as_rows ? axis.w : 1;
  pass.tap_columns = as_rows ? 1 : axis.w;
  pass.tap_step = a == job.s.inner() ? axis.dilation : 0;
}

// Runs for every index of the outer axes, those along axis a together.
inline void list_rows(const SumJob& job, int a, const Index* rows, const Index* from_step, const Index* to_step,
                      FsRun first) {
  int order[kMaxAxes], n = 0;
  for (int b = 0; b < job.s.inner(); ++b)
    if (b != a) order[n++] = b;
  if (a != job.s.inner()) order[n++] = a;
  job.work.row_runs.clear();
  Index m[kMaxAxes] = {};
  for (;;) {
    FsRun run = first;
    for (int i = 0; i < n; ++i) {
      run.x += m[i] * from_step[order[i]];
      run.y += m[i] * to_step[order[i]];
    }
    job.work.row_runs.push_back(run);
    int i = n;
    while (i-- > 0 && ++m[i] == rows[order[i]]) m[i] = 0;
    if (i < 0) return;
  }
}

// One pass of a kernel: taps along axis a alone, from rows to as many rows.
inline void sum_along(const SumJob& job, FsTile& pass, int a, const std::byte* factor, const Index* rows,
                      const Index* from_step, const Index* to_step, FsRun first, Index terms) {
  const Axis& axis = job.s.axes[a].axis;
  pass.w = factor;
  pass.w_taps = axis.w;
  list_taps_of_axis(job, pass, a, from_step[a], to_step[a], rows);
  if (terms > 0) add_terms(job, pass, terms);
  list_rows(job, a, rows, from_step, to_step, first);
  pass.runs = job.work.row_runs.data();
  pass.n_runs = static_cast<Index>(job.work.row_runs.size());
  if (pass.n_out > 1)
    job.c.isa.find("gemm")->run[job.c.types.compute](&pass);
  else if (job.w.rank > 1 || !is_box(job, factor, axis.w, a == job.s.inner()))
    job.s.microkernel->run[job.c.types.compute](&pass);
  else if (a == job.s.inner())
    box_along_rows(job, pass, axis.dilation);
  else
    box_across_rows(job, pass, rows[a], axis.dilation);
}

// ---- a tile

// Elements between neighbours of an array of so many rows; those of all.
inline Index lay_rows(const SumJob& job, const Index* rows, Index pitch, Index* step) {
  step[job.s.inner()] = 1;
  for (int a = job.s.inner() - 1; a >= 0; --a) {
    step[a] = pitch;
    pitch *= rows[a];
  }
  return pitch;
}

// The next rows of x, summed along every axis but the buffer's.
inline void fill_buffer(const SumJob& job, const Walk& walk, Index n) {
  const LineBuffer& buffer = walk.buffer;
  Index rows[kMaxAxes], from_step[kMaxAxes], to_step[kMaxAxes];
  for (int a = 0; a < job.s.n_axes; ++a) from_step[a] = job.work.windows[a].place;
  auto* packed = job.work.x.reserve<std::byte>(walk.fill * from_step[buffer.axis] * job.s.bytes + 64);
  pack_rows(job, walk, n, packed);
  for (int a = 0; a < job.s.n_axes; ++a) rows[a] = job.work.windows[a].length;
  int last = buffer.axis + 1;
  while (last < job.s.inner() && job.s.axes[last].axis.w == 1) ++last;
  FsTile pass{};
  pass.n_out = job.w.rank;
  pass.length = walk.extent[job.s.inner()];
  pass.x = packed;
  for (int a = job.s.inner(); a >= last; --a) {
    if (job.s.axes[a].axis.w == 1 && a != last) continue;
    rows[a] = walk.extent[a];
    pass.y_channel = lay_rows(job, rows, job.s.pitch_of(pass.length), to_step);
    pass.y = job.work.halfway[a % 2].reserve_bytes(a == last ? 0 : pass.y_channel * job.s.bytes);
    if (a == last) {
      pass.y = buffer.at(buffer.end, job.s.bytes);
      pass.y_channel = buffer.term;
    }
    sum_along(job, pass, a, walk.factors[a], rows, from_step, to_step, {0, 0}, 0);
    pass.x = pass.y;
    std::copy(to_step, to_step + job.s.n_axes, from_step);
  }
}

// Outputs, from rows that are in the buffer.
inline void sum_buffer(const SumJob& job, const Walk& walk, const Index* low, const Index* extent, const std::byte* x) {
  const LineBuffer& buffer = walk.buffer;
  Index from_step[kMaxAxes], to_step[kMaxAxes];
  lay_rows(job, extent, job.s.pitch_of(extent[job.s.inner()]), from_step);
  from_step[buffer.axis] = buffer.step;
  const TileShape shape = shape_in_place(job, extent);
  FsTile pass = tile_of(job, shape, walk.place, low, extent, job.s.y_in_place);
  FsRun first{0, job.s.y_in_place ? job.work.runs.front().y : 0};
  lay_rows(job, extent, shape.run_pitch, to_step);
  for (int a = 0; job.s.y_in_place && a < job.s.inner(); ++a) to_step[a] = job.s.axes[a].y_stride / job.s.bytes;
  pass.x = x;
  // What is looked at again should not have gone past the caches.
  pass.streams = pass.streams && job.w.are_products;
  sum_along(job, pass, buffer.axis, walk.factors[buffer.axis], extent, from_step, to_step, first, buffer.term);
  if (!job.w.are_products && !is_finite(job, pass)) job.work.spoilt.push_back({low[buffer.axis], extent[buffer.axis]});
  if (!job.s.y_in_place) store_y(job, Do(job), shape, walk.place, pass, y_of(job, walk.place), low, extent);
}

inline void sum_axis_by_axis(const SumJob& job, const TaskPlace& place, const Index* low, const Index* extent) {
  Walk walk{place, low, extent, job.s.rows_of_outputs(), job.s.rows_into_buffer()};
  const int along = walk.buffer.axis = job.s.first_long_axis();
  for (int a = 0; a < job.s.n_axes; ++a) walk.factors[a] = factors_of(job, place, place.first_channel, a);
  const Index lanes = 64 / job.s.bytes, window = job.s.axes[along].overhang + job.s.axes[along].axis.dilation;
  // Running sums begin anew with each chunk, as many of them as fill some vectors; those along rows take whole
  // vectors of rows.
  if (is_box(job, walk.factors[along], job.s.axes[along].axis.w, false))
    walk.chunk = (3 * lanes + window - 1) / window * window;
  if (is_box(job, walk.factors[job.s.inner()], job.s.axes[job.s.inner()].axis.w, true)) walk.fill = lanes;
  open_windows(job, walk);
  place_windows(job, job.work.windows[job.s.inner()].length);
  Index step = job.s.pitch_of(extent[job.s.inner()]);
  for (int a = along + 1; a < job.s.inner(); ++a) step *= extent[a];
  open_buffer(job, walk, step);
  walk_along(
      job, walk, [&](Index n) { fill_buffer(job, walk, n); },
      [&](const Index* from, const Index* n, const std::byte* x) { sum_buffer(job, walk, from, n, x); });
}

// A merged axis interleaves n signals of the batch: its output i is output i / n of signal i mod n, so each signal's
// share is done again by itself.
inline void redo_directly(const SumJob& job, const TaskPlace& place, Index channel, const RowRange& rows,
                          const Index* low, const Index* extent) {
  const Index n = job.s.axes[job.s.inner()].interleave;
  Index from[kMaxAxes], to[kMaxAxes];
  for (int a = 0; a < job.s.n_axes; ++a) {
    from[a] = low[a];
    to[a] = low[a] + extent[a];
  }
  from[job.s.first_long_axis()] = rows.first;
  to[job.s.first_long_axis()] = rows.first + rows.n;
  for (Index i = 0; i < n; ++i) {
    from[job.s.inner()] = -floor_div(i - low[job.s.inner()], n);
    to[job.s.inner()] = -floor_div(i - low[job.s.inner()] - extent[job.s.inner()], n);
    if (from[job.s.inner()] < to[job.s.inner()])
      run_region(job.c, job.x, job.w, job.bias, job.y, {place.batch * n + i, place.group, channel, from, to});
  }
}

inline void run_axis_by_axis(const SumJob& job, const TaskPlace& place, const Index* low, const Index* extent) {
  for (Index k = place.first_channel; k < place.end_channel; ++k) {
    job.work.spoilt.clear();
    sum_axis_by_axis(job, {place.batch, place.group, k, k + 1}, low, extent);
    for (const RowRange& rows : job.work.spoilt) redo_directly(job, place, k, rows, low, extent);
  }
}

}  // namespace flipslide
