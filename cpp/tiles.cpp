// The direct sums: outputs cut into tiles, each ending in one call of a kernel.
#include "driver.hpp"

#include <algorithm>
#include <cstring>
#include <memory>

#include "recipe.hpp"
#include "thread/pool.hpp"

namespace flipslide {

// ---------------------------------------------------------------------------- one call

namespace {

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

struct Box {
  Index low[kMaxAxes], high[kMaxAxes], extent[kMaxAxes];
  Index n_tiles = 0;
  bool in_place = false;  // x is read where it lies
};

// geometry.extend_index for `interleave` signals whose samples take turns.
Index extend_interleaved(Index i, const Axis& axis, Index interleave) {
  if (interleave == 1) return extend(i, axis.x, axis.boundary);
  const Index sample = extend(floor_div(i, interleave), axis.x / interleave, axis.boundary);
  return sample < 0 ? sample : sample * interleave + i - floor_div(i, interleave) * interleave;
}

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

thread_local Workspace workspace;

}  // namespace

// A call in progress: the arrays, the way their axes lie in memory, and the tiles.
class TileRun {
 public:
  TileRun(const Convolution& of, const View& x, const PackedTaps& w, const void* bias, const View& y,
          const Region* region = nullptr)
      : c_(of),
        x_(x),
        w_(w),
        bias_(static_cast<const std::byte*>(bias)),
        y_(y),
        parts_(of.parts_),
        part_bytes_(kComputeBytes[of.types_.compute]),
        bytes_(parts_ * part_bytes_) {
    place_axes();
    redoes_ = region != nullptr;
    is_separable_ = !w.factors.empty() && !region;
    batch_ = of.batch_;
    n_batch_ = of.n_batch_;
    if (!region) merge_interleaved_batch();
    if (!region && !is_separable_) {
      batch_as_axis();
      merge_trivial_axes();
    }
    dot_width_ = is_separable_ || slides_[inner()].axis.dilation > 1 ? 0 : w.dot_width;
    format_ = of.format(dot_width_);
    takes_real_ = w.real && !bias && !of.recipes() && w_taps() >= kTapsWorthChecking;
    shares_rows_ = c_.kernel_.shares_rows && dot_width_ == 0 && (parts_ == 1 || takes_real_) && has_tap_rows() &&
                   (!rows_collide(&Slide::y_stride) ||
                    slides_[n_axes_ - 2].axis.w >= (shares_columns() ? kManyTapRows : kFewTapRows));
    // Where the interior is read in place its edges are boxes of their own, and passes axis by axis would
    // be as wide there as the taps; packing short rows whole costs less than a look at each end.
    x_in_place_ = x_can_be_read_in_place() && !(is_separable_ && n_axes_ > 1) && has_long_rows(region) &&
                  !(shares_rows_ && (rows_collide(&Slide::x_stride) || slides_[n_axes_ - 2].axis.w >= kManyTapRows));
    y_in_place_ = y_can_be_written_in_place();
    streams_ = y_in_place_ && !takes_real_ && bytes_of_y() >= kStreamBytes;
    split_into_boxes(region);
    channel_block_ = std::min<Index>(c_.n_out_, kChannelsPerTask);
    n_channel_blocks_ = (c_.n_out_ + channel_block_ - 1) / channel_block_;
  }

  Index n_tasks() const { return n_batch_ * c_.n_groups_ * n_channel_blocks_ * n_tiles_; }

  void operator()(Index task) const {
    const Index tile = task % n_tiles_;
    task /= n_tiles_;
    const Index block = task % n_channel_blocks_;
    task /= n_channel_blocks_;
    TaskPlace place{task / c_.n_groups_, task % c_.n_groups_, block * channel_block_,
                    std::min(c_.n_out_, (block + 1) * channel_block_)};
    run_tile(place, tile);
  }

  const Format& format() const { return format_; }

  // Does the call, and notes its steps.
  void note(Recipe& recipe) {
    if (is_separable_ || conjugates_x()) recipe.give_up();
    recipe_ = &recipe;
    for (Index task = 0; task < n_tasks(); ++task) (*this)(task);
    recipe_ = nullptr;
  }

  void redo(const Region& region) const {
    const TaskPlace place{region.batch, region.group, region.out, region.out + 1};
    for (Index tile = 0; tile < n_tiles_; ++tile) run_tile(place, tile);
  }

