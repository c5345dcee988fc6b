#include "schedule.hpp"

#include "usual.hpp"

namespace flipslide {

namespace {

// Read in place with their ends apart, 512 rows of 1000 by 5 taps take 115 us and packed 170, 1000 x 1000 by
// 3 x 3 takes 300 and 330; but 512 x 512 by 5 x 5 takes 190 and 170 (2026-11, AVX-512, one core).
constexpr Index kLongRow = 768;
// From this many rows of taps on, a line buffer is worth its copies (1000 x 1000 by 15 x 15 takes 2.3 ms so and 2.5 in
// place), and so are rows of outputs that share what they load even if they collide in the cache; from the smaller
// number on where columns of taps share nothing.
constexpr Index kManyTapRows = 9, kFewTapRows = 5;
// A result that the caches cannot hold is written past them: its lines need not be read first.
constexpr Index kStreamBytes = 16 << 20;
// For fewer taps, looking at every result costs what half of the products do (1e6 numbers by 5 real taps:
// 262 us with the imaginary parts, 275 without; by 16 647 and 451; 2026-11, AVX-512, 2 cores).
constexpr Index kTapsWorthChecking = 8;
// Cascade Lake and later have 1 to 2 MB of L2 per core; a tile's x and y take up to half of
// the smaller. Between 64 KB and 512 KB the time of a layer changed by less than 5 %.
constexpr Index kWindowBytes = 256 << 10;
constexpr Index kChannelsPerTask = 64;
constexpr Index kLeastBandWidth = 64;
// Whole rows are read fastest, even if their line buffer is larger than the second-level cache: 4096 x 4096 by 7 x 7
// Gaussian takes 10.1 ms in bands of 1024 and 8.0 ms in one (2026-11, AVX-512, 2 cores).
constexpr Index kBufferBytes = 1 << 20;
// Products of a tile, so that a call has enough tiles to share: about half a millisecond at 60
// products a nanosecond. At an eighth of it a 64-channel layer took 1.6 times as long (short
// tiles pack more of x than they use), at half of it 1.1 times (2026-11, AVX-512, 2 cores).
constexpr double kTileProducts = 32e6;
// A small call is cut in eight, down to a few microseconds each.
constexpr double kLeastProducts = 0.2e6;
constexpr Index kTapsPerPass = 1024;
constexpr double kProductsWorthParts = 1e6;
// Depthwise layers and small groups: a window and its outputs stay in the first-level cache. Elements share what a task
// decides about its tile; a call has so many tasks.
constexpr Index kPlaneBytes = 20 << 10, kLargestPlaneBytes = 64 << 10;
constexpr Index kPlaneTasks = 16, kFewestElements = 4;
// Rows at a time, out of a line buffer and into it.
constexpr Index kRowsOfOutputs = 16, kRowsIntoBuffer = 4;

// Signals that take turns are rows of their own, which share their loads, where their taps would look further around
// than the first-level cache: 1000 samples of 512 signals by 30 taps take 0.8 ms in rows and 1.9 as one axis, by 9 taps
// 0.44 and 0.42; 20000 of 128 by 30 take 5.1 and 3.8, by 100 8.6 and 15.9 (float32, 2026-11, AVX-512, one core).
constexpr Index kTurnsBytes = 32 << 10, kFewestInRows = 64;

Format format_of(const Problem& p, const FsMicrokernel& microkernel, int dot_width) {
  const FsConvert& convert = *p.isa.convert;
  const FsCompute sum = p.types.compute;
  const Index bytes = kComputeBytes[sum];
  const bool copies_y = !p.types.saturate && same_bits(p.types.y, sum);
  if (dot_width == 0) {
    const FsTileFn run = microkernel.run[sum];
    return {{run, run}, convert.load[sum][p.types.x], bytes, bytes, same_bits(p.types.x, sum), copies_y};
  }
  // Sums that are stored in 16 bits need no more on their way.
  const bool is_short = p.types.y == FS_T_I16 || p.types.y == FS_T_U16, is_quad = dot_width == 4;
  const FsTileFn* run = is_quad ? microkernel.run_quads : microkernel.run_pairs;
  return {{run[0], run[is_short]},
          convert.load_narrow[is_quad][p.types.x],
          is_quad ? 1 : 2,
          is_short ? 2 : bytes,
          is_quad ? p.types.x == FS_T_U8 : p.types.x == FS_T_I16,
          copies_y || is_short};
}

// A schedule in the making.
class Scheduler {
 public:
  Scheduler(Schedule& schedule, const View& x, const View& y, const Region* region)
      : s(schedule), p(*schedule.problem), x(x), y(y), region(region) {}

