// What a tile needs beside a schedule: its samples with their boundary, where its taps look, its runs of outputs; and
// the way of its outputs to y.
#pragma once

#include "sink.hpp"

namespace flipslide {

// ---- taps and runs

template <class Offset>
void append_taps(const SumJob& job, Index*& to, int a, Index base, Offset& offset) {
  const Index n = job.s.axes[a].axis.w;
  if (a == job.s.inner() && job.s.dot_width > 0)
    for (Index d = 0; d < fs_dots(n, job.s.dot_width); ++d)
      *to++ = base + offset(a, fs_dot_place(d, n, job.s.dot_width));
  else if (a == job.s.inner())
    for (Index j = 0; j < n; ++j) *to++ = base + offset(a, j);
  else
    for (Index j = 0; j < n; ++j) append_taps(job, to, a + 1, base + offset(a, j), offset);
}

// Where every tap of every channel looks, row-major, the last axis fastest.
template <class Offset>
void list_taps(const SumJob& job, Index n_channels, Index channel_step, Offset&& offset) {
  job.work.taps.resize(static_cast<std::size_t>(n_channels * job.s.taps_per_channel()));
  Index* to = job.work.taps.data();
  for (Index c = 0; c < n_channels; ++c) append_taps(job, to, 0, c * channel_step, offset);
}

inline const void* list_taps_in_place(const SumJob& job, const std::byte* x, Index first, Index end) {
  job.work.taps.resize(static_cast<std::size_t>((end - first) * job.s.taps_per_channel()));
  Index* to = job.work.taps.data();
  Index step[kMaxAxes];
  for (int a = 0; a < job.s.n_axes; ++a)
    step[a] = job.s.axes[a].axis.dilation * job.s.axes[a].x_stride / job.s.format.x_bytes;
  const auto offset = [&](int a, Index j) { return j * step[a]; };
  for (Index c = first; c < end; ++c)
    append_taps(job, to, 0, locate(job.c.in_loops, &Loop::x_dim, c, job.x) / job.s.format.x_bytes, offset);
  return x;
}

inline void find_lattice(const SumJob& job, FsTile& tile, const TileShape& shape, const Index* extent,
                         bool write_in_place) {
  const Axis& axis = job.s.axes[job.s.inner()].axis;
  tile.rows = tile.tap_rows = 1;
  tile.tap_columns = axis.w;
  tile.tap_step = axis.stride == 1 ? axis.dilation * job.s.parts : 0;
  if (shape.rows_per_run > 1 || !job.s.shares_rows) return;
  const int a = job.s.n_axes - 2;
  tile.rows = extent[a];
  tile.row_x = shape.x_step[a] * job.s.parts;
  tile.row_y = write_in_place ? job.s.axes[a].y_stride / job.s.format.y_bytes : shape.run_pitch * job.s.parts;
  tile.tap_rows = job.s.axes[a].axis.w;
}

inline void list_runs(const SumJob& job, const TileShape& shape, const Index* extent, const Index* low,
                      bool write_in_place) {
  job.work.runs.clear();
  const bool read_in_place = shape.plane == 0;
  Index m[kMaxAxes] = {};
  Index first = 0, first_y = 0;
  for (int a = 0; a < job.s.n_axes; ++a) {
    if (read_in_place)
      first +=
          (job.s.axes[a].axis.start + job.s.axes[a].axis.stride * low[a]) * job.s.axes[a].x_stride / job.s.x_bytes();
    first_y += low[a] * job.s.axes[a].y_stride / job.s.y_bytes();
  }
  const int rows = shape.n_outer - 1;  // the axis whose runs follow each other at one distance
  const Index n_rows = rows < 0 ? 1 : extent[rows], parts = job.s.parts;
  const auto y_step = [&](int a) { return write_in_place ? job.s.axes[a].y_stride / job.s.y_bytes() : 0; };
  const Index row_x = rows < 0 ? 0 : shape.x_step[rows];
  const Index row_y = write_in_place ? (rows < 0 ? 0 : y_step(rows)) : shape.run_pitch;
  for (Index number = 0;; number += n_rows) {
    FsRun run{first, write_in_place ? first_y : number * shape.run_pitch};
    for (int a = 0; a < rows; ++a) {
      run.x += m[a] * shape.x_step[a];
      run.y += m[a] * y_step(a);
    }
    for (Index r = 0; r < n_rows; ++r)
      job.work.runs.push_back({(run.x + r * row_x) * parts, (run.y + r * row_y) * parts});
    int a = rows;
    while (a-- > 0 && ++m[a] == extent[a]) m[a] = 0;
    if (a < 0) return;
  }
}

// Outputs without their samples and taps.
inline FsTile tile_of(const SumJob& job, const TileShape& shape, const TaskPlace& place, const Index* low,
                      const Index* extent, bool write_in_place) {
  FsTile tile{};
  tile.w_taps = job.s.w_taps();
  tile.n_out = place.end_channel - place.first_channel;
  tile.length = shape.length * job.s.parts;
  tile.bias = job.bias ? job.bias + (place.group * job.c.n_out + place.first_channel) * job.s.bytes : nullptr;
  list_runs(job, shape, extent, low, write_in_place);
  tile.runs = job.work.runs.data();
  tile.n_runs = static_cast<Index>(job.work.runs.size());
  tile.streams = shape.rows_per_run == 1 && job.s.streams;
  find_lattice(job, tile, shape, extent, write_in_place);
  if (write_in_place) {
    tile.y_channel = job.c.out_loops.empty() ? 0 : job.y.stride(job.c.out_loops[0].y_dim) / job.s.format.y_bytes;
    tile.y = y_of(job, place) + place.first_channel * tile.y_channel * job.s.format.y_bytes;
  } else {
    tile.y_channel = tile.n_runs * shape.run_pitch * job.s.parts;
    tile.y = job.work.y.reserve_bytes(tile.y_channel * tile.n_out * job.s.part_bytes);
  }
  return tile;
}

inline TileShape shape_in_place(const SumJob& job, const Index* extent) {
  TileShape shape{};
  shape.length = extent[job.s.inner()];
  shape.run_pitch = job.s.pitch_of(shape.length);
  shape.rows_per_run = 1;
  shape.n_outer = job.s.n_axes - 1;
  for (int a = 0; a < job.s.n_axes; ++a)
    shape.x_step[a] = job.s.axes[a].axis.stride * job.s.axes[a].x_stride / job.s.x_bytes();
  return shape;
}

// `in_rows`: each row is a run of its own, as in place.
inline TileShape shape_packed(const SumJob& job, const Index* low, const Index* extent, bool in_rows = false) {
  job.work.windows.resize(kMaxAxes);
  TileShape shape{};
  Index plane = 1, phases = 1;
  for (int a = 0; a < job.s.n_axes; ++a) {
    find_window(job.work.windows[a], job.s.axes[a], low[a], extent[a]);
    if (a != job.s.inner()) list_sources(job.work.windows[a], job.s.axes[a]);
  }
  for (int a = job.s.inner(); a >= 0; --a) {
    job.work.windows[a].place = plane;
    plane *= job.work.windows[a].length;
  }
  for (int a = job.s.inner(); a >= 0; --a) {
    job.work.windows[a].phase = plane * phases;
    phases *= job.work.windows[a].n_phases;
  }
  shape.plane = plane * phases;
  for (int a = 0; a < job.s.n_axes; ++a) {
    finish_window(job.work.windows[a], job.s.axes[a].axis);
    shape.x_step[a] = job.work.windows[a].place;
  }
  const Index n = extent[job.s.inner()], lanes = 64 / job.s.x_bytes();
  shape.length = n;
  shape.rows_per_run = 1;
  shape.n_outer = job.s.n_axes - 1;
  if (job.s.n_axes > 1) {
    const Index rows = extent[job.s.n_axes - 2];
    shape.row_pitch = job.work.windows[job.s.n_axes - 2].place;
    const bool shared = job.s.shares_rows && n >= lanes;
    if (rows > 1 && !in_rows && !job.s.taps.go_axis_by_axis && !shared &&
        shape.row_pitch < (n + lanes - 1) / lanes * lanes) {
      shape.length = (rows - 1) * shape.row_pitch + n;
      shape.rows_per_run = rows;
      shape.n_outer = job.s.n_axes - 2;
    }
  }
  shape.run_pitch = job.s.pitch_of(shape.length);
  list_segments(job.work.windows[job.s.inner()], job.s.axes[job.s.inner()], job.work.segments, job.work.blanks);
  return shape;
}

// By the definition an imaginary part of 0 turns an infinite sample into NaN.
inline bool is_finite(const SumJob& job, const FsTile& tile) {
  const FsFiniteFn finite = job.c.isa.convert->finite[job.c.types.compute];
  for (Index k = 0; k < tile.n_out; ++k)
    for (Index i = 0; i < tile.n_runs; ++i)
      if (!finite(static_cast<const std::byte*>(tile.y) + (k * tile.y_channel + tile.runs[i].y) * job.s.part_bytes,
                  tile.length))
        return false;
  return true;
}

// ---- samples

template <class Sink>
inline void fill(const SumJob& job, const Sink& sink, std::byte* row, Index first, Index step, Index n) {
  for (Index i = 0; i < n; ++i)
    for (Index part = 0; part < job.s.parts; ++part)
      sink.fill(row + (first + i * step) * job.s.x_bytes() + part * job.s.format.x_bytes, part);
}

// Steps in bytes. At once, or part by part.
template <class Sink>
inline void load_numbers(const SumJob& job, const Sink& sink, std::byte* to, Index to_step, const std::byte* from,
                         Index from_step, Index n) {
  const Index part = kTypeBytes[job.c.types.x], x_part = job.s.format.x_bytes;
  if (to_step == job.s.x_bytes() && (job.s.parts == 1 || from_step == 2 * part))
    return sink.load(to, from, job.s.parts == 1 ? from_step : part, n * job.s.parts);
  std::byte* apart = job.work.row.reserve<std::byte>(n * x_part);
  for (Index p = 0; p < job.s.parts; ++p)
    sink.load_part(apart, to + p * x_part, to_step, from + p * part, from_step, n);
}

template <class Sink>
inline void store_numbers(const SumJob& job, const Sink& sink, std::byte* to, Index to_step, const std::byte* from,
                          Index n) {
  const Index part = kTypeBytes[job.c.types.y];
  if (job.s.parts == 1 || to_step == 2 * part)
    return sink.store(to, job.s.parts == 1 ? to_step : part, from, n * job.s.parts);
  std::byte* apart = job.work.row.reserve<std::byte>(n * job.s.part_bytes);
  for (Index p = 0; p < job.s.parts; ++p)
    sink.store_part(apart, to + p * part, to_step, from + p * job.s.part_bytes, n);
}

template <class Sink>
inline void pack_row(const SumJob& job, const Sink& sink, Index phase, const std::byte* from, std::byte* to,
                     bool filled) {
  const std::vector<Segment>& segments = job.work.segments[static_cast<std::size_t>(phase)];
  const Index stride = job.s.axes[job.s.inner()].x_stride;
  for (const Blank& blank : job.work.blanks[static_cast<std::size_t>(phase)])
    if (blank.is_fill)
      fill(job, sink, to, blank.to, 1, blank.n);
    else
      sink.clear(to + blank.to * job.s.x_bytes(), blank.n * job.s.x_bytes());
  if (filled) {
    for (const Segment& segment : segments) fill(job, sink, to, segment.to, segment.to_step, segment.n);
    return;
  }
  for (const Segment& segment : segments) {
    load_numbers(job, sink, to + segment.to * job.s.x_bytes(), segment.to_step * job.s.x_bytes(),
                 from + segment.from * stride, segment.from_step * stride, segment.n);
  }
}

// No sample stands anywhere on the axes from `a` on.
template <class Sink>
inline void clear_axes(const SumJob& job, const Sink& sink, int a, std::byte* to) {
  const Window& window = job.work.windows[a];
  for (Index phase = 0; phase < window.n_phases; ++phase) {
    std::byte* at = to + phase * window.phase * job.s.x_bytes();
    if (a == job.s.inner())
      sink.clear(at, window.length * job.s.x_bytes());
    else
      for (Index q = 0; q < window.length; ++q) clear_axes(job, sink, a + 1, at + q * window.place * job.s.x_bytes());
  }
}

template <class Sink>
inline void pack_axis(const SumJob& job, const Sink& sink, int a, const std::byte* from, std::byte* to, bool filled) {
  const Window& window = job.work.windows[a];
  for (Index phase = 0; phase < window.n_phases; ++phase) {
    std::byte* at = to + phase * window.phase * job.s.x_bytes();
    if (a == job.s.inner()) {
      pack_row(job, sink, phase, from, at, filled);
      continue;
    }
    for (Index q = 0; q < window.length; ++q) {
      const Index source = window.source[static_cast<std::size_t>(phase * window.length + q)];
      std::byte* row = at + q * window.place * job.s.x_bytes();
      if (source == kGap)
        clear_axes(job, sink, a + 1, row);
      else
        pack_axis(job, sink, a + 1, from + (source < 0 ? 0 : source) * job.s.axes[a].x_stride, row,
                  filled || source < 0);
    }
  }
}

inline void conjugate(const SumJob& job, std::byte* numbers, Index n) {
  const auto negate = [&]<class T>(T* parts) {
    for (Index i = 0; i < n; ++i) parts[2 * i + 1] = -parts[2 * i + 1];
  };
  job.s.part_bytes == 4 ? negate(reinterpret_cast<float*>(numbers)) : negate(reinterpret_cast<double*>(numbers));
}

// Copies the window of channels [first, end) and lists where their taps look.
template <class Sink>
inline const void* pack_x(const SumJob& job, const Sink& sink, const TileShape& shape, const std::byte* x, Index first,
                          Index end) {
  std::byte* packed = job.work.x.reserve<std::byte>((end - first) * shape.plane * job.s.x_bytes() + 64);
  for (Index c = first; c < end; ++c)
    pack_axis(job, sink, 0, x + locate(job.c.in_loops, &Loop::x_dim, c, job.x),
              packed + (c - first) * shape.plane * job.s.x_bytes(), false);
  if (job.s.conjugates_x()) conjugate(job, packed, (end - first) * shape.plane);
  list_taps(job, end - first, shape.plane * job.s.parts,
            [&](int a, Index j) { return job.work.windows[a].tap_offset[j] * job.s.parts; });
  return packed;
}

// ---- outputs

// From the kernel's rows to the array's, in the array's type.
template <class Sink>
inline void store_y(const SumJob& job, const Sink& sink, const TileShape& shape, const TaskPlace& place,
                    const FsTile& tile, std::byte* y, const Index* low, const Index* extent) {
  for (int a = 0; a < job.s.n_axes; ++a) y += low[a] * job.s.axes[a].y_stride;
  for (Index k = 0; k < tile.n_out; ++k) {
    std::byte* to = y + locate(job.c.out_loops, &Loop::y_dim, place.first_channel + k, job.y);
    const std::byte* from = static_cast<const std::byte*>(tile.y) + k * tile.y_channel * job.s.part_bytes;
    Index m[kMaxAxes] = {};
    for (Index number = 0; number < tile.n_runs; ++number) {
      std::byte* run = to;
      for (int a = 0; a < shape.n_outer; ++a) run += m[a] * job.s.axes[a].y_stride;
      for (Index row = 0; row < shape.rows_per_run; ++row)
        store_numbers(job, sink, run + (shape.rows_per_run > 1 ? row * job.s.axes[job.s.inner() - 1].y_stride : 0),
                      job.s.axes[job.s.inner()].y_stride,
                      from + (number * shape.run_pitch + row * shape.row_pitch) * job.s.bytes, extent[job.s.inner()]);
      int a = shape.n_outer;
      while (a-- > 0 && ++m[a] == extent[a]) m[a] = 0;
    }
  }
}

}  // namespace flipslide
