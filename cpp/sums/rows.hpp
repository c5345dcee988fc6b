// Tiles that go row by row: few rows wait in a ring while they are needed.
#pragma once

#include "windows.hpp"

namespace flipslide {

class TileRows : protected TileWindows {
 protected:
  using TileWindows::TileWindows;

  static constexpr Index kRowsOfOutputs = 16, kRowsIntoRing = 4;

  // Rows of a tile (of three axes: planes) that wait for the taps along the first long axis: x with its boundary, or
  // the sums along the other axes. They come a few at a time, leave a few outputs at once while they are in the
  // caches, and stay until their last output, so that no row is made twice.
  struct Ring {
    int axis;
    Index over, capacity;      // rows beyond an output's first; rows there is room for
    Index step, term;          // elements between rows, and between those of two terms
    Index first = 0, end = 0;  // the rows that are there, counted from the tile's first
    std::byte* data;

    std::byte* at(Index row, Index bytes) const { return data + (row - first) * step * bytes; }
  };

  // A tile on its way through the ring.
  struct Walk {
    TaskPlace place;
    const Index *low, *extent;
    Index chunk = kRowsOfOutputs, fill = kRowsIntoRing;  // rows at a time
    const std::byte* factors[kMaxAxes] = {};
    Ring ring{};
  };

  // fill(n) puts the next n rows into the ring, sum(low, extent, from) makes outputs of those from `from` on.
  template <class Fill, class Sum>
  void walk_along(Walk& walk, const Fill& fill, const Sum& sum) const {
    Ring& ring = walk.ring;
    Index low[kMaxAxes], extent[kMaxAxes];
    std::copy(walk.low, walk.low + n_axes_, low);
    std::copy(walk.extent, walk.extent + n_axes_, extent);
    const Index n_rows = walk.extent[ring.axis];
    for (Index done = 0; done < n_rows; done += walk.chunk) {
      low[ring.axis] = walk.low[ring.axis] + done;
      extent[ring.axis] = std::min(walk.chunk, n_rows - done);
      const Index end = done + extent[ring.axis] + ring.over;
      if (end - ring.first > ring.capacity) forget_rows(ring, done);
      for (Index n; (n = std::min(walk.fill, end - ring.end)) > 0; ring.end += n) fill(n);
      sum(low, extent, ring.at(done, bytes_));
    }
  }

  void forget_rows(Ring& ring, Index first) const {
    const auto n = static_cast<std::size_t>((ring.end - first) * ring.step * bytes_);
    for (Index t = 0; t < w_.rank; ++t) {
      const Index term = t * ring.term * bytes_;
      std::memmove(ring.data + term, ring.at(first, bytes_) + term, n);
    }
    ring.first = first;
  }

  void open_ring(Workspace& work, Walk& walk, Index step) const {
    Ring& ring = walk.ring;
    ring.over = slides_[ring.axis].overhang;
    ring.capacity = ring.over + std::max(walk.chunk, std::min(walk.extent[ring.axis], ring.over));
    ring.step = step;
    ring.term = ring.capacity * step;
    ring.data = work.ring.reserve<std::byte>(w_.rank * ring.term * bytes_);
  }

  // The windows of all axes but the ring's.
  void open_windows(Workspace& work, const Walk& walk) const {
    work.windows.resize(kMaxAxes);
    for (int a = 0; a < n_axes_; ++a) {
      if (a == walk.ring.axis) continue;
      find_window(work.windows[a], slides_[a], walk.low[a], walk.extent[a]);
      if (a != inner()) list_sources(work.windows[a], slides_[a]);
    }
    Slide one_tap = slides_[walk.ring.axis];
    one_tap.axis.w = 1;
    find_window(work.windows[walk.ring.axis], one_tap, walk.low[walk.ring.axis], walk.fill);
    list_segments(work);
  }

  // Rows of x with their boundary, those that come next.
  void pack_rows(Workspace& work, const Walk& walk, Index n, std::byte* to) const {
    const Slide& slide = slides_[walk.ring.axis];
    Window& window = work.windows[walk.ring.axis];
    window.first = slide.axis.start + walk.low[walk.ring.axis] + walk.ring.end;
    window.length = n;
    list_sources(window, slide);
    pack_axis(work, 0, x_of(walk.place), to, false);
  }