  void make(const TapsFacts& taps, bool has_bias) {
    s.parts = p.parts;
    s.part_bytes = kComputeBytes[p.types.compute];
    s.bytes = s.parts * s.part_bytes;
    s.taps = taps;
    if (region) s.taps.go_axis_by_axis = false;
    if (!p.has_outputs()) return place_axes();
    lay_axes();
    s.dot_width = s.taps.go_axis_by_axis || s.axes[s.inner()].axis.dilation > 1 ? 0 : taps.dot_width;
    s.format = format_of(p, *s.microkernel, s.dot_width);
    s.takes_real = taps.are_real && !has_bias && !s.is_replayed && s.w_taps() >= kTapsWorthChecking;
    s.shares_rows = is_worth_sharing_rows();
    s.y_in_place = y_can_be_written_in_place();
    s.streams = s.y_in_place && !s.takes_real && bytes_of_y() >= kStreamBytes;
    goes_by_planes() ? add_planes() : split(is_worth_reading_in_place());
    s.channel_block = std::min<Index>(p.n_out, kChannelsPerTask);
    s.n_channel_blocks = (p.n_out + s.channel_block - 1) / s.channel_block;
  }

  // The schedule for x and y, from what was made for arrays that lie as usual.
  void move_to(const View& own_x, const View& own_y) {
    s.takes_x = lays_axes_alike(own_x, y);
    s.takes_y = lays_axes_alike(x, own_y);
    if (!s.takes_x || !s.takes_y) return;
    Schedule laid = bare();
    Scheduler there(laid, own_x, own_y, region);
    p.has_outputs() ? there.lay_axes() : there.place_axes();
    std::copy(laid.axes, laid.axes + laid.n_axes, s.axes);
    s.y_offset = laid.y_offset;
    if (!p.has_outputs()) return;
    s.x_in_place = Scheduler(s, own_x, own_y, region).x_can_be_read_in_place();
    s.y_in_place = s.y_in_place && Scheduler(s, own_x, own_y, region).y_can_be_written_in_place();
  }

 private:
  Schedule& s;
  const Problem& p;
  const View &x, &y;
  const Region* region;

  // ---- axes that are one

  void lay_axes() {
    place_axes();
    s.batch_loops = p.batch_loops;
    s.n_batch = p.n_batch;
    if (region) return;
    merge_interleaved_batch();
    if (s.taps.go_axis_by_axis) return;
    if (!has_many_groups()) batch_as_axis();
    merge_trivial_axes();
  }

  void place_axes() {
    for (const Slide& slide : p.slides) s.axes[s.n_axes++] = placed(slide, x, y, s.y_offset);
  }

  // Channels that lie last (a photograph's red, green and blue, one kernel for all) are one longer
  // axis whose taps stand `channels` apart.
  void merge_interleaved_batch() {
    SumAxis& slide = s.axes[s.inner()];
    Axis& axis = slide.axis;
    const Index x_bytes = s.parts * kTypeBytes[p.types.x], y_bytes = s.parts * kTypeBytes[p.types.y];
    if (axis.stride != 1 || axis.up != 1 || s.batch_loops.empty()) return;
    const Loop loop = s.batch_loops.back();
    const Index n = loop.size;
    if (n < 2 || x.stride(loop.x_dim) != x_bytes || y.stride(loop.y_dim) != y_bytes) return;
    if (n >= kFewestInRows && n * slide.overhang * x_bytes >= kTurnsBytes && can_be_rows()) return batch_as_rows(loop);
    if (slide.x_stride != n * x_bytes || slide.y_stride != n * y_bytes) return;
    for (Index* count : {&axis.x, &axis.y, &axis.start, &axis.dilation}) *count *= n;
    slide.overhang *= n;
    slide.x_stride = x_bytes;
    slide.y_stride = y_bytes;
    slide.interleave = n;
    s.n_batch /= n;
    s.batch_loops.pop_back();
  }

  // Taps that are factors or dots lie as the axes of the problem do.
  bool can_be_rows() const {
    return s.n_axes < kMaxAxes && p.n_in * p.n_out == 1 && !s.taps.go_axis_by_axis && s.taps.dot_width == 0;
  }

