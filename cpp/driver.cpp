#include "driver.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "thread/pool.hpp"

namespace flipslide {

namespace {

constexpr Index kTypeBytes[FS_N_TYPES] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8};
constexpr Index kComputeBytes[FS_N_COMPUTE] = {4, 8, 4, 8};
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

bool is_integer(FsType type) { return type < FS_T_F16; }

// The compute type whose numbers lie in memory just as this type's do.
bool same_bits(FsType type, FsCompute compute) {
  switch (type) {
    case FS_T_F32: return compute == FS_F32;
    case FS_T_F64: return compute == FS_F64;
    case FS_T_I32:
    case FS_T_U32: return compute == FS_I32;
    case FS_T_I64:
    case FS_T_U64: return compute == FS_I64;
    default: return false;
  }
}

Index size_of(const std::vector<Loop>& loops) {
  Index size = 1;
  for (const Loop& loop : loops) size *= loop.size;
  return size;
}

// Where the index-th turn of some nested loops finds its part of an array, in bytes.
Index locate(const std::vector<Loop>& loops, int Loop::* dim, Index index, const View& view) {
  Index offset = 0;
  for (std::size_t i = loops.size(); i-- > 0;) {
    offset += index % loops[i].size * view.stride(loops[i].*dim);
    index /= loops[i].size;
  }
  return offset;
}

std::uint64_t saturating(unsigned __int128 value) { return value > kMost ? kMost : static_cast<std::uint64_t>(value); }

std::uint64_t largest_of(FsType type, bool& negative) {
  switch (type) {
    case FS_T_BOOL: return 1;
    case FS_T_U8: return 0xFF;
    case FS_T_U16: return 0xFFFF;
    case FS_T_U32: return 0xFFFFFFFF;
    case FS_T_U64: return kMost;
    default: negative = true; return std::uint64_t(1) << (8 * kTypeBytes[type] - 1);
  }
}

// The largest magnitude that an exact result may have.
std::uint64_t exact_limit(FsType type) {
  switch (type) {
    case FS_T_BOOL: return kMost;
    case FS_T_F32: return std::uint64_t(1) << 24;
    case FS_T_F64: return std::uint64_t(1) << 53;
    case FS_T_U8:
    case FS_T_U16:
    case FS_T_U32:
    case FS_T_U64: {
      bool ignored = false;
      return largest_of(type, ignored);
    }
    default: return (std::uint64_t(1) << (8 * kTypeBytes[type] - 1)) - 1;
  }
}

}  // namespace

// ----------------------------------------------------------------------------- scratch

void Scratch::Free::operator()(void* p) const { std::free(p); }

void* Scratch::reserve_bytes(Index bytes) {
  // One cache line more than asked, so that a last vector may be written whole.
  const Index wanted = (bytes + 127) / 64 * 64;
  if (wanted > capacity_) {
    data_.reset(std::aligned_alloc(64, static_cast<std::size_t>(wanted)));
    if (!data_) throw std::bad_alloc();
    capacity_ = wanted;
  }
  return data_.get();
}

// ------------------------------------------------------------------------- construction

Convolution::Convolution(Spec spec, Types types, const std::string& kernel, Fill fill)
    : spec_(std::move(spec)), types_(types), fill_(fill), isa_(chosen_isa()), kernel_([&]() -> const FsKernel& {
        const FsKernel* found = isa_.find(kernel);
        if (!found) throw std::invalid_argument("no kernel is called " + kernel);
        return *found;
      }()) {
  taps_per_channel_ = 1;
  products_ = 1;
  for (const Axis& given : spec_.axes) {
    Slide slide{given, given.dilation < 0, given.stride < 0};
    Axis& axis = slide.axis;
    // Reading the taps, or writing the outputs, from the other end makes both steps positive.
    if (slide.w_reversed) {
      axis.start += axis.dilation * (axis.w - 1);
      axis.dilation = -axis.dilation;
    }
    if (slide.y_reversed) {
      axis.start += axis.stride * (axis.y - 1);
      axis.stride = -axis.stride;
    }
    taps_per_channel_ *= axis.w;
    products_ *= static_cast<double>(axis.w) * static_cast<double>(axis.y);
    slides_.push_back(slide);
  }
  for (const Loop& loop : spec_.loops) {
    products_ *= static_cast<double>(loop.size);
    if (loop.y_dim < 0)
      in_.push_back(loop);
    else if (loop.x_dim < 0)
      out_.push_back(loop);
    else if (loop.w_dim < 0)
      batch_.push_back(loop);
    else
      group_.push_back(loop);
  }
  parts_ = types_.is_complex ? 2 : 1;
  n_batch_ = size_of(batch_);
  n_groups_ = size_of(group_);
  n_out_ = size_of(out_) * parts_;
  n_in_ = size_of(in_) * parts_;
}

