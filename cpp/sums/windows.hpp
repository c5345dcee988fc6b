// Windows of x, packed into scratch memory with their boundary, and tiles of y.
#pragma once

#include <cstring>

#include "arrays.hpp"

namespace flipslide {

// Samples that can be loaded in one go: every `to_step`-th place of a row.
struct Segment {
  Index to, to_step, n, from, from_step;
};

// Neighbouring places of a row without a sample: zeros, or the fill value.
struct Blank {
  Index to, n;
  bool is_fill;
};

// What one tile needs of one axis of x, split by residue ("phase") modulo the stride, so that
// the outputs of a phase read neighbours.
struct Window {
  Index n_phases = 0;
  Index first = 0;                        // position of the first place, before residues
  Index length = 0;                       // places per phase
  Index place = 0, phase = 0;             // strides in the packed tile, in elements
  std::vector<Index> source;              // [phase][place] -> sample, kGap or kFill; not of the innermost axis
  std::vector<Index> phase_of, residues;  // residue -> phase (-1: read by no tap) and back
  std::vector<Index> tap_offset;          // [tap] -> its first place in the packed tile, in elements

  Index position(Index phase, Index q, Index stride) const {
    return first + residues[static_cast<std::size_t>(phase)] + stride * q;
  }
};

struct Rows {
  Index first, n;
};

// Scratch that a thread keeps from call to call.
struct Workspace {
  Scratch x, y, row, halfway[2], ring, box_rows[2], box_sums;
  std::vector<Index> taps;
  std::vector<Rows> spoilt;  // of a tile's outputs: those that are not finite
  std::vector<FsRun> runs, row_runs;
  std::vector<Window> windows;
  std::vector<std::vector<Segment>> segments;
  std::vector<std::vector<Blank>> blanks;  // and segments: [phase] of the innermost axis
};

// geometry.extend_index for `interleave` signals whose samples take turns.
inline Index extend_interleaved(Index i, const Axis& axis, Index interleave) {
  if (interleave == 1) return extend(i, axis.x, axis.boundary);
  const Index sample = extend(floor_div(i, interleave), axis.x / interleave, axis.boundary);
  return sample < 0 ? sample : sample * interleave + i - floor_div(i, interleave) * interleave;
}

class TileWindows : protected TileArrays {
 protected:
  using TileArrays::TileArrays;

  // How a tile's outputs map to runs. In a packed tile the rows of the last two axes may be one
  // run: the places between two rows are computed too and thrown away, which is cheaper than
  // a part-filled vector at the end of every row.
  struct TileShape {
    Index length, rows_per_run, row_pitch, run_pitch;
    int n_outer;             // axes that make runs
    Index x_step[kMaxAxes];  // elements of x between outputs, for those axes
    Index plane;             // elements of a packed channel
  };

  // Outputs without their samples and taps.
  FsTile tile_of(Workspace& work, const TileShape& shape, const TaskPlace& place, const Index* low, const Index* extent,
                 bool write_in_place) const {
    FsTile tile{};
    tile.w_taps = w_taps();
    tile.n_out = place.end_channel - place.first_channel;
    tile.length = shape.length * parts_;
    tile.bias = bias_ ? bias_ + (place.group * c_.n_out_ + place.first_channel) * bytes_ : nullptr;
    list_runs(work, shape, extent, low, write_in_place);
    tile.runs = work.runs.data();
    tile.n_runs = static_cast<Index>(work.runs.size());
    tile.streams = write_in_place && streams_;
    find_lattice(tile, shape, extent, write_in_place);
    if (write_in_place) {
      tile.y_channel = c_.out_.empty() ? 0 : y_.stride(c_.out_[0].y_dim) / format_.y_bytes;
      tile.y = y_of(place) + place.first_channel * tile.y_channel * format_.y_bytes;
    } else {
      tile.y_channel = tile.n_runs * shape.run_pitch * parts_;
      tile.y = work.y.reserve_bytes(tile.y_channel * tile.n_out * part_bytes_);
    }
    return tile;
  }

  TileShape shape_in_place(const Index* extent) const {
    TileShape shape{};
    shape.length = extent[inner()];
    shape.run_pitch = pitch_of(shape.length);
    shape.rows_per_run = 1;
    shape.n_outer = n_axes_ - 1;
    for (int a = 0; a < n_axes_; ++a) shape.x_step[a] = slides_[a].axis.stride * slides_[a].x_stride / x_bytes();
    return shape;
  }

