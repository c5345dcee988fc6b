// Tiles whose samples are read where they lie, or from a window that is packed with its boundary.
#pragma once

#include "known.hpp"
#include "passes.hpp"

namespace flipslide {

// Some input channels a pass. `w` holds the first `w_parts` parts of the taps, or their
// dots for so many kinds of outputs.
template <class Sink>
void sum_channels(const SumJob& job, const Sink& sink, const TileShape& shape, const TaskPlace& place, FsTile tile,
                  const std::byte* x, const std::byte* w, Index w_parts) {
  tile.w = w + (place.group * job.c.n_out + place.first_channel) * job.s.w_taps() * w_parts * job.s.part_bytes;
  tile.complex_taps = job.s.parts == 2 && w_parts == 2;
  const Index per_pass = job.s.channels_per_pass();
  Index first = 0;
  do {
    const Index end = std::min(job.c.n_in, first + per_pass);
    tile.first_tap = first * job.s.taps_per_channel();
    tile.n_taps = (end - first) * job.s.taps_per_channel();
    tile.x = shape.plane == 0 ? list_taps_in_place(job, x, first, end) : pack_x(job, sink, shape, x, first, end);
    tile.taps = job.work.taps.data();
    sink.compute(tile, place, shape.plane == 0, job.s.y_in_place && shape.rows_per_run == 1);
    tile.accumulate = 1;
    first = end;
  } while (first < job.c.n_in);
}

template <class Sink>
void sum_tile(const SumJob& job, const Sink& sink, const TaskPlace& place, Source source, const Index* low,
              const Index* extent) {
  const bool in_rows = source == Source::in_place, in_place = in_rows && job.s.x_in_place;
  const TileShape shape = in_place ? shape_in_place(job, extent) : shape_packed(job, low, extent, in_rows);
  const bool write_in_place = job.s.y_in_place && shape.rows_per_run == 1;
  FsTile tile = tile_of(job, shape, place, low, extent, write_in_place);
  const std::byte* x = x_of(job, place);
  if (job.s.taps.go_axis_by_axis) {
    tile.x = in_place ? list_taps_in_place(job, x, 0, 1) : pack_x(job, sink, shape, x, 0, 1);
    sum_boxes_of_rows(job, place, tile);
  } else if (job.s.dot_width > 0) {
    sum_channels(job, sink, shape, place, tile, x, job.w.dots, job.s.dot_width);
  } else {
    if (job.s.takes_real) sum_channels(job, sink, shape, place, tile, x, job.w.real, 1);
    if (!job.s.takes_real || !is_finite(job, tile))
      sum_channels(job, sink, shape, place, tile, x, job.w.data, job.s.parts);
  }
  if (!write_in_place) store_y(job, sink, shape, place, tile, y_of(job, place), low, extent);
}

// The tile of that number of a piece.
inline void find_tile(const Schedule& s, const Piece& piece, Index number, Index* low, Index* extent) {
  for (int a = s.inner(); a >= 0; --a) {
    const Index n = (piece.high[a] - piece.low[a] + piece.extent[a] - 1) / piece.extent[a];
    low[a] = piece.low[a] + number % n * piece.extent[a];
    extent[a] = std::min(piece.extent[a], piece.high[a] - low[a]);
    number /= n;
  }
}

// The tile of that number among those of a channel block.
inline Source find_tile(const SumJob& job, Index number, Index* low, Index* extent) {
  const Piece* piece = job.s.pieces.data();
  while (number >= piece->n_tiles) number -= (piece++)->n_tiles;
  find_tile(job.s, *piece, number, low, extent);
  return piece->source;
}

template <class Sink>
void run_tile(const SumJob& job, const Sink& sink, const TaskPlace& place, Index number) {
  Index low[kMaxAxes], extent[kMaxAxes];
  const Source source = find_tile(job, number, low, extent);
  if (source != Source::line_buffer) return sum_tile(job, sink, place, source, low, extent);
  (job.s.taps.go_axis_by_axis ? run_axis_by_axis : sum_row_by_row)(job, place, low, extent);
}

inline TaskPlace place_of(const SumJob& job, Index task) {
  const Schedule& s = job.s;
  const Index block = task / s.n_tiles % s.n_channel_blocks, element = task / s.n_tiles / s.n_channel_blocks;
  return {element / job.c.n_groups, element % job.c.n_groups, block * s.channel_block,
          std::min(job.c.n_out, (block + 1) * s.channel_block)};
}

template <class Sink>
void run_task(const SumJob& job, const Sink& sink, Index task) {
  run_tile(job, sink, place_of(job, task), task % job.s.n_tiles);
}

// What is known of the outputs of a task without a sum. A sum of a few products may subtract.
inline void settle_task(const SumJob& job, Index task) {
  const bool may_lose_signs = job.s.taps.go_axis_by_axis && !job.w.are_products && job.w.none_negative;
  if (job.w.cancels.empty() && !may_lose_signs) return;
  Index low[kMaxAxes], extent[kMaxAxes];
  find_tile(job, task % job.s.n_tiles, low, extent);
  const TaskPlace place = place_of(job, task);
  settle_constants(Laid::of(job), place, low, extent);
  if (may_lose_signs) settle_signs(Laid::of(job), place, low, extent);
}

}  // namespace flipslide