  void batch_as_rows(const Loop& loop) {
    s.axes[s.n_axes++] = batch_axis(loop);
    s.n_batch /= loop.size;
    s.batch_loops.pop_back();
  }

  SumAxis batch_axis(const Loop& loop) const {
    SumAxis slide{Axis{}, x.stride(loop.x_dim), y.stride(loop.y_dim), 0};
    slide.axis.x = slide.axis.y = loop.size;
    slide.axis.w = slide.axis.stride = slide.axis.dilation = slide.axis.up = 1;
    return slide;
  }

  // Signals of a batch are an axis with a single tap, so that a tile may have many.
  void batch_as_axis() {
    if (s.batch_loops.empty() || s.n_axes == kMaxAxes || p.n_in * p.n_out > 1) return;
    const Loop loop = s.batch_loops.back();
    std::copy_backward(s.axes, s.axes + s.n_axes, s.axes + s.n_axes + 1);
    s.axes[0] = batch_axis(loop);
    ++s.n_axes;
    s.n_batch /= loop.size;
    s.batch_loops.pop_back();
  }

  // Neighbouring axes along which nothing slides are one longer axis (a 1 x 1 layer is one row).
  void merge_trivial_axes() {
    for (int a = s.n_axes - 2; a >= 0; --a) {
      if (!s.axes[a + 1].takes_on(s.axes[a])) continue;
      std::copy(s.axes + a + 1, s.axes + s.n_axes, s.axes + a);
      --s.n_axes;
    }
  }

  Schedule bare() const {
    Schedule made{s.problem, s.microkernel, s.is_replayed};
    made.parts = s.parts;
    made.taps = s.taps;
    return made;
  }

  // Whether the same axes are one in arrays that lie otherwise.
  bool lays_axes_alike(const View& other_x, const View& other_y) const {
    if (!p.has_outputs()) return true;
    Schedule laid = bare();
    Scheduler(laid, other_x, other_y, region).lay_axes();
    bool alike = laid.n_axes == s.n_axes && laid.n_batch == s.n_batch;
    for (int a = 0; a < s.n_axes; ++a)
      alike = alike && laid.axes[a].axis.x == s.axes[a].axis.x && laid.axes[a].interleave == s.axes[a].interleave;
    return alike;
  }

  // ---- what the arrays allow

  bool x_can_be_read_in_place() const {
    if (s.conjugates_x() || !s.format.copies_x) return false;
    if (s.axes[s.inner()].x_stride != s.x_bytes() || s.axes[s.inner()].axis.stride != 1) return false;
    bool fits = reinterpret_cast<Index>(x.data) % s.format.x_bytes == 0;
    for (int a = 0; a < s.n_axes; ++a) fits = fits && s.axes[a].axis.up == 1 && s.axes[a].x_stride % s.x_bytes() == 0;
    for (const Loop& loop : p.spec.loops) fits = fits && x.stride(loop.x_dim) % s.x_bytes() == 0;
    return fits;
  }

  bool has_long_rows() const {
    Index low, high;
    find_interior(s.axes[s.inner()], low, high);
    const Index most = region ? region->high[s.inner()] - region->low[s.inner()] : s.axes[s.inner()].axis.y;
    return high - low >= std::min(most, kLongRow);
  }

  // Rows that stand a multiple of 2 KB apart lie in one or two sets of the first-level cache, which has
  // room for fewer rows than a stencil reads at once.
  bool rows_collide(Index SumAxis::* stride) const { return s.axes[s.n_axes - 2].*stride % 2048 == 0; }

  bool y_can_be_written_in_place() const {
    if (!s.format.copies_y) return false;
    bool fits = reinterpret_cast<Index>(y.data) % s.y_bytes() == 0 && s.axes[s.inner()].y_stride == s.y_bytes();
    for (int a = 0; a < s.n_axes; ++a) fits = fits && s.axes[a].y_stride % s.y_bytes() == 0;
    for (const Loop& loop : p.spec.loops) fits = fits && y.stride(loop.y_dim) % s.y_bytes() == 0;
    // Output channels must lie evenly.
    return fits && (p.out_loops.size() <= 1);
  }

  Index bytes_of_y() const {
    Index n = s.y_bytes();
    for (int d = 0; d < y.ndim; ++d) n *= y.shape[d];
    return n;
  }

  // Whether rows of outputs read the same rows of x, each with another row of taps.
  bool has_tap_rows() const {
    if (s.n_axes < 2) return false;
    const Axis& axis = s.axes[s.n_axes - 2].axis;
    return axis.w > 1 && axis.stride == 1 && axis.dilation == 1;
  }