  TileShape shape_packed(Workspace& work, const Index* low, const Index* extent) const {
    work.windows.resize(kMaxAxes);
    TileShape shape{};
    Index plane = 1, phases = 1;
    for (int a = 0; a < n_axes_; ++a) {
      find_window(work.windows[a], slides_[a], low[a], extent[a]);
      if (a != inner()) list_sources(work.windows[a], slides_[a]);
    }
    for (int a = inner(); a >= 0; --a) {
      work.windows[a].place = plane;
      plane *= work.windows[a].length;
    }
    for (int a = inner(); a >= 0; --a) {
      work.windows[a].phase = plane * phases;
      phases *= work.windows[a].n_phases;
    }
    shape.plane = plane * phases;
    for (int a = 0; a < n_axes_; ++a) {
      finish_window(work.windows[a], slides_[a].axis);
      shape.x_step[a] = work.windows[a].place;
    }
    const Index n = extent[inner()], lanes = 64 / x_bytes();
    shape.length = n;
    shape.rows_per_run = 1;
    shape.n_outer = n_axes_ - 1;
    if (n_axes_ > 1) {
      const Index rows = extent[n_axes_ - 2];
      shape.row_pitch = work.windows[n_axes_ - 2].place;
      const bool shared = shares_rows_ && n >= lanes;
      if (rows > 1 && !is_separable_ && !shared && shape.row_pitch < (n + lanes - 1) / lanes * lanes) {
        shape.length = (rows - 1) * shape.row_pitch + n;
        shape.rows_per_run = rows;
        shape.n_outer = n_axes_ - 2;
      }
    }
    shape.run_pitch = pitch_of(shape.length);
    list_segments(work);
    return shape;
  }

  // By the definition an imaginary part of 0 turns an infinite sample into NaN.
  bool is_finite(const FsTile& tile) const {
    const FsFiniteFn finite = c_.isa_.convert->finite[c_.types_.compute];
    for (Index k = 0; k < tile.n_out; ++k)
      for (Index i = 0; i < tile.n_runs; ++i)
        if (!finite(static_cast<const std::byte*>(tile.y) + (k * tile.y_channel + tile.runs[i].y) * part_bytes_,
                    tile.length))
          return false;
    return true;
  }

  // ---- one axis of a window

  static void find_window(Window& window, const Slide& slide, Index low, Index extent) {
    const Axis& axis = slide.axis;
    window.tap_offset.assign(static_cast<std::size_t>(axis.w), 0);
    // Only the residues that some tap reads.
    std::vector<Index>&phase_of = window.phase_of, &residues = window.residues;
    phase_of.assign(static_cast<std::size_t>(std::min(axis.stride, axis.dilation * axis.w)), -1);
    residues.clear();
    Index reach = 0;
    for (Index j = 0; j < axis.w; ++j) {
      const Index residue = axis.dilation * j % axis.stride;
      Index& phase = phase_of[static_cast<std::size_t>(residue)];
      if (phase < 0) {
        phase = static_cast<Index>(residues.size());
        residues.push_back(residue);
      }
      reach = std::max(reach, axis.dilation * j / axis.stride);
      window.tap_offset[static_cast<std::size_t>(j)] = phase;
    }
    window.n_phases = static_cast<Index>(residues.size());
    window.length = extent + reach;
    window.first = axis.start + axis.stride * low;
  }

  // The sample at a position, in steps of the axis.
  static Index sample_at(const Slide& slide, Index position) {
    const Axis& axis = slide.axis;
    const Index sample = axis.up == 1 ? position : floor_div(position, axis.up);
    return position - sample * axis.up ? kGap : extend_interleaved(sample, axis, slide.interleave);
  }

  static void list_sources(Window& window, const Slide& slide) {
    window.source.resize(static_cast<std::size_t>(window.n_phases * window.length));
    Index* to = window.source.data();
    for (Index phase = 0; phase < window.n_phases; ++phase)
      for (Index q = 0; q < window.length; ++q) *to++ = sample_at(slide, window.position(phase, q, slide.axis.stride));
  }

  static void finish_window(Window& window, const Axis& axis) {
    for (Index j = 0; j < axis.w; ++j) {
      Index& offset = window.tap_offset[static_cast<std::size_t>(j)];
      offset = offset * window.phase + axis.dilation * j / axis.stride * window.place;
    }
  }