// --------------------------------------------------------------------------------- taps

namespace {

// Walks the taps of one channel in row-major order; `visit(first tap, row)` gets each row of the
// last axis with its address.
template <class Slides, class Visit>
void for_each_tap_row(const Slides& slides, const View& w, const std::byte* base, Visit&& visit) {
  const std::size_t n_outer = slides.size() - 1;
  std::vector<Index> j(n_outer, 0);
  for (std::size_t a = 0; a < slides.size(); ++a)
    if (slides[a].w_reversed) base += (slides[a].axis.w - 1) * w.stride(slides[a].axis.w_dim);
  Index first = 0;
  for (;;) {
    const std::byte* row = base;
    for (std::size_t a = 0; a < n_outer; ++a)
      row += (slides[a].w_reversed ? -j[a] : j[a]) * w.stride(slides[a].axis.w_dim);
    visit(first, row);
    first += slides[n_outer].axis.w;
    std::size_t a = n_outer;
    while (a-- > 0 && ++j[a] == slides[a].axis.w) j[a] = 0;
    if (a == std::size_t(-1)) return;
  }
}

// y = w x for complex numbers is the real layer [y_re; y_im] = [[w_re, -w_im], [w_im, w_re]] [x_re; x_im],
// a conjugate being the other sign of a column (of x) or of the w_im (of w).
template <class T>
T complex_entry(T re, T im, Index row, Index column, bool conj_x, bool conj_w) {
  if (conj_w) im = T(0) - im;
  const T entry = row == column ? re : (row == 0 ? T(0) - im : im);
  return column == 1 && conj_x ? T(0) - entry : entry;
}

}  // namespace

void Convolution::pack(const View& w, PackedTaps& packed, int threads) const {
  packed.is_finite = true;
  packed.negative = false;
  packed.magnitude_sum = 0;
  const Index w_taps = n_in_ * taps_per_channel_;
  const Index n_channels = n_groups_ * n_out_;
  std::byte* data = packed.storage.reserve<std::byte>(n_channels * w_taps * kComputeBytes[types_.compute]);
  packed.data = data;

  const auto pack_as = [&]<class T>(T) {
    T* to = reinterpret_cast<T*>(data);
    const FsLoadFn load = isa_.elements->load[types_.compute][types_.w];
    const Index n_inner = slides_.back().axis.w;
    Index inner_stride = w.stride(slides_.back().axis.w_dim);
    if (slides_.back().w_reversed) inner_stride = -inner_stride;
    const Index part = kTypeBytes[types_.w];
    std::atomic<bool> all_finite{true};

    // One task per output channel of the arrays (two of the kernel's when complex).
    const auto pack_channel = [&](Index task) {
      const Index group = task / (n_out_ / parts_), k = task % (n_out_ / parts_);
      std::vector<T> row(static_cast<std::size_t>(n_inner * parts_));
      bool finite = true;
      for (Index p = 0; p < parts_; ++p) {
        const Index channel = k * parts_ + p;
        Index first = 0;
        int block = fs_block(n_out_, kernel_.max_block);
        while (first + block <= channel) {
          first += block;
          block = fs_block(n_out_ - first, kernel_.max_block);
        }
        T* block_taps = to + (group * n_out_ + first) * w_taps + (channel - first);
        for (Index c = 0; c < n_in_ / parts_; ++c) {
          const std::byte* base = w.data + locate(group_, &Loop::w_dim, group, w) + locate(out_, &Loop::w_dim, k, w) +
                                  locate(in_, &Loop::w_dim, c, w);
          for_each_tap_row(slides_, w, base, [&](Index tap, const std::byte* from) {
            for (Index q = 0; q < parts_; ++q) load(&row[q * n_inner], from + q * part, inner_stride, n_inner);
            for (Index q = 0; q < parts_; ++q)
              for (Index j = 0; j < n_inner; ++j) {
                const T value =
                    parts_ == 1 ? row[j] : complex_entry(row[j], row[n_inner + j], p, q, spec_.conj_x, spec_.conj_w);
                if constexpr (std::is_floating_point_v<T>) finite = finite && std::isfinite(value);
                block_taps[((c * parts_ + q) * taps_per_channel_ + tap + j) * block] = value;
              }
          });
        }
      }
      if (!finite) all_finite = false;
    };
    const Index n_tasks = n_channels / parts_;
    parallel_for(n_tasks, n_tasks * w_taps > (1 << 16) ? threads : 1, pack_channel);
    packed.is_finite = all_finite;
  };
  switch (types_.compute) {
    case FS_F32: pack_as(float{}); break;
    case FS_F64: pack_as(double{}); break;
    case FS_I32: pack_as(std::uint32_t{}); break;
    default: pack_as(std::uint64_t{}); break;
  }

  if (is_integer(types_.w)) {
    const FsRangeFn range = isa_.elements->range[types_.w];
    const Index n_inner = slides_.back().axis.w;
    const Index inner_stride = w.stride(slides_.back().axis.w_dim);
    int negative = 0;
    for (Index group = 0; group < n_groups_; ++group)
      for (Index k = 0; k < n_out_; ++k) {
        unsigned __int128 sum = 0;
        for (Index c = 0; c < n_in_; ++c) {
          const std::byte* base = w.data + locate(group_, &Loop::w_dim, group, w) + locate(out_, &Loop::w_dim, k, w) +
                                  locate(in_, &Loop::w_dim, c, w);
          for_each_tap_row(slides_, w, base, [&](Index, const std::byte* from) {
            const Index step = slides_.back().w_reversed ? -inner_stride : inner_stride;
            for (Index j = 0; j < n_inner; ++j) {
              std::uint64_t magnitude = 0;
              range(from + j * step, 0, 1, &magnitude, &negative);
              sum += magnitude;
            }
          });
        }
        packed.magnitude_sum = std::max(packed.magnitude_sum, saturating(sum));
      }
    packed.negative = negative;
  }
}