  // Whether the kernel shares loads among the taps of a row, so that rows need not where they collide.
  bool shares_columns() const {
    const Axis& axis = s.axes[s.inner()].axis;
    return axis.w > 1 && axis.stride == 1 && axis.dilation * s.parts <= s.microkernel->longest_step;
  }

  bool is_worth_sharing_rows() const {
    return s.microkernel->shares_rows && s.dot_width == 0 && (s.parts == 1 || s.takes_real) && has_tap_rows() &&
           (!rows_collide(&SumAxis::y_stride) ||
            s.axes[s.n_axes - 2].axis.w >= (shares_columns() ? kManyTapRows : kFewTapRows));
  }

  // Where the interior is read in place its edges are pieces of their own, and passes axis by axis would
  // be as wide there as the taps; packing short rows whole costs less than a look at each end.
  bool is_worth_reading_in_place() const {
    return x_can_be_read_in_place() && !(s.taps.go_axis_by_axis && s.n_axes > 1) && has_long_rows() &&
           !(s.shares_rows && (rows_collide(&SumAxis::x_stride) || s.axes[s.n_axes - 2].axis.w >= kManyTapRows));
  }

  // ---- planes

  bool has_many_groups() const { return has_small_groups(p) && p.n_groups * p.n_batch >= kFewestElements; }

  // Bytes of a window of all channels of a group.
  Index window_bytes(const Index* extent) const {
    Index bytes = p.n_in * s.x_bytes();
    for (int a = 0; a < s.n_axes; ++a) {
      const Axis& axis = s.axes[a].axis;
      bytes *= std::min(axis.stride, axis.w) * (extent[a] + s.axes[a].overhang / axis.stride);
    }
    return bytes;
  }

  bool goes_by_planes() const {
    if (!has_many_groups() || region || s.is_replayed || s.taps.go_axis_by_axis || s.dot_width > 0) return false;
    Index extent[kMaxAxes];
    std::fill(extent, extent + s.n_axes, 1);
    return window_bytes(extent) <= kPlaneBytes &&
           std::all_of(s.axes, s.axes + s.n_axes, [](const SumAxis& slide) { return slide.axis.up == 1; });
  }

  // Whole planes if they are small enough, or else bands of them.
  void add_planes() {
    Piece piece;
    for (int a = 0; a < s.n_axes; ++a) {
      piece.low[a] = 0;
      piece.high[a] = s.axes[a].axis.y;
      piece.extent[a] = 1;
    }
    for (int a = s.inner(); a >= 0; --a) {
      const Index most = piece.high[a], room = a == s.inner() ? kLargestPlaneBytes : kPlaneBytes;
      piece.extent[a] = 0;
      const Index without = window_bytes(piece.extent);
      piece.extent[a] = 1;
      const Index each = std::max<Index>(1, window_bytes(piece.extent) - without);
      const Index fitting = std::clamp<Index>((room - without) / each, 1, most);
      piece.extent[a] = whole_blocks(a, ceil_div(most, ceil_div(most, fitting)), most);
    }
    piece.n_tiles = 1;
    for (int a = 0; a < s.n_axes; ++a) piece.n_tiles *= ceil_div(piece.high[a], piece.extent[a]);
    s.n_tiles = piece.n_tiles;
    s.pieces.push_back(piece);
    s.elements_per_task = std::max(kFewestElements, ceil_div(s.n_elements() * s.n_tiles, kPlaneTasks));
  }

  // ---- pieces and tiles

  // The interior, read in place, and slabs around it whose windows are packed; or one piece.
  void split(bool in_place) {
    Piece whole;
    for (int a = 0; a < s.n_axes; ++a) {
      whole.low[a] = region ? region->low[a] : 0;
      whole.high[a] = region ? region->high[a] : s.axes[a].axis.y;
    }
    if (!in_place || !split_in_place(whole)) add(whole);
  }

  // False where some axis has no interior.
  bool split_in_place(const Piece& whole) {
    Index low[kMaxAxes], high[kMaxAxes];
    for (int a = 0; a < s.n_axes; ++a) {
      find_interior(s.axes[a], low[a], high[a]);
      low[a] = std::clamp(low[a], whole.low[a], whole.high[a]);
      high[a] = std::clamp(high[a], low[a], whole.high[a]);
      if (low[a] == high[a]) return false;
    }
    Piece rest = whole;
    for (int a = 0; a < s.n_axes; ++a) {
      add_slab(rest, a, whole.low[a], low[a]);
      add_slab(rest, a, high[a], whole.high[a]);
      rest.low[a] = low[a];
      rest.high[a] = high[a];
    }
    rest.source = Source::in_place;
    add(rest);
    return true;
  }