 private:
  // Cascade Lake and later have 1 to 2 MB of L2 per core; a tile's x and y take up to half of
  // the smaller. Between 64 KB and 512 KB the time of a layer changed by less than 5 %.
  static constexpr Index kWindowBytes = 256 << 10;
  static constexpr Index kChannelsPerTask = 64;
  // Products of a tile, so that a call has enough tiles to share: about half a millisecond at 60
  // products a nanosecond. At an eighth of it a 64-channel layer took 1.6 times as long (short
  // tiles pack more of x than they use), at half of it 1.1 times (2026-11, AVX-512, 2 cores).
  static constexpr Index kLeastBandWidth = 64;
  // Whole rows are read fastest, even if their ring is larger than the second-level cache: 4096 x 4096 by 7 x 7
  // Gaussian takes 10.1 ms in bands of 1024 and 8.0 ms in one (2026-11, AVX-512, 2 cores).
  static constexpr Index kRingBytes = 1 << 20;
  static constexpr Index kRowsOfOutputs = 16, kRowsIntoRing = 4;
  static constexpr double kTileProducts = 32e6;
  // A small call is cut in eight, down to a few microseconds each.
  static constexpr double kLeastProducts = 0.2e6;
  static constexpr Index kTapsPerPass = 1024;
  static constexpr double kProductsWorthParts = 1e6;
  // Read in place with their ends apart, 512 rows of 1000 by 5 taps take 115 us and packed 170, 1000 x 1000 by
  // 3 x 3 takes 300 and 330; but 512 x 512 by 5 x 5 takes 190 and 170 (2026-11, AVX-512, one core).
  static constexpr Index kLongRow = 768;
  // So many rows of taps are worth a ring of rows (1000 x 1000 by 15 x 15 takes 2.3 ms so and 2.5 in place), and rows
  // of outputs that share what they load even if they collide in the cache; as few do if columns of taps share nothing.
  static constexpr Index kManyTapRows = 9, kFewTapRows = 5;
  // A result that the caches cannot hold is written past them: its lines need not be read first.
  static constexpr Index kStreamBytes = 16 << 20;
  // For fewer taps, looking at every result costs what half of the products do (1e6 numbers by 5 real taps:
  // 262 us with the imaginary parts, 275 without; by 16 647 and 451; 2026-11, AVX-512, 2 cores).
  static constexpr Index kTapsWorthChecking = 8;

  struct Slide {
    Axis axis;
    Index x_stride, y_stride;  // bytes
    Index overhang;
    Index interleave = 1;  // signals of the batch whose samples take turns along this axis
  };

  struct TaskPlace {
    Index batch, group, first_channel, end_channel;
  };

  const Convolution& c_;
  const View& x_;
  const PackedTaps& w_;
  const std::byte* bias_;
  const View& y_;
  const Index parts_, part_bytes_, bytes_;  // of a number of the sum; lengths and steps are in numbers
  Format format_{};
  const std::byte* x_base_ = nullptr;
  std::byte* y_base_ = nullptr;
  int n_axes_ = 0;
  std::vector<Loop> batch_;
  Index n_batch_ = 1;
  Slide slides_[kMaxAxes];
  bool x_in_place_ = false, redoes_ = false, y_in_place_ = false, is_separable_ = false, shares_rows_ = false,
       streams_ = false;
  int dot_width_ = 0;        // of narrow integers: see kernels/dots.hpp
  bool takes_real_ = false;  // of complex taps the real parts, until a sample is not finite
  Index channel_block_ = 1, n_channel_blocks_ = 1;
  std::vector<Box> boxes_;
  Index n_tiles_ = 0;
  Recipe* recipe_ = nullptr;  // what is done is noted there

  int inner() const { return n_axes_ - 1; }

  // ---- how the arrays lie

  void place_axes() {
    x_base_ = x_.data;
    y_base_ = y_.data;
    for (const Convolution::Slide& given : c_.slides_) {
      Slide slide{given.axis, x_.stride(given.axis.x_dim), y_.stride(given.axis.y_dim), given.overhang()};
      if (given.y_reversed) {
        y_base_ += slide.y_stride * (slide.axis.y - 1);
        slide.y_stride = -slide.y_stride;
      }
      slides_[n_axes_++] = slide;
    }
  }