// --------------------------------------------------------------------------- the bound

namespace {

// The range of a strided array, in slices of its longest axis.
void range_of(const View& x, FsRangeFn range, std::uint64_t& largest, bool& negative, int threads) {
  if (x.ndim == 0) {
    int below = 0;
    range(x.data, 0, 1, &largest, &below);
    negative = negative || below;
    return;
  }
  int split = 0;
  Index total = 1;
  for (int d = 0; d < x.ndim; ++d) {
    total *= x.shape[d];
    if (x.shape[d] > x.shape[split]) split = d;
  }
  if (total == 0) return;
  const Index n_slices = total > (1 << 18) ? std::min<Index>(64, x.shape[split]) : 1;
  std::vector<std::uint64_t> largests(static_cast<std::size_t>(n_slices), 0);
  std::vector<int> negatives(static_cast<std::size_t>(n_slices), 0);
  parallel_for(n_slices, threads, [&](Index slice) {
    std::vector<Index> low(static_cast<std::size_t>(x.ndim), 0), high(x.shape, x.shape + x.ndim);
    low[split] = x.shape[split] * slice / n_slices;
    high[split] = x.shape[split] * (slice + 1) / n_slices;
    std::vector<Index> at = low;
    const int last = x.ndim - 1;
    for (;;) {
      const std::byte* row = x.data;
      for (int d = 0; d < x.ndim; ++d) row += at[d] * x.strides[d];
      range(row, x.strides[last], high[last] - low[last], &largests[slice], &negatives[slice]);
      int d = last;
      while (d-- > 0 && ++at[d] == high[d]) at[d] = low[d];
      if (d < 0) return;
    }
  });
  for (Index slice = 0; slice < n_slices; ++slice) {
    largest = std::max(largest, largests[slice]);
    negative = negative || negatives[slice];
  }
}

}  // namespace

Bound Convolution::bound(const View& x, const PackedTaps& w, std::uint64_t bias_magnitude, bool bias_negative,
                         int threads) const {
  Bound result;
  if (!is_integer(types_.x) || !is_integer(types_.w) || types_.y == FS_T_BOOL) return result;
  const std::uint64_t limit = types_.saturate ? exact_limit(FS_T_I64) : exact_limit(types_.y);
  const bool no_negatives =
      !types_.saturate && (types_.y == FS_T_U8 || types_.y == FS_T_U16 || types_.y == FS_T_U32 || types_.y == FS_T_U64);
  const auto judge = [&](std::uint64_t largest, bool negative) {
    const unsigned __int128 reach = static_cast<unsigned __int128>(largest) * w.magnitude_sum + bias_magnitude;
    result.magnitude = saturating(reach);
    result.below_zero = no_negatives && (negative || w.negative || bias_negative);
    result.fits = reach <= limit && w.magnitude_sum < kMost && !result.below_zero;
  };
  bool negative = false;
  std::uint64_t largest = largest_of(types_.x, negative);
  judge(std::max(largest, fill_.magnitude), negative || fill_.negative);
  if (result.fits) return result;
  // The type alone does not settle it; the values may.
  largest = fill_.magnitude;
  negative = fill_.negative;
  range_of(x, isa_.elements->range[types_.x], largest, negative, threads);
  judge(largest, negative);
  return result;
}

// ---------------------------------------------------------------------------- one call