  // The samples of the innermost window, as few loads as possible, and the places between them.
  void list_segments(Workspace& work) const {
    const Window& window = work.windows[inner()];
    const Slide& slide = slides_[inner()];
    const Index stride = slide.axis.stride;
    work.segments.resize(static_cast<std::size_t>(window.n_phases));
    work.blanks.resize(static_cast<std::size_t>(window.n_phases));
    for (Index phase = 0; phase < window.n_phases; ++phase) {
      std::vector<Segment>& segments = work.segments[static_cast<std::size_t>(phase)];
      std::vector<Blank>& blanks = work.blanks[static_cast<std::size_t>(phase)];
      segments.clear();
      blanks.clear();
      const auto list = [&](Index from, Index end) {
        for (Index q = from; q < end; ++q)
          list_place(segments, blanks, q, sample_at(slide, window.position(phase, q, stride)));
      };
      // Inside x every place has the next sample; only the places around need a look each.
      Index low = 0, high = 0;
      if (slide.axis.up == 1) {
        const Index first = window.position(phase, 0, stride);
        low = std::clamp<Index>(-floor_div(first, stride), 0, window.length);
        high = std::clamp<Index>(floor_div(slide.axis.x - 1 - first, stride) + 1, low, window.length);
      }
      list(0, low);
      if (low < high) segments.push_back({low, 1, high - low, window.position(phase, low, stride), stride});
      list(high, window.length);
    }
  }

  static void list_place(std::vector<Segment>& segments, std::vector<Blank>& blanks, Index q, Index sample) {
    if (sample < 0) {
      const bool is_fill = sample == kFill;
      if (!blanks.empty() && blanks.back().is_fill == is_fill && blanks.back().to + blanks.back().n == q)
        ++blanks.back().n;
      else
        blanks.push_back({q, 1, is_fill});
      return;
    }
    if (!segments.empty()) {
      Segment& last = segments.back();
      const Index to_step = q - (last.to + (last.n - 1) * last.to_step);
      const Index from_step = sample - (last.from + (last.n - 1) * last.from_step);
      if (last.n == 1) {
        last.to_step = to_step;
        last.from_step = from_step;
      }
      if (to_step == last.to_step && from_step == last.from_step) {
        ++last.n;
        return;
      }
    }
    segments.push_back({q, 1, 1, sample, 1});
  }

  // ---- its samples

  // Copies the window of channels [first, end) and lists where their taps look.
  const void* pack_x(Workspace& work, const TileShape& shape, const std::byte* x, Index first, Index end) const {
    std::byte* packed = work.x.reserve<std::byte>((end - first) * shape.plane * x_bytes() + 64);
    for (Index c = first; c < end; ++c)
      pack_axis(work, 0, x + locate(c_.in_, &Loop::x_dim, c, x_), packed + (c - first) * shape.plane * x_bytes(),
                false);
    if (conjugates_x()) conjugate(packed, (end - first) * shape.plane);
    list_taps(work, end - first, shape.plane * parts_,
              [&](int a, Index j) { return work.windows[a].tap_offset[j] * parts_; });
    return packed;
  }

  void conjugate(std::byte* numbers, Index n) const {
    const auto negate = [&]<class T>(T* parts) {
      for (Index i = 0; i < n; ++i) parts[2 * i + 1] = -parts[2 * i + 1];
    };
    part_bytes_ == 4 ? negate(reinterpret_cast<float*>(numbers)) : negate(reinterpret_cast<double*>(numbers));
  }

  void pack_axis(Workspace& work, int a, const std::byte* from, std::byte* to, bool filled) const {
    const Window& window = work.windows[a];
    for (Index phase = 0; phase < window.n_phases; ++phase) {
      std::byte* at = to + phase * window.phase * x_bytes();
      if (a == inner()) {
        pack_row(work, phase, from, at, filled);
        continue;
      }
      for (Index q = 0; q < window.length; ++q) {
        const Index source = window.source[static_cast<std::size_t>(phase * window.length + q)];
        std::byte* row = at + q * window.place * x_bytes();
        if (source == kGap)
          clear_axes(work, a + 1, row);
        else
          pack_axis(work, a + 1, from + (source < 0 ? 0 : source) * slides_[a].x_stride, row, filled || source < 0);
      }
    }
  }

  // No sample stands anywhere on the axes from `a` on.
  void clear_axes(Workspace& work, int a, std::byte* to) const {
    const Window& window = work.windows[a];
    for (Index phase = 0; phase < window.n_phases; ++phase) {
      std::byte* at = to + phase * window.phase * x_bytes();
      if (a == inner())
        clear(work, at, window.length * x_bytes());
      else
        for (Index q = 0; q < window.length; ++q) clear_axes(work, a + 1, at + q * window.place * x_bytes());
    }
  }

