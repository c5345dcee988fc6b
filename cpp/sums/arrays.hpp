// A direct sum in progress: its arrays, and how their axes lie in memory.
#pragma once

#include <algorithm>
#include <vector>

#include "../convolution.hpp"
#include "../replay.hpp"

namespace flipslide {

class TileArrays {
 protected:
  TileArrays(const Convolution& of, const View& x, const PackedTaps& w, const void* bias, const View& y,
             const Region* region)
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
    takes_real_ = w.real && !bias && !of.replays() && w_taps() >= kTapsWorthChecking;
    shares_rows_ = c_.kernel_.shares_rows && dot_width_ == 0 && (parts_ == 1 || takes_real_) && has_tap_rows() &&
                   (!rows_collide(&Slide::y_stride) ||
                    slides_[n_axes_ - 2].axis.w >= (shares_columns() ? kManyTapRows : kFewTapRows));
    // Where the interior is read in place its edges are boxes of their own, and passes axis by axis would
    // be as wide there as the taps; packing short rows whole costs less than a look at each end.
    x_in_place_ = x_can_be_read_in_place() && !(is_separable_ && n_axes_ > 1) && has_long_rows(region) &&
                  !(shares_rows_ && (rows_collide(&Slide::x_stride) || slides_[n_axes_ - 2].axis.w >= kManyTapRows));
    y_in_place_ = y_can_be_written_in_place();
    streams_ = y_in_place_ && !takes_real_ && bytes_of_y() >= kStreamBytes;
  }

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
  int dot_width_ = 0;         // of narrow integers: see kernels/dots.hpp
  bool takes_real_ = false;   // of complex taps the real parts, until a sample is not finite
  Replay* replay_ = nullptr;  // what is done is noted there

  int inner() const { return n_axes_ - 1; }

  // Single taps are 1 beside a longer axis (cpp/factors.cpp), and no pass.
  int first_long_axis() const {
    int a = 0;
    while (a < inner() && slides_[a].axis.w == 1) ++a;
    return a;
  }

  // The outputs of an axis whose every term has its sample: [low, high).
  static void find_interior(const Slide& slide, Index& low, Index& high) {
    const Axis& axis = slide.axis;
    low = std::clamp<Index>(-floor_div(axis.start, axis.stride), 0, axis.y);
    high = std::clamp<Index>(floor_div(axis.x - 1 - slide.overhang - axis.start, axis.stride) + 1, low, axis.y);
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

  bool conjugates_x() const { return c_.spec_.conj_x && parts_ == 2; }

  // From row to row in scratch: whole vectors, and never a multiple of 1 KB, see rows_collide.
  Index pitch_of(Index length) const {
    const Index lanes = 64 / bytes_, pitch = (length + lanes - 1) / lanes * lanes;
    return pitch * bytes_ % 1024 == 0 ? pitch + lanes : pitch;
  }

  // ---- axes that are one

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

  // ---- what the arrays allow

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
};

}  // namespace flipslide