  void add_slab(const Piece& of, int axis, Index low, Index high) {
    if (low >= high) return;
    Piece slab = of;
    slab.low[axis] = low;
    slab.high[axis] = high;
    add(slab);
  }

  void add(Piece piece) {
    if (goes_row_by_row(piece)) piece.source = Source::line_buffer;
    piece.source == Source::line_buffer ? choose_band(piece) : choose_extents(piece);
    piece.n_tiles = 1;
    for (int a = 0; a < s.n_axes; ++a)
      piece.n_tiles *= (piece.high[a] - piece.low[a] + piece.extent[a] - 1) / piece.extent[a];
    s.n_tiles += piece.n_tiles;
    s.pieces.push_back(piece);
  }

  // Rows of outputs that share what they load are so many at once: all tiles but the last one have whole blocks.
  Index whole_blocks(int a, Index extent, Index most) const {
    if (!s.shares_rows || s.taps.go_axis_by_axis || a != s.n_axes - 2 || extent <= kRowsOfOutputs) return extent;
    return std::min(most, ceil_div(extent, kRowsOfOutputs) * kRowsOfOutputs);
  }

  // Row by row a tile is a band along the first long axis, as long as the threads permit and as wide as its line buffer
  // may be.
  void choose_band(Piece& piece) const {
    const int along = s.first_long_axis();
    const Index parts = worth_parts(piece), rows = 2 * s.axes[along].overhang + kRowsOfOutputs;
    Index room = std::max<Index>(1, kBufferBytes / (s.bytes * s.taps.rank * rows));
    for (int a = s.inner(); a >= 0; --a) {
      const Index most = piece.high[a] - piece.low[a], over = s.axes[a].overhang;
      const Index wanted = a == along  ? std::max(4 * over, (most + parts - 1) / parts)
                           : a > along ? std::max({Index(1), 2 * over, room})
                                       : 1;
      const Index n = (most + wanted - 1) / wanted;
      piece.extent[a] = whole_blocks(a, (most + n - 1) / n, most);
      if (a > along) room /= piece.extent[a];
    }
  }

  // Whether tiles are bands with a line buffer. Small calls have steps to note, and one tile.
  bool goes_row_by_row(const Piece& piece) const {
    if (s.taps.go_axis_by_axis) return s.first_long_axis() < s.inner();
    bool fits = s.shares_rows && piece.source != Source::in_place && !region && s.parts == 1 && p.n_in == 1 &&
                !s.is_replayed && piece.high[s.inner()] - piece.low[s.inner()] >= kLeastBandWidth;
    for (int a = 0; a < s.n_axes; ++a) fits = fits && s.axes[a].axis.stride == 1 && s.axes[a].axis.up == 1;
    return fits;
  }

  // In how many a piece is cut for the threads' sake: a single image of some size in four, unless its tiles
  // had too many rows in common. 256 x 256 by 15 x 15 takes 85 us whole, 50 in parts (2026-11, 2 cores).
  Index worth_parts(const Piece& piece) const {
    double products = 8;
    for (int a = 0; s.taps.go_axis_by_axis && a < s.n_axes; ++a)
      products += static_cast<double>(s.taps.rank * s.axes[a].axis.w);
    if (!s.taps.go_axis_by_axis) products += static_cast<double>(p.taps_per_channel);
    for (int a = 0; a < s.n_axes; ++a) products *= static_cast<double>(piece.high[a] - piece.low[a]);
    return products < kProductsWorthParts ? 1 : std::max<Index>(1, 4 / (s.n_batch * p.n_groups));
  }