namespace {

constexpr int kMaxAxes = 16;
constexpr Index kGap = -1;   // no sample and no term
constexpr Index kFill = -2;  // no sample; the fill value stands for it

// geometry.extend_index
Index extend(Index i, Index n, Boundary boundary) {
  if (i >= 0 && i < n) return i;
  const auto wrapped = [](Index value, Index period) { return ((value % period) + period) % period; };
  switch (boundary) {
    case Boundary::zero: return kGap;
    case Boundary::constant: return kFill;
    case Boundary::edge: return i < 0 ? 0 : n - 1;
    case Boundary::symmetric: {
      const Index at = wrapped(i, 2 * n);
      return std::min(at, 2 * n - 1 - at);
    }
    case Boundary::mirror: {
      if (n == 1) return 0;
      const Index at = wrapped(i, 2 * (n - 1));
      return std::min(at, 2 * (n - 1) - at);
    }
    default: return wrapped(i, n);
  }
}

Index floor_div(Index a, Index b) { return a / b - (a % b < 0); }

// Samples that can be loaded in one go: every `to_step`-th place of a row.
struct Segment {
  Index to, to_step, n, from, from_step;
};

// What one tile needs of one axis of x, split by residue ("phase") modulo the stride, so that
// the outputs of a phase read neighbours.
struct Window {
  Index n_phases = 0;
  Index length = 0;                       // places per phase
  Index place = 0, phase = 0;             // strides in the packed tile, in elements
  std::vector<Index> source;              // [phase][place] -> sample, kGap or kFill
  std::vector<Index> phase_of, residues;  // residue -> phase (-1: read by no tap) and back
  std::vector<Index> tap_offset;          // [tap] -> its first place in the packed tile, in elements
};

struct Box {
  Index low[kMaxAxes], high[kMaxAxes], extent[kMaxAxes];
  Index n_tiles = 0;
  bool in_place = false;  // x is read where it lies
};

// Scratch that a thread keeps from call to call.
struct Workspace {
  Scratch x, y, row;
  std::vector<Index> taps;
  std::vector<FsRun> runs;
  std::vector<Window> windows;
  std::vector<std::vector<Segment>> segments;
};

thread_local Workspace workspace;

}  // namespace

// A call in progress: the arrays, the way their axes lie in memory, and the tiles.
class Run {
 public:
  Run(const Convolution& of, const View& x, const PackedTaps& w, const void* bias, const View& y)
      : c_(of),
        x_(x),
        w_(w),
        bias_(static_cast<const std::byte*>(bias)),
        y_(y),
        bytes_(kComputeBytes[of.types_.compute]) {
    place_axes();
    merge_trivial_axes();
    x_in_place_ = x_can_be_read_in_place();
    y_in_place_ = y_can_be_written_in_place();
    split_into_boxes();
    channel_block_ = std::min<Index>(c_.n_out_, kChannelsPerTask);
    n_channel_blocks_ = (c_.n_out_ + channel_block_ - 1) / channel_block_;
  }

  Index n_tasks() const { return c_.n_batch_ * c_.n_groups_ * n_channel_blocks_ * n_tiles_; }

  void operator()(Index task) const {
    const Index tile = task % n_tiles_;
    task /= n_tiles_;
    const Index block = task % n_channel_blocks_;
    task /= n_channel_blocks_;
    TaskPlace place{task / c_.n_groups_, task % c_.n_groups_, block * channel_block_,
                    std::min(c_.n_out_, (block + 1) * channel_block_)};
    run_tile(place, tile);
  }

 private:
  // Cascade Lake and later have 1 to 2 MB of L2 per core; a tile's x and y take up to half of
  // the smaller. Between 64 KB and 512 KB the time of a layer changed by less than 5 %.
  static constexpr Index kWindowBytes = 256 << 10;
  static constexpr Index kChannelsPerTask = 64;
  // Products of a tile, so that a call has enough tiles to share: about half a millisecond at 60
  // products a nanosecond. At an eighth of it a 64-channel layer took 1.6 times as long (short
  // tiles pack more of x than they use), at half of it 1.1 times (2026-11, AVX-512, 2 cores).
  static constexpr double kTileProducts = 32e6;
  static constexpr Index kTapsPerPass = 1024;

  struct Slide {
    Axis axis;
    Index x_stride, y_stride;  // bytes
    Index overhang;
  };

  struct TaskPlace {
    Index batch, group, first_channel, end_channel;
  };

  const Convolution& c_;
  const View& x_;
  const PackedTaps& w_;
  const std::byte* bias_;
  const View& y_;
  const Index bytes_;
  const std::byte* x_base_ = nullptr;
  std::byte* y_base_ = nullptr;
  int n_axes_ = 0;
  Slide slides_[kMaxAxes];
  bool x_in_place_ = false, y_in_place_ = false;
  Index channel_block_ = 1, n_channel_blocks_ = 1;
  std::vector<Box> boxes_;
  Index n_tiles_ = 0;

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