  // Channels that lie last (a photograph's red, green and blue, one kernel for all) are one longer
  // axis whose taps stand `channels` apart.
  void merge_interleaved_batch() {
    Slide& slide = slides_[inner()];
    Axis& axis = slide.axis;
    const Index x_bytes = parts_ * kTypeBytes[c_.types_.x], y_bytes = parts_ * kTypeBytes[c_.types_.y];
    if (axis.stride != 1 || axis.up != 1 || batch_.empty()) return;
    const Loop& loop = batch_.back();
    const Index n = loop.size;
    if (n < 2 || x_.stride(loop.x_dim) != x_bytes || slide.x_stride != n * x_bytes) return;
    if (y_.stride(loop.y_dim) != y_bytes || slide.y_stride != n * y_bytes) return;
    for (Index* count : {&axis.x, &axis.y, &axis.start, &axis.dilation}) *count *= n;
    slide.overhang *= n;
    slide.x_stride = x_bytes;
    slide.y_stride = y_bytes;
    slide.interleave = n;
    n_batch_ /= n;
    batch_.pop_back();
  }

  // Signals of a batch are an axis with a single tap, so that a tile may have many.
  void batch_as_axis() {
    if (batch_.empty() || n_axes_ == kMaxAxes || c_.n_in_ * c_.n_out_ > 1) return;
    const Loop loop = batch_.back();
    Slide slide{Axis{}, x_.stride(loop.x_dim), y_.stride(loop.y_dim), 0};
    slide.axis.x = slide.axis.y = loop.size;
    slide.axis.w = slide.axis.stride = slide.axis.dilation = slide.axis.up = 1;
    std::copy_backward(slides_, slides_ + n_axes_, slides_ + n_axes_ + 1);
    slides_[0] = slide;
    ++n_axes_;
    n_batch_ /= loop.size;
    batch_.pop_back();
  }

  static bool is_trivial(const Slide& slide) {
    const Axis& axis = slide.axis;
    return axis.w == 1 && axis.stride == 1 && axis.start == 0 && axis.up == 1 && axis.x == axis.y;
  }

  // Neighbouring axes along which nothing slides are one longer axis (a 1 x 1 layer is one row).
  void merge_trivial_axes() {
    for (int a = n_axes_ - 2; a >= 0; --a) {
      Slide &outer = slides_[a], &next = slides_[a + 1];
      if (!is_trivial(outer) || !is_trivial(next) || outer.x_stride != next.x_stride * next.axis.x ||
          outer.y_stride != next.y_stride * next.axis.y)
        continue;
      next.axis.x = next.axis.y = outer.axis.x * next.axis.x;
      std::copy(slides_ + a + 1, slides_ + n_axes_, slides_ + a);
      --n_axes_;
    }
  }

  // Of a number in packed x, and of one in y where that is written in place.
  Index x_bytes() const { return parts_ * format_.x_bytes; }
  Index y_bytes() const { return parts_ * format_.y_bytes; }

  bool x_can_be_read_in_place() const {
    if (conjugates_x() || !format_.copies_x) return false;
    if (slides_[inner()].x_stride != x_bytes() || slides_[inner()].axis.stride != 1) return false;
    bool fits = reinterpret_cast<Index>(x_.data) % format_.x_bytes == 0;
    for (int a = 0; a < n_axes_; ++a) fits = fits && slides_[a].axis.up == 1 && slides_[a].x_stride % x_bytes() == 0;
    for (const Loop& loop : c_.spec_.loops) fits = fits && x_.stride(loop.x_dim) % x_bytes() == 0;
    return fits;
  }

  bool has_long_rows(const Region* region) const {
    Index low, high;
    find_interior(slides_[inner()], low, high);
    const Index most = region ? region->high[inner()] - region->low[inner()] : slides_[inner()].axis.y;
    return high - low >= std::min(most, kLongRow);
  }

  // Rows that stand a multiple of 2 KB apart lie in one or two sets of the first-level cache, which has
  // room for fewer rows than a stencil reads at once.
  bool rows_collide(Index Slide::* stride) const { return slides_[n_axes_ - 2].*stride % 2048 == 0; }

  bool y_can_be_written_in_place() const {
    if (!format_.copies_y) return false;
    bool fits = reinterpret_cast<Index>(y_.data) % y_bytes() == 0 && slides_[inner()].y_stride == y_bytes();
    for (int a = 0; a < n_axes_; ++a) fits = fits && slides_[a].y_stride % y_bytes() == 0;
    for (const Loop& loop : c_.spec_.loops) fits = fits && y_.stride(loop.y_dim) % y_bytes() == 0;
    // Output channels must lie evenly.
    return fits && (c_.out_.size() <= 1);
  }