  // Where windows lie in packed rows.
  void place_windows(Workspace& work, Index first_pitch) const {
    Index place = 1;
    for (int a = inner(); a >= 0; --a) {
      work.windows[a].place = place;
      place = a == inner() ? first_pitch : place * work.windows[a].length;
    }
  }

  // ---- the taps of all axes at once

  void sum_row_by_row(Workspace& work, const TaskPlace& place, const Index* low, const Index* extent) const {
    Walk walk{place, low, extent};
    walk.ring.axis = first_long_axis();
    open_windows(work, walk);
    place_windows(work, pitch_of(work.windows[inner()].length));
    open_ring(work, walk, work.windows[walk.ring.axis].place);
    TileShape shape = shape_in_place(extent);
    shape.plane = walk.ring.step;
    for (int a = 0; a < n_axes_; ++a) shape.x_step[a] = work.windows[a].place;
    list_taps(work, 1, 0, [&](int a, Index j) { return j * slides_[a].axis.dilation * shape.x_step[a]; });
    walk_along(
        walk, [&](Index n) { pack_rows(work, walk, n, walk.ring.at(walk.ring.end, bytes_)); },
        [&](const Index* from, const Index* n, const std::byte* x) { sum_rows(work, shape, place, from, n, x); });
  }

  void sum_rows(Workspace& work, const TileShape& shape, const TaskPlace& place, const Index* low, const Index* extent,
                const std::byte* x) const {
    FsTile tile = tile_of(work, shape, place, low, extent, y_in_place_);
    tile.x = x;
    tile.w = w_.data + (place.group * c_.n_out_ + place.first_channel) * w_taps() * bytes_;
    tile.n_taps = w_taps();
    tile.taps = work.taps.data();
    c_.kernel_.run[c_.types_.compute](&tile);
    if (!y_in_place_) store_y(work, shape, place, tile, y_of(place), low, extent);
  }

  // ---- axis by axis, the last one first

  void run_axis_by_axis(Workspace& work, const TaskPlace& place, const Index* low, const Index* extent) const {
    for (Index k = place.first_channel; k < place.end_channel; ++k) {
      work.spoilt.clear();
      sum_axis_by_axis(work, {place.batch, place.group, k, k + 1}, low, extent);
      for (const Rows& rows : work.spoilt) redo_directly(place, k, rows, low, extent);
    }
  }

  void sum_axis_by_axis(Workspace& work, const TaskPlace& place, const Index* low, const Index* extent) const {
    Walk walk{place, low, extent};
    const int ring = walk.ring.axis = first_long_axis();
    for (int a = 0; a < n_axes_; ++a) walk.factors[a] = factors_of(place, place.first_channel, a);
    const Index lanes = 64 / bytes_, window = slides_[ring].overhang + slides_[ring].axis.dilation;
    // Running sums begin anew with each chunk, as many of them as fill some vectors; those along rows take whole
    // vectors of rows.
    if (is_box(walk.factors[ring], slides_[ring].axis.w, false))
      walk.chunk = (3 * lanes + window - 1) / window * window;
    if (is_box(walk.factors[inner()], slides_[inner()].axis.w, true)) walk.fill = lanes;
    open_windows(work, walk);
    place_windows(work, work.windows[inner()].length);
    Index step = pitch_of(extent[inner()]);
    for (int a = ring + 1; a < inner(); ++a) step *= extent[a];
    open_ring(work, walk, step);
    walk_along(
        walk, [&](Index n) { fill_ring(work, walk, n); },
        [&](const Index* from, const Index* n, const std::byte* x) { sum_ring(work, walk, from, n, x); });
  }

  // The taps of one output channel along one axis, those of all terms.
  const std::byte* factors_of(const TaskPlace& place, Index channel, int axis) const {
    Index before = 0, all = 0;
    for (int a = 0; a < n_axes_; ++a) {
      if (a == axis) before = all;
      all += slides_[a].axis.w * w_.rank;
    }
    return w_.factors.data() + ((place.group * c_.n_out_ + channel) * all + before) * bytes_;
  }