  void pack_row(Workspace& work, Index phase, const std::byte* from, std::byte* to, bool filled) const {
    const std::vector<Segment>& segments = work.segments[static_cast<std::size_t>(phase)];
    const Index stride = slides_[inner()].x_stride;
    for (const Blank& blank : work.blanks[static_cast<std::size_t>(phase)])
      if (blank.is_fill)
        fill(work, to, blank.to, 1, blank.n);
      else
        clear(work, to + blank.to * x_bytes(), blank.n * x_bytes());
    if (filled) {
      for (const Segment& segment : segments) fill(work, to, segment.to, segment.to_step, segment.n);
      return;
    }
    for (const Segment& segment : segments) {
      load_numbers(work, to + segment.to * x_bytes(), segment.to_step * x_bytes(), from + segment.from * stride,
                   segment.from_step * stride, segment.n);
    }
  }

  // Steps in bytes. At once, or part by part.
  void load_numbers(Workspace& work, std::byte* to, Index to_step, const std::byte* from, Index from_step,
                    Index n) const {
    const FsLoadFn load = format_.load;
    const Index part = kTypeBytes[c_.types_.x], x_part = format_.x_bytes;
    if (to_step == x_bytes() && (parts_ == 1 || from_step == 2 * part)) {
      const Index step = parts_ == 1 ? from_step : part;
      if (replay_) replay_->load(place_of(work, to), from - x_.data, step, n * parts_);
      return load(to, from, step, n * parts_);
    }
    std::byte* apart = work.row.reserve<std::byte>(n * x_part);
    for (Index p = 0; p < parts_; ++p, to += x_part, from += part) {
      load(apart, from, from_step, n);
      move_parts(to, to_step, apart, x_part, n, x_part);
      for (Index i = 0; replay_ && i < n; ++i)
        replay_->load(place_of(work, to + i * to_step), from + i * from_step - x_.data, part, 1);
    }
  }

  void store_numbers(Workspace& work, const FsTile& tile, std::byte* to, Index to_step, const std::byte* from,
                     Index n) const {
    const FsStoreFn store = c_.types_.saturate ? c_.isa_.convert->store_saturated[c_.types_.y]
                                               : c_.isa_.convert->store[c_.types_.compute][c_.types_.y];
    const Index part = kTypeBytes[c_.types_.y];
    const auto place_in_tile = [&](const std::byte* at) { return at - static_cast<const std::byte*>(tile.y); };
    if (parts_ == 1 || to_step == 2 * part) {
      const Index step = parts_ == 1 ? to_step : part;
      if (replay_) replay_->store(to - y_.data, step, place_in_tile(from), n * parts_);
      return store(to, step, from, n * parts_);
    }
    std::byte* apart = work.row.reserve<std::byte>(n * part_bytes_);
    for (Index p = 0; p < parts_; ++p, to += part, from += part_bytes_) {
      move_parts(apart, part_bytes_, from, bytes_, n, part_bytes_);
      store(to, to_step, apart, n);
      for (Index i = 0; replay_ && i < n; ++i)
        replay_->store(to + i * to_step - y_.data, part, place_in_tile(from + i * bytes_), 1);
    }
  }

  // Numbers of 1, 2, 4 or 8 bytes.
  static void move_parts(std::byte* to, Index to_step, const std::byte* from, Index from_step, Index n, Index bytes) {
    const auto move = [&]<class T>(T) {
      for (Index i = 0; i < n; ++i) std::memcpy(to + i * to_step, from + i * from_step, sizeof(T));
    };
    switch (bytes) {
      case 1: return move(std::int8_t{});
      case 2: return move(std::int16_t{});
      case 4: return move(std::int32_t{});
      default: return move(std::int64_t{});
    }
  }

  void fill(Workspace& work, std::byte* row, Index first, Index step, Index n) const {
    for (Index i = 0; i < n; ++i)
      for (Index p = 0; p < parts_; ++p) {
        std::byte* at = row + (first + i * step) * x_bytes() + p * format_.x_bytes;
        std::memcpy(at, c_.fill_.parts[p], static_cast<std::size_t>(format_.x_bytes));
        if (replay_) replay_->fill(place_of(work, at), p);
      }
  }

  void clear(Workspace& work, std::byte* at, Index n_bytes) const {
    std::memset(at, 0, static_cast<std::size_t>(n_bytes));
    if (replay_) replay_->clear(place_of(work, at), n_bytes);
  }

  static Index place_of(Workspace& work, const std::byte* at) { return at - work.x.reserve<std::byte>(0); }

  // ---- taps and runs