  Index bytes_of_y() const {
    Index n = y_bytes();
    for (int d = 0; d < y_.ndim; ++d) n *= y_.shape[d];
    return n;
  }

  // ---- boxes and tiles

  // The outputs of an axis whose every term has its sample: [low, high).
  static void find_interior(const Slide& slide, Index& low, Index& high) {
    const Axis& axis = slide.axis;
    low = std::clamp<Index>(-floor_div(axis.start, axis.stride), 0, axis.y);
    high = std::clamp<Index>(floor_div(axis.x - 1 - slide.overhang - axis.start, axis.stride) + 1, low, axis.y);
  }

  void split_into_boxes(const Region* region) {
    Box whole;
    for (int a = 0; a < n_axes_; ++a) {
      whole.low[a] = region ? region->low[a] : 0;
      whole.high[a] = region ? region->high[a] : slides_[a].axis.y;
    }
    if (x_in_place_) {
      Box rest = whole;
      for (int a = 0; a < n_axes_; ++a) {
        Index low, high;
        find_interior(slides_[a], low, high);
        low = std::clamp(low, whole.low[a], whole.high[a]);
        high = std::clamp(high, low, whole.high[a]);
        if (high == low) {
          x_in_place_ = false;
          break;
        }
        add_slab(rest, a, whole.low[a], low);
        add_slab(rest, a, high, whole.high[a]);
        rest.low[a] = low;
        rest.high[a] = high;
      }
      if (x_in_place_) {
        rest.in_place = true;
        add_box(rest);
        return;
      }
      boxes_.clear();
      n_tiles_ = 0;
    }
    add_box(whole);
  }

  void add_slab(const Box& of, int axis, Index low, Index high) {
    if (low >= high) return;
    Box slab = of;
    slab.low[axis] = low;
    slab.high[axis] = high;
    add_box(slab);
  }

  void add_box(Box box) {
    choose_extents(box);
    box.n_tiles = 1;
    for (int a = 0; a < n_axes_; ++a) box.n_tiles *= (box.high[a] - box.low[a] + box.extent[a] - 1) / box.extent[a];
    n_tiles_ += box.n_tiles;
    boxes_.push_back(box);
  }

  // Row by row a tile is a band along the first long axis, as long as the threads permit and as wide as its ring may
  // be.
  void choose_band(Box& box) const {
    const int ring = first_long_axis();
    const Index parts = worth_parts(box), rows = 2 * slides_[ring].overhang + kRowsOfOutputs;
    Index room = std::max<Index>(1, kRingBytes / (bytes_ * w_.rank * rows));
    for (int a = inner(); a >= 0; --a) {
      const Index most = box.high[a] - box.low[a], over = slides_[a].overhang;
      const Index wanted = a == ring  ? std::max(4 * over, (most + parts - 1) / parts)
                           : a > ring ? std::max({Index(1), 2 * over, room})
                                      : 1;
      const Index n = (most + wanted - 1) / wanted;
      box.extent[a] = (most + n - 1) / n;
      if (a > ring) room /= box.extent[a];
    }
  }

  // Whether tiles are bands with a ring. Small calls have steps to note, and one tile.
  bool goes_row_by_row(const Box& box) const {
    if (is_separable_) return first_long_axis() < inner();
    bool fits = shares_rows_ && !box.in_place && !redoes_ && parts_ == 1 && c_.n_in_ == 1 && !c_.recipes() &&
                box.high[inner()] - box.low[inner()] >= kLeastBandWidth;
    for (int a = 0; a < n_axes_; ++a) fits = fits && slides_[a].axis.stride == 1 && slides_[a].axis.up == 1;
    return fits;
  }

  // In how many a box is cut for the threads' sake: a single image of some size in four, unless its tiles
  // had too many rows in common. 256 x 256 by 15 x 15 takes 85 us whole, 50 in parts (2026-11, 2 cores).
  Index worth_parts(const Box& box) const {
    double products = 8;
    for (int a = 0; is_separable_ && a < n_axes_; ++a) products += static_cast<double>(w_.rank * slides_[a].axis.w);
    if (!is_separable_) products += static_cast<double>(c_.taps_per_channel_);
    for (int a = 0; a < n_axes_; ++a) products *= static_cast<double>(box.high[a] - box.low[a]);
    return products < kProductsWorthParts ? 1 : std::max<Index>(1, 4 / (n_batch_ * c_.n_groups_));
  }