  // The next rows of x, summed along every axis but the ring's.
  void fill_ring(Workspace& work, const Walk& walk, Index n) const {
    const Ring& ring = walk.ring;
    Index rows[kMaxAxes], from_step[kMaxAxes], to_step[kMaxAxes];
    for (int a = 0; a < n_axes_; ++a) from_step[a] = work.windows[a].place;
    auto* packed = work.x.reserve<std::byte>(walk.fill * from_step[ring.axis] * bytes_ + 64);
    pack_rows(work, walk, n, packed);
    for (int a = 0; a < n_axes_; ++a) rows[a] = work.windows[a].length;
    int last = ring.axis + 1;
    while (last < inner() && slides_[last].axis.w == 1) ++last;
    FsTile pass{};
    pass.n_out = w_.rank;
    pass.length = walk.extent[inner()];
    pass.x = packed;
    for (int a = inner(); a >= last; --a) {
      if (slides_[a].axis.w == 1 && a != last) continue;
      rows[a] = walk.extent[a];
      pass.y_channel = lay_rows(rows, pitch_of(pass.length), to_step);
      pass.y = work.halfway[a % 2].reserve_bytes(a == last ? 0 : pass.y_channel * bytes_);
      if (a == last) {
        pass.y = ring.at(ring.end, bytes_);
        pass.y_channel = ring.term;
      }
      sum_along(work, pass, a, walk.factors[a], rows, from_step, to_step, {0, 0}, 0);
      pass.x = pass.y;
      std::copy(to_step, to_step + n_axes_, from_step);
    }
  }

  // Elements between neighbours of an array of so many rows; those of all.
  Index lay_rows(const Index* rows, Index pitch, Index* step) const {
    step[inner()] = 1;
    for (int a = inner() - 1; a >= 0; --a) {
      step[a] = pitch;
      pitch *= rows[a];
    }
    return pitch;
  }

  // Outputs, from rows that are in the ring.
  void sum_ring(Workspace& work, const Walk& walk, const Index* low, const Index* extent, const std::byte* x) const {
    const Ring& ring = walk.ring;
    Index from_step[kMaxAxes], to_step[kMaxAxes];
    lay_rows(extent, pitch_of(extent[inner()]), from_step);
    from_step[ring.axis] = ring.step;
    const TileShape shape = shape_in_place(extent);
    FsTile pass = tile_of(work, shape, walk.place, low, extent, y_in_place_);
    FsRun first{0, y_in_place_ ? work.runs.front().y : 0};
    lay_rows(extent, shape.run_pitch, to_step);
    for (int a = 0; y_in_place_ && a < inner(); ++a) to_step[a] = slides_[a].y_stride / bytes_;
    pass.x = x;
    // What is looked at again should not have gone past the caches.
    pass.streams = pass.streams && w_.are_products;
    sum_along(work, pass, ring.axis, walk.factors[ring.axis], extent, from_step, to_step, first, ring.term);
    if (!w_.are_products && !is_finite(pass)) work.spoilt.push_back({low[ring.axis], extent[ring.axis]});
    if (!y_in_place_) store_y(work, shape, walk.place, pass, y_of(walk.place), low, extent);
  }

  // One pass of a kernel: taps along axis a alone, from rows to as many rows.
  void sum_along(Workspace& work, FsTile& pass, int a, const std::byte* factor, const Index* rows,
                 const Index* from_step, const Index* to_step, FsRun first, Index terms) const {
    const Axis& axis = slides_[a].axis;
    pass.w = factor;
    pass.w_taps = axis.w;
    list_taps_of_axis(work, pass, a, from_step[a], to_step[a], rows);
    if (terms > 0) add_terms(work, pass, terms);
    list_rows(work, a, rows, from_step, to_step, first);
    pass.runs = work.row_runs.data();
    pass.n_runs = static_cast<Index>(work.row_runs.size());
    if (pass.n_out > 1)
      c_.isa_.find("gemm")->run[c_.types_.compute](&pass);
    else if (w_.rank > 1 || !is_box(factor, axis.w, a == inner()))
      c_.kernel_.run[c_.types_.compute](&pass);
    else if (a == inner())
      box_along_rows(work, pass, axis.dilation);
    else
      box_across_rows(work, pass, rows[a], axis.dilation);
  }

