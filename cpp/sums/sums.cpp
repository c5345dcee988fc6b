// The direct sums: outputs cut into tiles, each ending in one call of a kernel.
#include <algorithm>
#include <cstring>
#include <memory>

#include "../thread/pool.hpp"
#include "rows.hpp"

namespace flipslide {

namespace {

struct Box {
  Index low[kMaxAxes], high[kMaxAxes], extent[kMaxAxes];
  Index n_tiles = 0;
  bool in_place = false;  // x is read where it lies
};

thread_local Workspace workspace;

}  // namespace

// A call in progress: outputs in boxes, boxes in tiles.
class TileRun : TileRows {
 public:
  TileRun(const Convolution& of, const View& x, const PackedTaps& w, const void* bias, const View& y,
          const Region* region = nullptr)
      : TileRows(of, x, w, bias, y, region) {
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
  void note(Replay& replay) {
    if (is_separable_ || conjugates_x()) replay.give_up();
    replay_ = &replay;
    for (Index task = 0; task < n_tasks(); ++task) (*this)(task);
    replay_ = nullptr;
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
  static constexpr Index kLeastBandWidth = 64;
  // Whole rows are read fastest, even if their ring is larger than the second-level cache: 4096 x 4096 by 7 x 7
  // Gaussian takes 10.1 ms in bands of 1024 and 8.0 ms in one (2026-11, AVX-512, 2 cores).
  static constexpr Index kRingBytes = 1 << 20;
  // Products of a tile, so that a call has enough tiles to share: about half a millisecond at 60
  // products a nanosecond. At an eighth of it a 64-channel layer took 1.6 times as long (short
  // tiles pack more of x than they use), at half of it 1.1 times (2026-11, AVX-512, 2 cores).
  static constexpr double kTileProducts = 32e6;
  // A small call is cut in eight, down to a few microseconds each.
  static constexpr double kLeastProducts = 0.2e6;
  static constexpr Index kTapsPerPass = 1024;
  static constexpr double kProductsWorthParts = 1e6;

  Index channel_block_ = 1, n_channel_blocks_ = 1;
  std::vector<Box> boxes_;
  Index n_tiles_ = 0;

  // ---- boxes and tiles

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
    bool fits = shares_rows_ && !box.in_place && !redoes_ && parts_ == 1 && c_.n_in_ == 1 && !c_.replays() &&
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
      if (replay_) note_kernel(shape, place, tile);
      tile.accumulate = 1;
      first = end;
    } while (first < c_.n_in_);
  }

  void note_kernel(const TileShape& shape, const TaskPlace& place, const FsTile& tile) const {
    const bool x_in_place = shape.plane == 0, y_in_place = y_in_place_ && shape.rows_per_run == 1;
    const auto* x = static_cast<const std::byte*>(tile.x);
    const auto* w = static_cast<const std::byte*>(tile.w);
    replay_->compute(tile, x_in_place, x_in_place ? x - x_.data : 0, y_in_place,
                     y_in_place ? static_cast<std::byte*>(tile.y) - y_.data : 0, w - w_.data,
                     (place.group * c_.n_out_ + place.first_channel) * bytes_);
  }
};

namespace {

// On one thread, and from the second time on by heart.
void run_small(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y) {
  ReplayBook& book = *c.replays();
  const Replay* known = book.find(x, y);
  if (known && known->is_usable()) return known->follow(c, x, w, bias, y, workspace.x, workspace.y);
  TileRun call(c, x, w, bias, y);
  if (!known && !book.is_full()) {
    auto made = std::make_unique<Replay>(c, call.format(), x, y);
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
  if (c.replays() && w.factors.empty()) return parallel_for(1, 1, [&](Index) { run_small(c, x, w, bias, y); });
  const TileRun call(c, x, w, bias, y);
  parallel_for(call.n_tasks(), c.products() < kWorthSharing ? 1 : threads, [&](Index task) { call(task); });
}

void run_region(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                const Region& region) {
  TileRun(c, x, w, bias, y, &region).redo(region);
}

}  // namespace flipslide