  // Grows a tile from the innermost axis outwards until its window or its work is full.
  void choose_extents(Box& box) const {
    if (goes_row_by_row(box)) return choose_band(box);
    const double channels = static_cast<double>(std::min(c_.n_in_, channels_per_pass()));
    const double products = static_cast<double>(parts_ * parts_ * c_.n_in_ * c_.taps_per_channel_) *
                            static_cast<double>(std::min(c_.n_out_, kChannelsPerTask));
    double window = channels * static_cast<double>(x_bytes()), work = products;
    for (int a = 0; a < n_axes_; ++a) window *= static_cast<double>(1 + slides_[a].overhang);
    for (int a = inner(); a >= 0; --a) {
      const Slide& slide = slides_[a];
      const double step = static_cast<double>(slide.axis.stride), over = static_cast<double>(1 + slide.overhang);
      const double by_window = (kWindowBytes / window * over - over) / step + 1;
      const double by_work = std::min(kTileProducts, std::max(kLeastProducts, c_.products() / 8)) / work;
      const Index least = a == inner() ? std::max<Index>(256, slide.overhang / 4) : slide.overhang / 4;
      const Index most = box.high[a] - box.low[a];
      const double by_shape = a == inner() && shares_rows_ && !box.in_place ? widest_packed() : 1e15;
      const Index extent = static_cast<Index>(std::max(1.0, std::min({by_window, by_work, by_shape, 1e15})));
      box.extent[a] = std::max<Index>(1, std::min(most, std::max(extent, least)));
      // Even tiles: a short last one would leave a thread with nothing to do.
      const Index n = (most + box.extent[a] - 1) / box.extent[a];
      box.extent[a] = (most + n - 1) / n;
      window *= (static_cast<double>(box.extent[a] - 1) * step + over) / over;
      work *= static_cast<double>(box.extent[a]);
    }
  }

  // Rows of a packed tile beyond its outputs are packed for the next tile again: rather many rows than
  // long ones, four times as many as overhang.
  double widest_packed() const {
    const double over = static_cast<double>(slides_[n_axes_ - 2].overhang);
    return static_cast<double>(kWindowBytes / x_bytes()) / (5 * over + 16) -
           static_cast<double>(slides_[inner()].overhang);
  }

  Index channels_per_pass() const {
    return std::max<Index>(1, std::min(c_.n_in_, kTapsPerPass / std::max<Index>(1, c_.taps_per_channel_)));
  }

  // ---- one tile

  // How a tile's outputs map to runs. In a packed tile the rows of the last two axes may be one
  // run: the places between two rows are computed too and thrown away, which is cheaper than
  // a part-filled vector at the end of every row.
  struct TileShape {
    Index length, rows_per_run, row_pitch, run_pitch;
    int n_outer;             // axes that make runs
    Index x_step[kMaxAxes];  // elements of x between outputs, for those axes
    Index plane;             // elements of a packed channel
  };

  void run_tile(const TaskPlace& place, Index number) const {
    const Box* box = boxes_.data();
    while (number >= box->n_tiles) number -= (box++)->n_tiles;
    Index low[kMaxAxes], extent[kMaxAxes];
    for (int a = inner(); a >= 0; --a) {
      const Index n = (box->high[a] - box->low[a] + box->extent[a] - 1) / box->extent[a];
      low[a] = box->low[a] + number % n * box->extent[a];
      extent[a] = std::min(box->extent[a], box->high[a] - low[a]);
      number /= n;
    }
    Workspace& work = workspace;
    if (goes_row_by_row(*box))
      return is_separable_ ? run_axis_by_axis(work, place, low, extent) : sum_row_by_row(work, place, low, extent);
    const TileShape shape = box->in_place ? shape_in_place(extent) : shape_packed(work, low, extent);
    const bool write_in_place = y_in_place_ && shape.rows_per_run == 1;
    FsTile tile = tile_of(work, shape, place, low, extent, write_in_place);
    const std::byte* x = x_of(place);
    if (is_separable_) {
      tile.x = box->in_place ? list_taps_in_place(work, x, 0, 1) : pack_x(work, shape, x, 0, 1);
      sum_boxes_of_rows(work, place, tile);
    } else if (dot_width_ > 0) {
      sum_channels(work, shape, place, tile, x, w_.dots, dot_width_);
    } else {
      if (takes_real_) sum_channels(work, shape, place, tile, x, w_.real, 1);
      if (!takes_real_ || !is_finite(tile)) sum_channels(work, shape, place, tile, x, w_.data, parts_);
    }
    if (!write_in_place) store_y(work, shape, place, tile, y_of(place), low, extent);
  }

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