  // The same taps of the other terms, whose samples stand `step` elements apart: planes of the lattice.
  void add_terms(Workspace& work, FsTile& pass, Index step) const {
    for (Index t = pass.n_taps; t < pass.w_taps * w_.rank; ++t)
      work.taps.push_back(work.taps[static_cast<std::size_t>(t - pass.w_taps)] + step);
    pass.n_taps = pass.w_taps = pass.w_taps * w_.rank;
    if (pass.tap_rows == 1) pass.tap_columns = pass.n_taps;
    pass.taps = work.taps.data();
  }

  // Taps along axis a alone: columns of a row, or rows of a single column, where rows of outputs that
  // lie along it can share what they load.
  void list_taps_of_axis(Workspace& work, FsTile& pass, int a, Index x_step, Index y_step, const Index* rows) const {
    const Axis& axis = slides_[a].axis;
    pass.n_taps = axis.w;
    work.taps.resize(static_cast<std::size_t>(axis.w));
    for (Index j = 0; j < axis.w; ++j) work.taps[static_cast<std::size_t>(j)] = j * axis.dilation * x_step;
    pass.taps = work.taps.data();
    const bool as_rows = a != inner() && axis.dilation == 1;
    pass.rows = as_rows ? rows[a] : 1;
    pass.row_x = x_step;
    pass.row_y = y_step;
    pass.tap_rows = as_rows ? axis.w : 1;
    pass.tap_columns = as_rows ? 1 : axis.w;
    pass.tap_step = a == inner() ? axis.dilation : 0;
  }

  // Runs for every index of the outer axes, those along axis a together.
  void list_rows(Workspace& work, int a, const Index* rows, const Index* from_step, const Index* to_step,
                 FsRun first) const {
    int order[kMaxAxes], n = 0;
    for (int b = 0; b < inner(); ++b)
      if (b != a) order[n++] = b;
    if (a != inner()) order[n++] = a;
    work.row_runs.clear();
    Index m[kMaxAxes] = {};
    for (;;) {
      FsRun run = first;
      for (int i = 0; i < n; ++i) {
        run.x += m[i] * from_step[order[i]];
        run.y += m[i] * to_step[order[i]];
      }
      work.row_runs.push_back(run);
      int i = n;
      while (i-- > 0 && ++m[i] == rows[order[i]]) m[i] = 0;
      if (i < 0) return;
    }
  }

  // The outputs of signals that take turns are those of as many batches.
  void redo_directly(const TaskPlace& place, Index channel, const Rows& rows, const Index* low,
                     const Index* extent) const {
    const Index n = slides_[inner()].interleave;
    Index from[kMaxAxes], to[kMaxAxes];
    for (int a = 0; a < n_axes_; ++a) {
      from[a] = low[a];
      to[a] = low[a] + extent[a];
    }
    from[first_long_axis()] = rows.first;
    to[first_long_axis()] = rows.first + rows.n;
    for (Index i = 0; i < n; ++i) {
      from[inner()] = -floor_div(i - low[inner()], n);
      to[inner()] = -floor_div(i - low[inner()] - extent[inner()], n);
      if (from[inner()] < to[inner()])
        run_region(c_, x_, w_, bias_, y_, {place.batch * n + i, place.group, channel, from, to});
    }
  }

  // ---- taps that are all the same

  // Whether all taps are the same, and so many that running sums pay: 8 across rows, 16 along them, where
  // rows are turned into lanes and back.
  bool is_box(const std::byte* taps, Index n, bool is_inner) const {
    return n >= (is_inner ? 16 : 8) &&
           std::memcmp(taps, taps + bytes_, static_cast<std::size_t>((n - 1) * bytes_)) == 0;
  }