  bool fits_elements(Index offset) const { return offset % bytes_ == 0; }

  bool x_can_be_read_in_place() const {
    if (c_.types_.is_complex || !same_bits(c_.types_.x, c_.types_.compute)) return false;
    if (slides_[inner()].x_stride != bytes_ || slides_[inner()].axis.stride != 1) return false;
    bool fits = fits_elements(reinterpret_cast<Index>(x_.data));
    for (int a = 0; a < n_axes_; ++a) fits = fits && slides_[a].axis.up == 1 && fits_elements(slides_[a].x_stride);
    for (const Loop& loop : c_.spec_.loops) fits = fits && fits_elements(x_.stride(loop.x_dim));
    return fits;
  }

  bool y_can_be_written_in_place() const {
    if (c_.types_.is_complex || c_.types_.saturate || !same_bits(c_.types_.y, c_.types_.compute)) return false;
    bool fits = fits_elements(reinterpret_cast<Index>(y_.data)) && slides_[inner()].y_stride == bytes_;
    for (int a = 0; a < n_axes_; ++a) fits = fits && fits_elements(slides_[a].y_stride);
    for (const Loop& loop : c_.spec_.loops) fits = fits && fits_elements(y_.stride(loop.y_dim));
    // Output channels must lie evenly.
    return fits && (c_.out_.size() <= 1);
  }

  // ---- boxes and tiles

  // The outputs of an axis whose every term has its sample: [low, high).
  static void find_interior(const Slide& slide, Index& low, Index& high) {
    const Axis& axis = slide.axis;
    low = std::clamp<Index>(-floor_div(axis.start, axis.stride), 0, axis.y);
    high = std::clamp<Index>(floor_div(axis.x - 1 - slide.overhang - axis.start, axis.stride) + 1, low, axis.y);
  }