  const std::byte* x_of(const TaskPlace& place) const {
    return x_.data + locate(batch_, &Loop::x_dim, place.batch, x_) + locate(c_.group_, &Loop::x_dim, place.group, x_);
  }

  std::byte* y_of(const TaskPlace& place) const {
    return y_base_ + locate(batch_, &Loop::y_dim, place.batch, y_) + locate(c_.group_, &Loop::y_dim, place.group, y_);
  }

  // As a kernel counts them.
  Index taps_per_channel() const { return dot_width_ > 0 ? c_.dots_per_channel(dot_width_) : c_.taps_per_channel_; }
  Index w_taps() const { return c_.n_in_ * taps_per_channel(); }

  // Some input channels a pass. `w` holds the first `w_parts` parts of the taps, or their
  // dots for so many kinds of outputs.
  void sum_channels(Workspace& work, const TileShape& shape, const TaskPlace& place, FsTile tile, const std::byte* x,
                    const std::byte* w, Index w_parts) const {
    tile.w = w + (place.group * c_.n_out_ + place.first_channel) * w_taps() * w_parts * part_bytes_;
    tile.complex_taps = parts_ == 2 && w_parts == 2;
    const Index per_pass = channels_per_pass();
    Index first = 0;
    do {
      const Index end = std::min(c_.n_in_, first + per_pass);
      tile.first_tap = first * taps_per_channel();
      tile.n_taps = (end - first) * taps_per_channel();
      tile.x = shape.plane == 0 ? list_taps_in_place(work, x, first, end) : pack_x(work, shape, x, first, end);
      tile.taps = work.taps.data();
      format_.run[y_in_place_ && shape.rows_per_run == 1](&tile);
      if (recipe_) note_kernel(shape, place, tile);
      tile.accumulate = 1;
      first = end;
    } while (first < c_.n_in_);
  }

  void note_kernel(const TileShape& shape, const TaskPlace& place, const FsTile& tile) const {
    const bool x_in_place = shape.plane == 0, y_in_place = y_in_place_ && shape.rows_per_run == 1;
    const auto* x = static_cast<const std::byte*>(tile.x);
    const auto* w = static_cast<const std::byte*>(tile.w);
    recipe_->compute(tile, x_in_place, x_in_place ? x - x_.data : 0, y_in_place,
                     y_in_place ? static_cast<std::byte*>(tile.y) - y_.data : 0, w - w_.data,
                     (place.group * c_.n_out_ + place.first_channel) * bytes_);
  }

  // By the definition an imaginary part of 0 turns an infinite sample into NaN.
  bool is_finite(const FsTile& tile) const {
    const FsFiniteFn finite = c_.isa_.elements->finite[c_.types_.compute];
    for (Index k = 0; k < tile.n_out; ++k)
      for (Index i = 0; i < tile.n_runs; ++i)
        if (!finite(static_cast<const std::byte*>(tile.y) + (k * tile.y_channel + tile.runs[i].y) * part_bytes_,
                    tile.length))
          return false;
    return true;
  }

  // ---- row by row

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