  // Taps along the last axis alone are applied axis by axis only where they are all the same.
  void sum_boxes_of_rows(Workspace& work, const TaskPlace& place, const FsTile& tile) const {
    const Axis& axis = slides_[inner()].axis;
    for (Index k = 0; k < tile.n_out; ++k) {
      FsTile pass = tile;
      pass.n_out = 1;
      pass.w = factors_of(place, place.first_channel + k, inner());
      pass.n_taps = axis.w;
      pass.taps = work.taps.data();
      pass.y = static_cast<std::byte*>(tile.y) + k * tile.y_channel * bytes_;
      if (tile.bias) pass.bias = static_cast<const std::byte*>(tile.bias) + k * bytes_;
      if (is_box(static_cast<const std::byte*>(pass.w), axis.w, true))
        box_along_rows(work, pass, axis.dilation);
      else
        c_.kernel_.run[c_.types_.compute](&pass);
    }
  }

  // Taps that stand `dilation` apart are so many sums that take turns.
  void run_box(Workspace& work, FsBox box, Index n, Index dilation) const {
    box.scratch = work.box_sums.reserve_bytes(box.n_taps * kFsBoxBytes);
    const auto* x = static_cast<const std::byte*>(box.x);
    auto* y = static_cast<std::byte*>(box.y);
    for (Index phase = 0; phase < std::min(dilation, n); ++phase) {
      FsBox part = box;
      part.x = x + phase * box.x_step * bytes_;
      part.y = y + phase * box.y_step * bytes_;
      part.x_step = box.x_step * dilation;
      part.y_step = box.y_step * dilation;
      part.n = (n - phase + dilation - 1) / dilation;
      c_.isa_.box[c_.types_.compute](&part);
    }
  }

  FsBox box_of(const FsTile& pass) const {
    FsBox box{};
    box.n_taps = pass.w_taps;
    box.tap = pass.w;
    box.bias = pass.bias;
    return box;
  }

  // The runs come in blocks of `n` along the axis.
  void box_across_rows(Workspace& work, const FsTile& pass, Index n, Index dilation) const {
    for (Index block = 0; block < pass.n_runs; block += n) {
      FsBox box = box_of(pass);
      box.x = static_cast<const std::byte*>(pass.x) + pass.runs[block].x * bytes_;
      box.y = static_cast<std::byte*>(pass.y) + pass.runs[block].y * bytes_;
      box.x_step = pass.row_x;
      box.y_step = pass.row_y;
      box.width = pass.length;
      run_box(work, box, n, dilation);
    }
  }

  // As many rows as there are lanes, or pieces of fewer rows, become lanes; sums along rows are then sums
  // across them.
  void box_along_rows(Workspace& work, const FsTile& pass, Index dilation) const {
    const FsButterflies& lanes = c_.isa_.butterflies[bytes_ == 4 ? 0 : 1];
    const Index n_pieces = std::clamp<Index>((lanes.lanes + pass.n_runs - 1) / pass.n_runs, 1, pass.length);
    const Index length = (pass.length + n_pieces - 1) / n_pieces, n_read = length + (pass.w_taps - 1) * dilation;
    auto* read = work.box_rows[0].reserve<std::byte>(n_read * lanes.lanes * bytes_);
    auto* made = work.box_rows[1].reserve<std::byte>(length * lanes.lanes * bytes_);
    void* const nowhere = work.row.reserve_bytes(length * bytes_);
    for (Index piece = 0; piece < pass.n_runs * n_pieces; piece += lanes.lanes) {
      const void* from[16];
      void* to[16];
      for (int l = 0; l < lanes.lanes; ++l) {
        const bool is_used = piece + l < pass.n_runs * n_pieces;
        const FsRun& run = pass.runs[(is_used ? piece + l : piece) / n_pieces];
        // The last piece overlaps the one before rather than being short.
        const Index at = std::min((is_used ? piece + l : piece) % n_pieces * length, pass.length - length);
        from[l] = static_cast<const std::byte*>(pass.x) + (run.x + at) * bytes_;
        to[l] = is_used ? static_cast<std::byte*>(pass.y) + (run.y + at) * bytes_ : nowhere;
      }
      lanes.gather(from, n_read, read, lanes.lanes);
      FsBox box = box_of(pass);
      box.x = read;
      box.y = made;
      box.x_step = box.y_step = box.width = lanes.lanes;
      run_box(work, box, length, dilation);
      lanes.scatter(made, lanes.lanes, length, to);
    }
  }
};

}  // namespace flipslide