  void split_into_boxes() {
    Box whole;
    for (int a = 0; a < n_axes_; ++a) {
      whole.low[a] = 0;
      whole.high[a] = slides_[a].axis.y;
    }
    if (x_in_place_) {
      Box rest = whole;
      for (int a = 0; a < n_axes_; ++a) {
        Index low, high;
        find_interior(slides_[a], low, high);
        // Packing a few short rows is cheaper than treating their ends apart.
        if (high - low < std::min<Index>(slides_[a].axis.y, a == inner() ? 128 : 1)) {
          x_in_place_ = false;
          break;
        }
        add_slab(rest, a, 0, low);
        add_slab(rest, a, high, slides_[a].axis.y);
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

  // Grows a tile from the innermost axis outwards until its window or its work is full.
  void choose_extents(Box& box) const {
    const double channels = static_cast<double>(std::min(c_.n_in_, channels_per_pass()));
    const double products = static_cast<double>(c_.n_in_) * static_cast<double>(c_.taps_per_channel_) *
                            static_cast<double>(std::min(c_.n_out_, kChannelsPerTask));
    double window = channels * static_cast<double>(bytes_), work = products;
    for (int a = 0; a < n_axes_; ++a) window *= static_cast<double>(1 + slides_[a].overhang);
    for (int a = inner(); a >= 0; --a) {
      const Slide& slide = slides_[a];
      const double step = static_cast<double>(slide.axis.stride), over = static_cast<double>(1 + slide.overhang);
      const double by_window = (kWindowBytes / window * over - over) / step + 1;
      const double by_work = kTileProducts / work;
      const Index least = a == inner() ? std::max<Index>(256, slide.overhang / 4) : slide.overhang / 4;
      const Index most = box.high[a] - box.low[a];
      const Index extent = static_cast<Index>(std::max(1.0, std::min({by_window, by_work, 1e15})));
      box.extent[a] = std::max<Index>(1, std::min(most, std::max(extent, least)));
      // Even tiles: a short last one would leave a thread with nothing to do.
      const Index n = (most + box.extent[a] - 1) / box.extent[a];
      box.extent[a] = (most + n - 1) / n;
      window *= (static_cast<double>(box.extent[a] - 1) * step + over) / over;
      work *= static_cast<double>(box.extent[a]);
    }
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
    TileShape shape = box->in_place ? shape_in_place(extent) : shape_packed(work, low, extent);

    FsTile tile{};
    tile.w = w_.data + (place.group * c_.n_out_ + place.first_channel) * w_taps() * bytes_;
    tile.w_taps = w_taps();
    tile.n_out = place.end_channel - place.first_channel;
    tile.length = shape.length;
    tile.bias = bias_ ? bias_ + (place.group * c_.n_out_ + place.first_channel) * bytes_ : nullptr;

    std::byte* y =
        y_base_ + locate(c_.batch_, &Loop::y_dim, place.batch, y_) + locate(c_.group_, &Loop::y_dim, place.group, y_);
    const bool write_in_place = y_in_place_ && shape.rows_per_run == 1;
    list_runs(work, shape, extent, low, write_in_place);
    tile.runs = work.runs.data();
    tile.n_runs = static_cast<Index>(work.runs.size());
    if (write_in_place) {
      tile.y_channel = c_.out_.empty() ? 0 : y_.stride(c_.out_[0].y_dim) / bytes_;
      tile.y = y + place.first_channel * tile.y_channel * bytes_;
    } else {
      tile.y_channel = tile.n_runs * shape.run_pitch;
      tile.y = work.y.reserve_bytes(tile.y_channel * tile.n_out * bytes_);
    }

    const std::byte* x =
        x_.data + locate(c_.batch_, &Loop::x_dim, place.batch, x_) + locate(c_.group_, &Loop::x_dim, place.group, x_);
    const Index per_pass = channels_per_pass();
    Index first = 0;
    do {
      const Index end = std::min(c_.n_in_, first + per_pass);
      tile.first_tap = first * c_.taps_per_channel_;
      tile.n_taps = (end - first) * c_.taps_per_channel_;
      tile.x = box->in_place ? list_taps_in_place(work, x, first, end) : pack_x(work, shape, x, first, end);
      tile.taps = work.taps.data();
      c_.kernel_.run[c_.types_.compute](&tile);
      tile.accumulate = 1;
      first = end;
    } while (first < c_.n_in_);

    if (!write_in_place) store_y(shape, place, tile, y, low, extent);
  }

  Index w_taps() const { return c_.n_in_ * c_.taps_per_channel_; }

  // How a tile's outputs map to runs. In a packed tile the rows of the last two axes may be one
  // run: the places between two rows are computed too and thrown away, which is cheaper than
  // a part-filled vector at the end of every row.
  struct TileShape {
    Index length, rows_per_run, row_pitch, run_pitch;
    int n_outer;             // axes that make runs
    Index x_step[kMaxAxes];  // elements of x between outputs, for those axes
    Index plane;             // elements of a packed channel
  };

  TileShape shape_in_place(const Index* extent) const {
    TileShape shape{};
    shape.length = shape.run_pitch = extent[inner()];
    shape.rows_per_run = 1;
    shape.n_outer = n_axes_ - 1;
    for (int a = 0; a < n_axes_; ++a) shape.x_step[a] = slides_[a].axis.stride * slides_[a].x_stride / bytes_;
    return shape;
  }

  TileShape shape_packed(Workspace& work, const Index* low, const Index* extent) const {
    work.windows.resize(kMaxAxes);
    TileShape shape{};
    Index plane = 1, phases = 1;
    for (int a = 0; a < n_axes_; ++a) find_window(work.windows[a], slides_[a].axis, low[a], extent[a]);
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
    const Index n = extent[inner()], lanes = 64 / bytes_;
    shape.length = n;
    shape.rows_per_run = 1;
    shape.n_outer = n_axes_ - 1;
    if (n_axes_ > 1) {
      const Index rows = extent[n_axes_ - 2];
      shape.row_pitch = work.windows[n_axes_ - 2].place;
      if (rows > 1 && shape.row_pitch < (n + lanes - 1) / lanes * lanes) {
        shape.length = (rows - 1) * shape.row_pitch + n;
        shape.rows_per_run = rows;
        shape.n_outer = n_axes_ - 2;
      }
    }
    shape.run_pitch = (shape.length + lanes - 1) / lanes * lanes;
    list_segments(work);
    return shape;
  }

  // ---- packed windows

  static void find_window(Window& window, const Axis& axis, Index low, Index extent) {
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
    window.source.resize(static_cast<std::size_t>(window.n_phases * window.length));
    const Index first = axis.start + axis.stride * low;
    for (Index phase = 0; phase < window.n_phases; ++phase)
      for (Index q = 0; q < window.length; ++q) {
        const Index position = first + residues[static_cast<std::size_t>(phase)] + axis.stride * q;
        const Index sample = floor_div(position, axis.up);
        window.source[static_cast<std::size_t>(phase * window.length + q)] =
            position - sample * axis.up ? kGap : extend(sample, axis.x, axis.boundary);
      }
  }

  static void finish_window(Window& window, const Axis& axis) {
    for (Index j = 0; j < axis.w; ++j) {
      Index& offset = window.tap_offset[static_cast<std::size_t>(j)];
      offset = offset * window.phase + axis.dilation * j / axis.stride * window.place;
    }
  }

  // The samples of the innermost window, as few loads as possible.
  void list_segments(Workspace& work) const {
    const Window& window = work.windows[inner()];
    work.segments.resize(static_cast<std::size_t>(window.n_phases));
    for (Index phase = 0; phase < window.n_phases; ++phase) {
      std::vector<Segment>& found = work.segments[static_cast<std::size_t>(phase)];
      found.clear();
      const Index* source = window.source.data() + phase * window.length;
      for (Index q = 0; q < window.length; ++q) {
        if (source[q] < 0) continue;
        if (!found.empty()) {
          Segment& last = found.back();
          const Index to_step = q - (last.to + (last.n - 1) * last.to_step);
          const Index from_step = source[q] - (last.from + (last.n - 1) * last.from_step);
          if (last.n == 1) {
            last.to_step = to_step;
            last.from_step = from_step;
          }
          if (to_step == last.to_step && from_step == last.from_step) {
            ++last.n;
            continue;
          }
        }
        found.push_back({q, 1, 1, source[q], 1});
      }
    }
  }

  // Copies the window of channels [first, end) and lists where their taps look.
  const void* pack_x(Workspace& work, const TileShape& shape, const std::byte* x, Index first, Index end) const {
    std::byte* packed = work.x.reserve<std::byte>((end - first) * shape.plane * bytes_ + 64);
    const Index part = kTypeBytes[c_.types_.x];
    for (Index c = first; c < end; ++c) {
      const std::byte* channel = x + locate(c_.in_, &Loop::x_dim, c / c_.parts_, x_) + c % c_.parts_ * part;
      pack_axis(work, 0, channel, packed + (c - first) * shape.plane * bytes_, false, c % c_.parts_);
    }
    list_taps(work, end - first, shape.plane, [&](int a, Index j) { return work.windows[a].tap_offset[j]; });
    return packed;
  }

  void pack_axis(Workspace& work, int a, const std::byte* from, std::byte* to, bool filled, Index part) const {
    const Window& window = work.windows[a];
    for (Index phase = 0; phase < window.n_phases; ++phase) {
      std::byte* at = to + phase * window.phase * bytes_;
      if (a == inner()) {
        pack_row(work, phase, from, at, filled, part);
        continue;
      }
      for (Index q = 0; q < window.length; ++q) {
        const Index source = window.source[static_cast<std::size_t>(phase * window.length + q)];
        std::byte* row = at + q * window.place * bytes_;
        if (source == kGap)
          clear_axes(work, a + 1, row);
        else
          pack_axis(work, a + 1, from + (source < 0 ? 0 : source) * slides_[a].x_stride, row, filled || source < 0,
                    part);
      }
    }
  }

  // No sample stands anywhere on the axes from `a` on.
  void clear_axes(Workspace& work, int a, std::byte* to) const {
    const Window& window = work.windows[a];
    for (Index phase = 0; phase < window.n_phases; ++phase) {
      std::byte* at = to + phase * window.phase * bytes_;
      if (a == inner())
        std::memset(at, 0, static_cast<std::size_t>(window.length * bytes_));
      else
        for (Index q = 0; q < window.length; ++q) clear_axes(work, a + 1, at + q * window.place * bytes_);
    }
  }

  void pack_row(Workspace& work, Index phase, const std::byte* from, std::byte* to, bool filled, Index part) const {
    const Window& window = work.windows[inner()];
    const Index* source = window.source.data() + phase * window.length;
    const FsLoadFn load = c_.isa_.elements->load[c_.types_.compute][c_.types_.x];
    const std::vector<Segment>& segments = work.segments[static_cast<std::size_t>(phase)];
    const std::byte* fill = c_.fill_.parts[part];
    const Index stride = slides_[inner()].x_stride;
    const bool whole = segments.size() == 1 && segments[0].n == window.length;
    if (!whole || filled)
      for (Index q = 0; q < window.length; ++q) {
        if (source[q] == kFill || (filled && source[q] != kGap))
          std::memcpy(to + q * bytes_, fill, static_cast<std::size_t>(bytes_));
        else if (source[q] == kGap)
          std::memset(to + q * bytes_, 0, static_cast<std::size_t>(bytes_));
      }
    if (filled) return;
    for (const Segment& segment : segments) {
      const std::byte* first = from + segment.from * stride;
      if (segment.to_step == 1) {
        load(to + segment.to * bytes_, first, segment.from_step * stride, segment.n);
        continue;
      }
      std::byte* apart = work.row.reserve<std::byte>(segment.n * bytes_);
      load(apart, first, segment.from_step * stride, segment.n);
      for (Index i = 0; i < segment.n; ++i)
        std::memcpy(to + (segment.to + i * segment.to_step) * bytes_, apart + i * bytes_,
                    static_cast<std::size_t>(bytes_));
    }
  }

  // ---- taps and runs

  // Where every tap of every channel looks, row-major, the last axis fastest.
  template <class Offset>
  void list_taps(Workspace& work, Index n_channels, Index channel_step, Offset&& offset) const {
    work.taps.resize(static_cast<std::size_t>(n_channels * c_.taps_per_channel_));
    Index* to = work.taps.data();
    for (Index c = 0; c < n_channels; ++c) append_taps(to, 0, c * channel_step, offset);
  }

  template <class Offset>
  void append_taps(Index*& to, int a, Index base, Offset& offset) const {
    const Index n = slides_[a].axis.w;
    if (a == inner())
      for (Index j = 0; j < n; ++j) *to++ = base + offset(a, j);
    else
      for (Index j = 0; j < n; ++j) append_taps(to, a + 1, base + offset(a, j), offset);
  }

  const void* list_taps_in_place(Workspace& work, const std::byte* x, Index first, Index end) const {
    work.taps.resize(static_cast<std::size_t>((end - first) * c_.taps_per_channel_));
    Index* to = work.taps.data();
    const auto offset = [&](int a, Index j) { return j * slides_[a].axis.dilation * slides_[a].x_stride / bytes_; };
    for (Index c = first; c < end; ++c) append_taps(to, 0, locate(c_.in_, &Loop::x_dim, c, x_) / bytes_, offset);
    return x;
  }

  void list_runs(Workspace& work, const TileShape& shape, const Index* extent, const Index* low,
                 bool write_in_place) const {
    work.runs.clear();
    const bool read_in_place = shape.plane == 0;
    Index m[kMaxAxes] = {};
    Index first = 0, first_y = 0;
    for (int a = 0; a < n_axes_; ++a) {
      if (read_in_place)
        first += (slides_[a].axis.start + slides_[a].axis.stride * low[a]) * slides_[a].x_stride / bytes_;
      first_y += low[a] * slides_[a].y_stride / bytes_;
    }
    for (Index number = 0;; ++number) {
      FsRun run{first, write_in_place ? first_y : number * shape.run_pitch};
      for (int a = 0; a < shape.n_outer; ++a) {
        run.x += m[a] * shape.x_step[a];
        if (write_in_place) run.y += m[a] * slides_[a].y_stride / bytes_;
      }
      work.runs.push_back(run);
      int a = shape.n_outer;
      while (a-- > 0 && ++m[a] == extent[a]) m[a] = 0;
      if (a < 0) return;
    }
  }

  // From the kernel's rows to the array's, in the array's type.
  void store_y(const TileShape& shape, const TaskPlace& place, const FsTile& tile, std::byte* y, const Index* low,
               const Index* extent) const {
    const FsStoreFn store = c_.types_.saturate ? c_.isa_.elements->store_saturated[c_.types_.y]
                                               : c_.isa_.elements->store[c_.types_.compute][c_.types_.y];
    const Index part = kTypeBytes[c_.types_.y];
    for (int a = 0; a < n_axes_; ++a) y += low[a] * slides_[a].y_stride;
    for (Index k = 0; k < tile.n_out; ++k) {
      const Index channel = place.first_channel + k;
      std::byte* to = y + locate(c_.out_, &Loop::y_dim, channel / c_.parts_, y_) + channel % c_.parts_ * part;
      const std::byte* from = static_cast<const std::byte*>(tile.y) + k * tile.y_channel * bytes_;
      Index m[kMaxAxes] = {};
      for (Index number = 0; number < tile.n_runs; ++number) {
        std::byte* run = to;
        for (int a = 0; a < shape.n_outer; ++a) run += m[a] * slides_[a].y_stride;
        for (Index row = 0; row < shape.rows_per_run; ++row)
          store(run + (shape.rows_per_run > 1 ? row * slides_[inner() - 1].y_stride : 0), slides_[inner()].y_stride,
                from + (number * shape.run_pitch + row * shape.row_pitch) * bytes_, extent[inner()]);
        int a = shape.n_outer;
        while (a-- > 0 && ++m[a] == extent[a]) m[a] = 0;
      }
    }
  }
};

void Convolution::run(const View& x, const PackedTaps& w, const void* bias, const View& y, int threads) const {
  if (n_batch_ * n_groups_ * n_out_ == 0) return;
  for (const Slide& slide : slides_)
    if (slide.axis.y == 0) return;
  const Run call(*this, x, w, bias, y);
  // Below about 30 microseconds of work a second thread costs more than it saves.
  constexpr double kWorthSharing = 1.5e6;
  parallel_for(call.n_tasks(), products_ < kWorthSharing ? 1 : threads, [&](Index task) { call(task); });
}

}  // namespace flipslide