  // Where windows lie in packed rows; elements of all.
  Index place_windows(Workspace& work, Index first_pitch) const {
    Index place = 1;
    for (int a = inner(); a >= 0; --a) {
      work.windows[a].place = place;
      place = a == inner() ? first_pitch : place * work.windows[a].length;
    }
    return place;
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
    const FsLanes& lanes = c_.isa_.lanes[bytes_ == 4 ? 0 : 1];
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

  // Single taps are 1 beside a longer axis (cpp/separable.cpp), and no pass.
  int first_long_axis() const {
    int a = 0;
    while (a < inner() && slides_[a].axis.w == 1) ++a;
    return a;
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

  // From row to row in scratch: whole vectors, and never a multiple of 1 KB, see rows_collide.
  Index pitch_of(Index length) const {
    const Index lanes = 64 / bytes_, pitch = (length + lanes - 1) / lanes * lanes;
    return pitch * bytes_ % 1024 == 0 ? pitch + lanes : pitch;
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

  // ---- packed windows

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

  bool conjugates_x() const { return c_.spec_.conj_x && parts_ == 2; }

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
      if (recipe_) recipe_->load(place_of(work, to), from - x_.data, step, n * parts_);
      return load(to, from, step, n * parts_);
    }
    std::byte* apart = work.row.reserve<std::byte>(n * x_part);
    for (Index p = 0; p < parts_; ++p, to += x_part, from += part) {
      load(apart, from, from_step, n);
      move_parts(to, to_step, apart, x_part, n, x_part);
      for (Index i = 0; recipe_ && i < n; ++i)
        recipe_->load(place_of(work, to + i * to_step), from + i * from_step - x_.data, part, 1);
    }
  }

  void store_numbers(Workspace& work, const FsTile& tile, std::byte* to, Index to_step, const std::byte* from,
                     Index n) const {
    const FsStoreFn store = c_.types_.saturate ? c_.isa_.elements->store_saturated[c_.types_.y]
                                               : c_.isa_.elements->store[c_.types_.compute][c_.types_.y];
    const Index part = kTypeBytes[c_.types_.y];
    const auto place_in_tile = [&](const std::byte* at) { return at - static_cast<const std::byte*>(tile.y); };
    if (parts_ == 1 || to_step == 2 * part) {
      const Index step = parts_ == 1 ? to_step : part;
      if (recipe_) recipe_->store(to - y_.data, step, place_in_tile(from), n * parts_);
      return store(to, step, from, n * parts_);
    }
    std::byte* apart = work.row.reserve<std::byte>(n * part_bytes_);
    for (Index p = 0; p < parts_; ++p, to += part, from += part_bytes_) {
      move_parts(apart, part_bytes_, from, bytes_, n, part_bytes_);
      store(to, to_step, apart, n);
      for (Index i = 0; recipe_ && i < n; ++i)
        recipe_->store(to + i * to_step - y_.data, part, place_in_tile(from + i * bytes_), 1);
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
        if (recipe_) recipe_->fill(place_of(work, at), p);
      }
  }

  void clear(Workspace& work, std::byte* at, Index n_bytes) const {
    std::memset(at, 0, static_cast<std::size_t>(n_bytes));
    if (recipe_) recipe_->clear(place_of(work, at), n_bytes);
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

  // Whether rows of outputs read the same rows of x, each with another row of taps.
  bool has_tap_rows() const {
    if (n_axes_ < 2) return false;
    const Axis& axis = slides_[n_axes_ - 2].axis;
    return axis.w > 1 && axis.stride == 1 && axis.dilation == 1;
  }

  // Whether the kernel shares loads among the taps of a row, so that rows need not where they collide.
  bool shares_columns() const {
    const Axis& axis = slides_[inner()].axis;
    return axis.w > 1 && axis.stride == 1 && axis.dilation * parts_ <= c_.kernel_.longest_step;
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

namespace {

// On one thread, and from the second time on by heart.
void run_small(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y) {
  RecipeBook& book = *c.recipes();
  const Recipe* known = book.find(x, y);
  if (known && known->is_usable()) return known->follow(c, x, w, bias, y, workspace.x, workspace.y);
  TileRun call(c, x, w, bias, y);
  if (!known && !book.is_full()) {
    auto made = std::make_unique<Recipe>(c, call.format(), x, y);
    if (made->is_usable()) {
      call.note(*made);
      made->finish();
      return book.add(std::move(made));
    }
  }
  for (Index task = 0; task < call.n_tasks(); ++task) call(task);
}

}  // namespace

void run_tiles(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads) {
  if (c.recipes() && w.factors.empty()) return parallel_for(1, 1, [&](Index) { run_small(c, x, w, bias, y); });
  const TileRun call(c, x, w, bias, y);
  parallel_for(call.n_tasks(), c.products() < kWorthSharing ? 1 : threads, [&](Index task) { call(task); });
}

void run_region(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                const Region& region) {
  TileRun(c, x, w, bias, y, &region).redo(region);
}

}  // namespace flipslide
