#include "count.hpp"

#include <cmath>
#include <numeric>

namespace flipslide {

namespace {

// Rows of outputs that a block of a stencil has, for what its loads cost.
constexpr double kStencilRows = 8;
// The first-level cache of a core.
constexpr double kNearBytes = 32 << 10;

double as_double(Index n) { return static_cast<double>(n); }

Index at_least_one(Index n) { return std::max<Index>(1, n); }

// Places of an axis that are packed, of all tiles: each tile has a window of its own.
double places_of(const SumAxis& slide, Index n_outputs, Index n_tiles) {
  const Axis& axis = slide.axis;
  const Index phases = std::min({axis.stride, axis.w, axis.stride / std::gcd(axis.stride, axis.dilation)});
  return as_double(at_least_one(phases) * (n_outputs + n_tiles * (slide.overhang / axis.stride)));
}

Copies count_copies(const Schedule& s, const Piece& piece) {
  Copies copies{1, 1};
  for (int a = 0; a < s.n_axes; ++a) {
    const Index n = piece.high[a] - piece.low[a], tiles = (n + piece.extent[a] - 1) / piece.extent[a];
    const double places = piece.source == Source::in_place ? as_double(n) : places_of(s.axes[a], n, tiles);
    copies.samples *= places;
    copies.rows *= a == s.inner() ? as_double(tiles) : places;
  }
  const Index channels = piece.source == Source::in_place ? s.problem->n_out : s.problem->n_in * s.n_channel_blocks;
  const double times = as_double(s.n_batch * s.problem->n_groups * channels);
  return {copies.rows * times, piece.source == Source::in_place ? 0 : copies.samples * times};
}

Index vector_bytes(const Question& q) { return 4 * q.isa.butterflies[0].lanes; }
Index lanes_of(const Question& q) { return at_least_one(vector_bytes(q) / q.item_bytes()); }

// Lanes of the vectors of a row over those that are needed; short rows of a packed tile become one. Rows that share
// what they load begin with a vector that ends where y is aligned.
double padding_of(const Question& q, const Schedule& s, double sharing) {
  const Axis& last = s.axes[s.inner()].axis;
  if (last.y == 0) return 1;
  const Index lanes = lanes_of(q);
  const Index vectors = (last.y + lanes - 1) / lanes + (sharing > 1 && s.n_axes > 1 && last.y > lanes);
  return as_double(std::min(vectors * lanes, last.y + s.axes[s.inner()].overhang)) / as_double(last.y);
}

// Rows of taps that meet each load of x; of a row alone, the vectors that its taps span, which share loads too.
double rows_that_share(const Question& q, const Schedule& s) {
  if (s.parts == 2) return 1;  // whose two products share a load already
  const Axis& last = q.slides.back().axis;
  const double rows = s.shares_rows ? as_double(s.axes[s.n_axes - 2].axis.w) : 1;
  const double bytes = as_double(last.w * last.dilation * q.item_bytes());
  const double vectors = last.stride == 1 && last.up == 1 ? bytes / as_double(vector_bytes(q)) : 1;
  return std::clamp(std::max(rows, vectors), 1.0, kStencilRows);
}

// Whether several channels leave the first-level cache before they are read again.
bool is_wide(const Question& q) {
  const double plane = q.outputs / as_double(at_least_one(q.n_batch * q.n_groups * q.n_out));
  return q.n_in > 1 && plane * as_double(q.n_in * q.item_bytes()) > kNearBytes;
}

double tasks_of(const Question& q, const Schedule& s) { return is_small(q) ? 1 : as_double(at_least_one(s.n_tasks())); }

enum TileStep { kCall, kTaps, kTile, kRow, kOutput, kFar, kCopied, kProduct, kLoad };

// What is done for each tile, row, output, copied sample and row of taps.
Counts count_tiles(const Question& q, const Schedule& s) {
  Counts counts;
  const Copies copies = count_copies(s);
  const Index rows_of_taps = at_least_one(q.taps_per_channel) / at_least_one(q.slides.back().axis.w);
  counts.call[kCall] = 1;
  counts.call[kTaps] = as_double(at_least_one(q.n_groups * q.n_out * q.n_in) * at_least_one(rows_of_taps));
  counts.work[kTile] = as_double(at_least_one(s.n_tasks()));
  counts.work[kRow] = copies.rows;
  counts.work[kOutput] = q.outputs;
  counts.work[kFar] = q.is_far() ? q.outputs : 0;
  counts.work[kCopied] = copies.samples;
  counts.tasks = tasks_of(q, s);
  return counts;
}

// The passes of taps that go axis by axis.
enum PassStep { kPassCall, kPassRow, kPass, kPassFar };

Counts count_passes(const Question& q, const Schedule& s) {
  Counts counts;
  const double passes = as_double(q.axes_with_taps());
  counts.call[kPassCall] = 1;
  counts.work[kPassRow] = q.outputs / as_double(at_least_one(q.slides.back().axis.y)) * passes;
  counts.work[kPass] = q.outputs * passes;
  counts.work[kPassFar] = q.is_far() ? q.outputs : 0;
  counts.tasks = tasks_of(q, s);
  return counts;
}

Index taps_of_all_axes(const Question& q) {
  Index taps = 0;
  for (const Slide& slide : q.slides) taps += slide.axis.w;
  return taps;
}

// A run of less than a vector has a single sum, and where its taps are many nothing else is near enough to be done
// while that waits for each multiply-add; without masks each of its loads is put together from samples.
double waiting_of(const Question& q, const Schedule& s) {
  constexpr double kWaits = 2.5, kWaitsWithoutMasks = 24;
  constexpr Index kNearTaps = 64;
  if (s.axes[s.inner()].axis.y >= lanes_of(q) || q.taps_per_channel <= kNearTaps) return 1;
  return vector_bytes(q) == 64 ? kWaits : kWaitsWithoutMasks;
}

}  // namespace

Copies count_copies(const Schedule& s) {
  Copies all;
  for (const Piece& piece : s.pieces) {
    const Copies copies = count_copies(s, piece);
    all.rows += copies.rows;
    all.samples += copies.samples;
  }
  return all;
}

Schedule direct_schedule(const Question& q, const FsMicrokernel& microkernel) {
  TapsFacts taps;
  taps.dot_width = can_sum_dots(q, microkernel) ? 2 : 0;
  return make_schedule(q, microkernel, is_replayed(q), q.x, q.y, taps, false);
}

Schedule factor_schedule(const Question& q, Index rank) {
  TapsFacts taps;
  taps.go_axis_by_axis = true;
  taps.rank = rank;
  return make_schedule(q, *q.isa.find("direct"), is_replayed(q), q.x, q.y, taps, false);
}

// R rows of outputs and Q of taps have (R + Q − 1)/(R·Q) loads for each product. Of K taps in pairs, even and odd
// outputs take K / 2 + 1 each.
Counts count_direct(const Question& q, const Schedule& s) {
  enum { kAlone = kLoad + 1, kWide };
  Counts counts = count_tiles(q, s);
  const double sharing = rows_that_share(q, s);
  const Index taps = at_least_one(q.slides.back().axis.w);
  const double pairs = s.dot_width > 0 ? as_double(fs_dots(taps, s.dot_width)) / as_double(taps) : 1;
  const double products = q.n_products * padding_of(q, s, sharing) * waiting_of(q, s) * pairs;
  if (sharing > 1) {
    counts.work[kProduct] = products;
    counts.work[kLoad] = products * (kStencilRows + sharing - 1) / (kStencilRows * sharing);
  } else {
    counts.work[kAlone] = products;
  }
  counts.work[kWide] = is_wide(q) ? products : 0;
  return counts;
}

// A block of output channels shares each load of x.
Counts count_gemm(const Question& q, const Schedule& s) {
  enum { kWide = kLoad + 1 };
  Counts counts = count_tiles(q, s);
  const double products = q.n_products * padding_of(q, s, 1);
  counts.work[kProduct] = products;
  counts.work[kLoad] = products / as_double(std::min<Index>(at_least_one(q.n_out), s.microkernel->max_block));
  counts.work[kWide] = is_wide(q) ? products : 0;
  return counts;
}

Counts count_gemm(const Question& q, const Panels& panels) {
  enum { kRun = kLoad + 2, kPacked, kPanel };
  const PanelCounts steps = count_panels(panels);
  Counts counts;
  counts.call[kCall] = 1;
  counts.call[kTaps] = as_double(q.n_groups * q.n_out);
  counts.work[kTile] = as_double(panels.n_tasks());
  counts.work[kOutput] = q.outputs;
  counts.work[kFar] = q.is_far() ? q.outputs : 0;
  counts.work[kRun] = steps.runs;
  counts.work[kPacked] = steps.packed;
  counts.work[kPanel] = steps.products;
  counts.tasks = as_double(panels.n_tasks());
  return counts;
}

// A pass for each axis; terms of a sum of products share what is loaded and stored.
Counts count_separable(const Question& q, const Schedule& s) {
  enum { kTap = kPassFar + 1, kTerm, kTermTap };
  Counts counts = count_passes(q, s);
  const double beside = as_double(s.taps.rank - 1);
  double taps = 0;
  for (const Slide& slide : q.slides)
    if (slide.axis.w > 1) taps += as_double(slide.axis.w);
  counts.work[kTap] = q.outputs * taps;
  counts.work[kTerm] = q.outputs * beside * as_double(q.axes_with_taps());
  counts.work[kTermTap] = q.outputs * beside * taps;
  return counts;
}

// Running sums from some taps on: the longer, the more numbers tiles have in common.
Counts count_box(const Question& q, const Schedule& s) {
  enum { kAlong = kPassFar + 1, kAcross, kBeyond };
  Counts counts = count_passes(q, s);
  double across = 0;
  for (std::size_t a = 0; a + 1 < q.slides.size(); ++a)
    if (const Index n = q.slides[a].axis.w; n > 1) across += as_double(std::min(n, kBoxAcross)) / kBoxAcross;
  counts.work[kAlong] = q.outputs * as_double(std::min(q.slides.back().axis.w, kBoxAlong)) / kBoxAlong;
  counts.work[kAcross] = q.outputs * across;
  counts.work[kBeyond] = q.outputs * as_double(taps_of_all_axes(q));
  return counts;
}

// -------------------------------------------------------------------------------- scratch

namespace {

double window_length(const SumAxis& slide, Index extent) {
  return as_double(extent + slide.overhang / slide.axis.stride);
}

// Rows of outputs of a tile in scratch memory.
double y_bytes_of(const Schedule& s, const Index* extent, bool merges_rows) {
  double runs = 1;
  for (int a = 0; a < s.inner() - (merges_rows ? 1 : 0); ++a) runs *= as_double(extent[a]);
  const Index n = extent[s.inner()];
  const Index pitch = merges_rows ? n + s.axes[s.inner()].overhang / s.axes[s.inner()].axis.stride : 0;
  const Index length = merges_rows ? (extent[s.inner() - 1] - 1) * pitch + n : n;
  return runs * as_double(s.pitch_of(length) * s.parts * s.channel_block * s.part_bytes);
}

bool merges_rows(const Schedule& s, const Index* extent) {
  if (s.n_axes < 2 || s.taps.go_axis_by_axis) return false;
  const Index n = extent[s.inner()], lanes = 64 / s.x_bytes(), rows = extent[s.inner() - 1];
  const double pitch = window_length(s.axes[s.inner()], n);
  return rows > 1 && !(s.shares_rows && n >= lanes) && pitch < as_double((n + lanes - 1) / lanes * lanes);
}

double packed_bytes(const Schedule& s, const Piece& piece) {
  double plane = 1;
  for (int a = 0; a < s.n_axes; ++a) plane *= places_of(s.axes[a], piece.extent[a], 1);
  return reserved(plane * as_double(s.channels_per_pass() * s.x_bytes()) + 64);
}

// Of x, or of its sums along the inner axes, with a window of the rows that come in.
double buffer_bytes(const Schedule& s, const Piece& piece) {
  const int along = s.first_long_axis();
  const Index over = s.axes[along].overhang, inner = piece.extent[s.inner()];
  const Index capacity = over + std::max(s.rows_of_outputs(), std::min(piece.extent[along], over));
  double step = as_double(s.pitch_of(inner + (s.taps.go_axis_by_axis ? 0 : s.axes[s.inner()].overhang)));
  double window = as_double(s.rows_into_buffer()) * window_length(s.axes[s.inner()], inner);
  for (int a = along + 1; a < s.inner(); ++a) {
    window *= window_length(s.axes[a], piece.extent[a]);
    step *= s.taps.go_axis_by_axis ? as_double(piece.extent[a]) : window_length(s.axes[a], piece.extent[a]);
  }
  const double waiting = as_double(s.taps.rank * capacity * s.bytes) * step;
  return reserved(waiting) + (s.taps.go_axis_by_axis ? reserved(window * as_double(s.bytes) + 64) : 0);
}

double scratch_of(const Schedule& s, const Piece& piece) {
  if (piece.source == Source::line_buffer) {
    Index extent[kMaxAxes];
    std::copy(piece.extent, piece.extent + s.n_axes, extent);
    Index& rows = extent[s.first_long_axis()];
    rows = std::min(rows, s.rows_of_outputs());
    return buffer_bytes(s, piece) + (s.y_in_place ? 0 : reserved(y_bytes_of(s, extent, false)));
  }
  const bool merges = piece.source == Source::packed && merges_rows(s, piece.extent);
  const double y = s.y_in_place && !merges ? 0 : reserved(y_bytes_of(s, piece.extent, merges));
  return y + (piece.source == Source::packed ? packed_bytes(s, piece) : 0);
}

}  // namespace

Memory memory_of(const Question& q, const Schedule& s) {
  Memory memory;
  for (const Piece& piece : s.pieces) memory.scratch = std::max(memory.scratch, scratch_of(s, piece));
  memory.shared = reserved(as_double(packed_bytes(q, s.dot_width > 0)));
  memory.holders = is_small(q) ? 1 : std::max<Index>(1, s.n_tasks());
  return memory;
}

}  // namespace flipslide