  // Grows a tile from the innermost axis outwards until its window or its work is full.
  void choose_extents(Piece& piece) const {
    const double channels = static_cast<double>(std::min(p.n_in, s.channels_per_pass()));
    const double products = static_cast<double>(s.parts * s.parts * p.n_in * p.taps_per_channel) *
                            static_cast<double>(std::min(p.n_out, kChannelsPerTask));
    double window = channels * static_cast<double>(s.x_bytes()), work = products;
    for (int a = 0; a < s.n_axes; ++a) window *= static_cast<double>(1 + s.axes[a].overhang);
    for (int a = s.inner(); a >= 0; --a) {
      const SumAxis& slide = s.axes[a];
      const double step = static_cast<double>(slide.axis.stride), over = static_cast<double>(1 + slide.overhang);
      const double by_window = (kWindowBytes / window * over - over) / step + 1;
      const double by_work = std::min(kTileProducts, std::max(kLeastProducts, p.products / 8)) / work;
      const Index least = a == s.inner() ? std::max<Index>(256, slide.overhang / 4) : slide.overhang / 4;
      const Index most = piece.high[a] - piece.low[a];
      const double by_shape =
          a == s.inner() && s.shares_rows && piece.source != Source::in_place ? widest_packed() : 1e15;
      const Index extent = static_cast<Index>(std::max(1.0, std::min({by_window, by_work, by_shape, 1e15})));
      piece.extent[a] = std::max<Index>(1, std::min(most, std::max(extent, least)));
      // Even tiles: a short last one would leave a thread with nothing to do.
      const Index n = (most + piece.extent[a] - 1) / piece.extent[a];
      piece.extent[a] = whole_blocks(a, (most + n - 1) / n, most);
      window *= (static_cast<double>(piece.extent[a] - 1) * step + over) / over;
      work *= static_cast<double>(piece.extent[a]);
    }
  }

  // Rows of a packed tile beyond its outputs are packed for the next tile again: rather many rows than
  // long ones, four times as many as overhang.
  double widest_packed() const {
    const double over = static_cast<double>(s.axes[s.n_axes - 2].overhang);
    return static_cast<double>(kWindowBytes / s.x_bytes()) / (5 * over + 16) -
           static_cast<double>(s.axes[s.inner()].overhang);
  }
};

}  // namespace

std::string Schedule::describe() const {
  std::string text;
  for (const Piece& piece : pieces) {
    text +=
        (text.empty() ? "" : "; ") + std::to_string(piece.n_tiles) + (piece.n_tiles == 1 ? " tile of " : " tiles of ");
    for (int a = 0; a < n_axes; ++a) text += (a ? " by " : "") + std::to_string(piece.extent[a]);
    constexpr const char* sources[] = {", x read in place", ", x packed", ", x through a line buffer"};
    text += sources[static_cast<int>(piece.source)];
  }
  if (elements_per_task > 0) text += ", for " + std::to_string(elements_per_task) + " groups in turn";
  if (dot_width > 0) text += "; dots of " + std::to_string(dot_width);
  if (shares_rows) text += "; rows share loads";
  if (y_in_place) text += streams ? "; y past the caches" : "; y in place";
  return text;
}

Index Schedule::channels_per_pass() const {
  return std::max<Index>(1, std::min(problem->n_in, kTapsPerPass / std::max<Index>(1, problem->taps_per_channel)));
}

Index Schedule::rows_of_outputs() const { return kRowsOfOutputs; }

Index Schedule::rows_into_buffer() const { return kRowsIntoBuffer; }

SumAxis placed(const Slide& slide, const View& x, const View& y, Index& y_offset) {
  SumAxis made{slide.axis, x.stride(slide.axis.x_dim), y.stride(slide.axis.y_dim), slide.overhang()};
  if (slide.y_reversed) {
    y_offset += made.y_stride * (made.axis.y - 1);
    made.y_stride = -made.y_stride;
  }
  return made;
}

void find_interior(const SumAxis& slide, Index& low, Index& high) {
  const Axis& axis = slide.axis;
  low = std::clamp<Index>(-floor_div(axis.start, axis.stride), 0, axis.y);
  high = std::clamp<Index>(floor_div(axis.x - 1 - slide.overhang - axis.start, axis.stride) + 1, low, axis.y);
}

Schedule make_schedule(const Problem& problem, const FsMicrokernel& microkernel, bool is_replayed, const View& x,
                       const View& y, const TapsFacts& taps, bool has_bias, const Region* region) {
  Schedule schedule{&problem, &microkernel, is_replayed};
  if (x_lies_usually(problem, x) && y_lies_usually(problem, y)) {
    Scheduler(schedule, x, y, region).make(taps, has_bias);
    return schedule;
  }
  const Lying lying_x(x, x_item_bytes(problem)), lying_y(y, y_item_bytes(problem));
  Scheduler usual(schedule, lying_x.usual, lying_y.usual, region);
  usual.make(taps, has_bias);
  usual.move_to(lying_x.own, lying_y.own);
  return schedule;
}

}  // namespace flipslide