  // Where every tap of every channel looks, row-major, the last axis fastest.
  template <class Offset>
  void list_taps(Workspace& work, Index n_channels, Index channel_step, Offset&& offset) const {
    work.taps.resize(static_cast<std::size_t>(n_channels * taps_per_channel()));
    Index* to = work.taps.data();
    for (Index c = 0; c < n_channels; ++c) append_taps(to, 0, c * channel_step, offset);
  }

  template <class Offset>
  void append_taps(Index*& to, int a, Index base, Offset& offset) const {
    const Index n = slides_[a].axis.w;
    if (a == inner() && dot_width_ > 0)
      for (Index d = 0; d < fs_dots(n, dot_width_); ++d) *to++ = base + offset(a, fs_dot_place(d, n, dot_width_));
    else if (a == inner())
      for (Index j = 0; j < n; ++j) *to++ = base + offset(a, j);
    else
      for (Index j = 0; j < n; ++j) append_taps(to, a + 1, base + offset(a, j), offset);
  }

  const void* list_taps_in_place(Workspace& work, const std::byte* x, Index first, Index end) const {
    work.taps.resize(static_cast<std::size_t>((end - first) * taps_per_channel()));
    Index* to = work.taps.data();
    const auto offset = [&](int a, Index j) {
      return j * slides_[a].axis.dilation * slides_[a].x_stride / format_.x_bytes;
    };
    for (Index c = first; c < end; ++c)
      append_taps(to, 0, locate(c_.in_, &Loop::x_dim, c, x_) / format_.x_bytes, offset);
    return x;
  }

  void find_lattice(FsTile& tile, const TileShape& shape, const Index* extent, bool write_in_place) const {
    const Axis& axis = slides_[inner()].axis;
    tile.rows = tile.tap_rows = 1;
    tile.tap_columns = axis.w;
    tile.tap_step = axis.stride == 1 ? axis.dilation * parts_ : 0;
    if (shape.rows_per_run > 1 || !shares_rows_) return;
    const int a = n_axes_ - 2;
    tile.rows = extent[a];
    tile.row_x = shape.x_step[a] * parts_;
    tile.row_y = write_in_place ? slides_[a].y_stride / format_.y_bytes : shape.run_pitch * parts_;
    tile.tap_rows = slides_[a].axis.w;
  }

  void list_runs(Workspace& work, const TileShape& shape, const Index* extent, const Index* low,
                 bool write_in_place) const {
    work.runs.clear();
    const bool read_in_place = shape.plane == 0;
    Index m[kMaxAxes] = {};
    Index first = 0, first_y = 0;
    for (int a = 0; a < n_axes_; ++a) {
      if (read_in_place)
        first += (slides_[a].axis.start + slides_[a].axis.stride * low[a]) * slides_[a].x_stride / x_bytes();
      first_y += low[a] * slides_[a].y_stride / y_bytes();
    }
    for (Index number = 0;; ++number) {
      FsRun run{first, write_in_place ? first_y : number * shape.run_pitch};
      for (int a = 0; a < shape.n_outer; ++a) {
        run.x += m[a] * shape.x_step[a];
        if (write_in_place) run.y += m[a] * slides_[a].y_stride / y_bytes();
      }
      work.runs.push_back({run.x * parts_, run.y * parts_});
      int a = shape.n_outer;
      while (a-- > 0 && ++m[a] == extent[a]) m[a] = 0;
      if (a < 0) return;
    }
  }

  // From the kernel's rows to the array's, in the array's type.
  void store_y(Workspace& work, const TileShape& shape, const TaskPlace& place, const FsTile& tile, std::byte* y,
               const Index* low, const Index* extent) const {
    for (int a = 0; a < n_axes_; ++a) y += low[a] * slides_[a].y_stride;
    for (Index k = 0; k < tile.n_out; ++k) {
      std::byte* to = y + locate(c_.out_, &Loop::y_dim, place.first_channel + k, y_);
      const std::byte* from = static_cast<const std::byte*>(tile.y) + k * tile.y_channel * part_bytes_;
      Index m[kMaxAxes] = {};
      for (Index number = 0; number < tile.n_runs; ++number) {
        std::byte* run = to;
        for (int a = 0; a < shape.n_outer; ++a) run += m[a] * slides_[a].y_stride;
        for (Index row = 0; row < shape.rows_per_run; ++row)
          store_numbers(work, tile, run + (shape.rows_per_run > 1 ? row * slides_[inner() - 1].y_stride : 0),
                        slides_[inner()].y_stride, from + (number * shape.run_pitch + row * shape.row_pitch) * bytes_,
                        extent[inner()]);
        int a = shape.n_outer;
        while (a-- > 0 && ++m[a] == extent[a]) m[a] = 0;
      }
    }
  }
};

}  // namespace flipslide
