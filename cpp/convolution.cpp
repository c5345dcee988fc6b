#include "convolution.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "arena.hpp"
#include "replay.hpp"
#include "thread/pool.hpp"

namespace flipslide {

namespace {

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

constexpr Index kLargeScratch = 2 << 20;

void Scratch::Free::operator()(void* p) const { arena_bytes ? return_block(p, arena_bytes) : std::free(p); }

void* Scratch::reserve_bytes(Index bytes) {
  // One cache line more than asked, so that a last vector may be written whole.
  const Index wanted = (bytes + 127) / 64 * 64;
  if (wanted > capacity_) {
    data_.reset();
    capacity_ = 0;
    const auto size = static_cast<std::size_t>(wanted);
    const bool is_large = wanted >= kLargeScratch;
    void* made = is_large ? take_block(size) : std::aligned_alloc(64, size);
    if (!made) throw std::bad_alloc();
    data_ = std::unique_ptr<void, Free>(made, Free{is_large ? size : 0});
    capacity_ = wanted;
  }
  return data_.get();
}

void Scratch::trim() {
  if (capacity_ < kLargeScratch) return;
  data_.reset();
  capacity_ = 0;
}

// ------------------------------------------------------------------------- construction

namespace {

Transform find_transform(const std::string& name) {
  const auto& names = transform_names();
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? Transform::none : static_cast<Transform>(1 + (found - names.begin()));
}

}  // namespace

const std::vector<std::string>& transform_names() {
  static const std::vector<std::string> names{"overlap", "fft"};
  return names;
}

Convolution::Convolution(Spec spec, Types types, const std::string& kernel, Fill fill, std::vector<Index> tile,
                         Separation separation, std::uint64_t most_reach)
    : spec_(std::move(spec)),
      types_(types),
      fill_(fill),
      isa_(chosen_isa()),
      transform_(find_transform(kernel)),
      tile_(std::move(tile)),
      separation_(kernel == "separable" ? Separation{Separate::products}
                  : kernel == "box"     ? Separation{Separate::boxes}
                                        : separation),
      must_separate_(kernel == "separable" || kernel == "box"),
      most_reach_(most_reach),
      kernel_([&]() -> const FsMicrokernel& {
        const FsMicrokernel* found = isa_.find(transform_ == Transform::none && !must_separate_ ? kernel : "direct");
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
  products_ *= static_cast<double>(parts_ * parts_);
  n_batch_ = size_of(batch_);
  n_groups_ = size_of(group_);
  n_out_ = size_of(out_);
  n_in_ = size_of(in_);
  if (transform_ == Transform::none && products_ < kWorthSharing) replays_ = std::make_shared<ReplayBook>();
  sums_dots_ = can_sum_dots();
}

// Samples and taps of 16 bits whose rows are read neighbour by neighbour. One number stands outside x.
bool Convolution::can_sum_dots() const {
  const Axis& axis = slides_.back().axis;
  const std::int64_t fill = whole_fill();
  return transform_ == Transform::none && types_.compute == FS_I32 && kernel_.run_pairs[0] && is_narrow(types_.x) &&
         is_narrow(types_.w) && axis.stride == 1 && axis.dilation == 1 && axis.w > 0 &&
         fill == static_cast<std::int16_t>(fill);
}

// Four at a time: samples that are bytes, and values of taps that are. A small call's steps do not depend on values.
bool Convolution::can_sum_quads(const PackedTaps& packed) const {
  const std::int64_t fill = whole_fill();
  if (replays_ || !is_byte(types_.x) || fill != static_cast<std::uint8_t>(fill) || !kernel_.has_quads()) return false;
  const auto* taps = reinterpret_cast<const std::int32_t*>(packed.data);
  return std::all_of(taps, taps + n_groups_ * n_out_ * n_in_ * taps_per_channel_,
                     [](std::int32_t tap) { return tap == static_cast<std::int8_t>(tap); });
}

Index Convolution::dots_per_channel(int width) const {
  const Index n = slides_.back().axis.w;
  return taps_per_channel_ / n * fs_dots(n, width);
}

Format Convolution::format(int dot_width) const {
  const FsConvert& convert = *isa_.convert;
  const FsCompute sum = types_.compute;
  const Index bytes = kComputeBytes[sum];
  const bool copies_y = !types_.saturate && same_bits(types_.y, sum);
  if (dot_width == 0) {
    const FsTileFn run = kernel_.run[sum];
    return {{run, run}, convert.load[sum][types_.x], bytes, bytes, same_bits(types_.x, sum), copies_y};
  }
  // Sums that are stored in 16 bits need no more on their way.
  const bool is_short = types_.y == FS_T_I16 || types_.y == FS_T_U16, is_quad = dot_width == 4;
  const FsTileFn* run = is_quad ? kernel_.run_quads : kernel_.run_pairs;
  return {{run[0], run[is_short]}, convert.load_narrow[is_quad][types_.x], is_quad ? 1 : 2,
          is_short ? 2 : bytes,    is_quad || types_.x == FS_T_I16,        copies_y || is_short};
}

// --------------------------------------------------------------------------------- taps

namespace {

constexpr Index kMostUnshared = 1 << 16;  // taps that one thread packs
constexpr Index kPiece = 64;              // taps of a channel that are packed at once
constexpr int kMostBlock = 8;

// Without an early end, so that it becomes vectors.
template <class T>
bool are_finite(const T* at, Index n) {
  int bad = 0;
  if constexpr (std::is_floating_point_v<T>)
    for (Index i = 0; i < n; ++i) bad |= !(std::abs(at[i]) <= std::numeric_limits<T>::max());
  return bad == 0;
}

template <class T>
bool are_zero(const T* at, Index n) {
  return std::all_of(at, at + n, [](T value) { return value == T(0); });
}

// n taps of each channel of a block.
template <int block, class T>
void interleave(const T (*pieces)[kPiece], Index n, T* to) {
  for (Index i = 0; i < n; ++i)
    for (int r = 0; r < block; ++r) *to++ = pieces[r][i];
}

template <class T>
void interleave(const T (*pieces)[kPiece], int block, Index n, T* to) {
  switch (block) {
    case 2: return interleave<2>(pieces, n, to);
    case 4: return interleave<4>(pieces, n, to);
    default: return interleave<8>(pieces, n, to);
  }
}

}  // namespace

const std::byte* Convolution::taps_of(const View& w, Index group, Index out) const {
  const std::byte* base = w.data + locate(group_, &Loop::w_dim, group, w) + locate(out_, &Loop::w_dim, out, w);
  for (const Slide& slide : slides_)
    if (slide.w_reversed) base += (slide.axis.w - 1) * w.stride(slide.axis.w_dim);
  return base;
}

Convolution::TapRows Convolution::tap_rows(const View& w) const {
  TapRows rows{&w};
  std::size_t a = slides_.size();
  const auto lengthen = [&](Index n, Index step) {
    if (n > 1 && rows.n > 1 && step != rows.n * rows.step) return false;
    if (n > 1 && rows.n == 1) rows.step = step;
    rows.n *= n;
    return true;
  };
  const auto step_of = [&](const Slide& slide) { return w.stride(slide.axis.w_dim) * (slide.w_reversed ? -1 : 1); };
  while (a > 0 && lengthen(slides_[a - 1].axis.w, step_of(slides_[a - 1]))) --a;
  for (std::size_t outer = 0; outer < a; ++outer)
    rows.outer[rows.n_outer++] = {slides_[outer].axis.w, step_of(slides_[outer])};
  rows.n_in = n_in_;
  if (a == 0 && in_.size() == 1 && n_in_ > 1 && lengthen(n_in_, w.stride(in_[0].w_dim))) rows.n_in = 1;
  return rows;
}

// One output channel of real taps: the kernel reads them as they lie, and no number changes its value.
template <class T>
void Convolution::pack_single(const View& w, T* to, PackedTaps& packed) const {
  const FsLoadFn load = isa_.convert->load[types_.compute][types_.w];
  const TapRows rows = tap_rows(w);
  for (Index group = 0; group < n_groups_; ++group) {
    T* channel = to + group * n_in_ * taps_per_channel_;
    const std::byte* from = taps_of(w, group, 0);
    each_tap_row(rows, [&](Index tap, Index offset) { load(channel + tap, from + offset, rows.step, rows.n); });
  }
  packed.is_finite = are_finite(to, n_groups_ * n_in_ * taps_per_channel_);
}

template <class T>
void Convolution::pack_parts(const View& w, Index parts, T* to, PackedTaps& packed, int threads) const {
  const FsLoadFn load = isa_.convert->load[types_.compute][types_.w];
  const TapRows rows = tap_rows(w);
  const Index w_taps = n_in_ * taps_per_channel_, n_packed = n_out_ * parts;
  const int max_block = std::max(kernel_.max_block, static_cast<int>(parts));
  // As many blocks of the most channels, then one for each bit of what is left.
  const Index n_full = n_packed / max_block, n_rest = std::popcount(static_cast<std::uint64_t>(n_packed % max_block));
  std::atomic<bool> all_finite{true}, all_real{true};

  const auto pack_block = [&](Index task) {
    const Index group = task / (n_full + n_rest), number = task % (n_full + n_rest);
    Index first = std::min(number, n_full) * max_block;
    for (Index i = n_full; i < number; ++i) first += fs_block(n_packed - first, max_block);
    const int block = fs_block(n_packed - first, max_block);
    T* const block_taps = to + (group * n_packed + first) * w_taps;
    const std::byte* from[kMostBlock];
    for (int r = 0; r < block; ++r) {
      const Index channel = first + r;
      from[r] = taps_of(w, group, channel / parts) + channel % parts * kTypeBytes[types_.w];
    }
    bool finite = true, zero = true;
    T pieces[kMostBlock][kPiece];
    each_tap_row(rows, [&](Index tap, Index offset) {
      for (Index j = 0; j < rows.n; j += kPiece) {
        const Index n = std::min(kPiece, rows.n - j);
        T* taps = block_taps + (tap + j) * block;
        for (int r = 0; r < block; ++r) {
          T* piece = block == 1 ? taps : pieces[r];
          load(piece, from[r] + offset + j * rows.step, rows.step, n);
          finite = finite && are_finite(piece, n);
          const bool is_imaginary = (first + r) % parts == 1;
          if (is_imaginary) zero = zero && are_zero(piece, n);
          if (is_imaginary && spec_.conj_w)
            for (Index i = 0; i < n; ++i) piece[i] = T(0) - piece[i];
        }
        if (block > 1) interleave(pieces, block, n, taps);
      }
    });
    if (!finite) all_finite = false;
    if (parts == 2 && !zero) all_real = false;
  };
  const Index n_tasks = n_groups_ * (n_full + n_rest);
  parallel_for(n_tasks, n_groups_ * n_packed * w_taps <= kMostUnshared ? 1 : threads, pack_block);
  packed.is_finite = packed.is_finite && all_finite;
  if (parts == 1 || !all_real || transform_ != Transform::none) return;
  T* real = to + n_groups_ * n_packed * w_taps;
  packed.real = reinterpret_cast<const std::byte*>(real);
  pack_parts(w, 1, real, packed, threads);
}

// Each row of taps as kernels/dots.hpp reads it. Output i + kind finds its tap j in x[i + kind + j].
template <class T>
void Convolution::pack_dots(T* to, PackedTaps& packed) const {
  constexpr int width = 4 / sizeof(T);
  packed.dots = reinterpret_cast<const std::byte*>(to);
  packed.dot_width = width;
  const Index n = slides_.back().axis.w, n_rows = n_groups_ * n_out_ * n_in_ * taps_per_channel_ / n;
  const auto* row = reinterpret_cast<const std::uint32_t*>(packed.data);
  for (Index r = 0; r < n_rows; ++r, row += n)
    for (Index dot = 0; dot < fs_dots(n, width); ++dot)
      for (Index kind = 0; kind < width; ++kind)
        for (Index i = 0; i < width; ++i) {
          const Index place = fs_dot_place(dot, n, width) + i, j = place - kind;
          const bool is_seen = place < dot * width;
          *to++ = is_seen || j < 0 || j >= n ? T(0) : static_cast<T>(row[j]);
        }
}

void Convolution::pack(const View& w, PackedTaps& packed, int threads) const {
  packed.is_finite = true;
  packed.negative = false;
  packed.magnitude_sum = 0;
  packed.real = packed.dots = nullptr;
  packed.dot_width = 0;
  const Index n_channels = n_groups_ * n_out_;
  const Index n_taps = n_channels * n_in_ * taps_per_channel_ * (parts_ == 2 ? 3 : 1);
  const Index data_bytes = n_taps * kComputeBytes[types_.compute];
  const Index dot_bytes =
      sums_dots_ ? n_channels * n_in_ * std::max(dots_per_channel(2) * 8, dots_per_channel(4) * 16) : 0;
  std::byte* data = packed.storage.reserve<std::byte>(data_bytes + dot_bytes);
  packed.data = data;

  const auto pack_as = [&]<class T>(T) {
    T* to = reinterpret_cast<T*>(data);
    const bool keeps_values = is_integer(types_.w) || same_bits(types_.w, types_.compute);
    if (n_taps <= kMostUnshared && parts_ == 1 && n_out_ == 1 && keeps_values)
      pack_single(w, to, packed);
    else
      pack_parts(w, parts_, to, packed, threads);
  };
  switch (types_.compute) {
    case FS_F32: pack_as(float{}); break;
    case FS_F64: pack_as(double{}); break;
    case FS_I32: pack_as(std::uint32_t{}); break;
    default: pack_as(std::uint64_t{}); break;
  }
  if (sums_dots_ && can_sum_quads(packed))
    pack_dots(reinterpret_cast<std::int8_t*>(data + data_bytes), packed);
  else if (sums_dots_)
    pack_dots(reinterpret_cast<std::int16_t*>(data + data_bytes), packed);

  if (is_integer(types_.w)) {
    const FsLoadFn load = isa_.convert->load[FS_I64][types_.w];
    const bool is_signed = types_.w >= FS_T_I8 && types_.w <= FS_T_I64;
    const TapRows rows = tap_rows(w);
    bool negative = false;
    for (Index group = 0; group < n_groups_; ++group)
      for (Index k = 0; k < n_out_; ++k) {
        unsigned __int128 sum = 0;
        const std::byte* from = taps_of(w, group, k);
        each_tap_row(rows, [&](Index, Index offset) {
          std::uint64_t taps[256];
          for (Index j = 0; j < rows.n; j += std::ssize(taps)) {
            const Index n = std::min(rows.n - j, std::ssize(taps));
            load(taps, from + offset + j * rows.step, rows.step, n);
            for (Index i = 0; i < n; ++i) {
              const bool is_below = is_signed && taps[i] >> 63;
              sum += is_below ? 0 - taps[i] : taps[i];
              negative = negative || is_below;
            }
          }
        });
        packed.magnitude_sum = std::max(packed.magnitude_sum, saturating(sum));
      }
    packed.negative = negative;
  }
  packed.factors.clear();
  if (separation_.which != Separate::never && packed.is_finite) {
    std::vector<Index> extents;
    for (const Slide& slide : slides_) extents.push_back(slide.axis.w);
    if (find_factors(types_.compute, extents, n_channels, packed, separation_, isa_.find("gemm")->max_block)) return;
  }
  if (transform_ != Transform::none) pack_spectra(*this, w, packed, threads);
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
  if (x.ndim == 1 && total <= (1 << 18)) {
    int below = 0;
    range(x.data, x.strides[0], total, &largest, &below);
    negative = negative || below;
    return;
  }
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
  range_of(x, isa_.convert->range[types_.x], largest, negative, threads);
  judge(largest, negative);
  return result;
}

std::int64_t Convolution::whole_fill() const {
  std::int64_t wide;
  std::int32_t narrow;
  std::memcpy(&wide, fill_.parts[0], sizeof wide);
  std::memcpy(&narrow, fill_.parts[0], sizeof narrow);
  return types_.compute == FS_I32 ? narrow : wide;
}

// Every sum and every error of a transform is bounded by a multiple of max|x| * sum |w|: see
// `most_reach` in src/flipslide/plan.py.
bool Convolution::rounds_right(const View& x, const PackedTaps& w, std::uint64_t reach, int threads) const {
  if (reach <= most_reach_) return true;
  const auto holds = [&](std::uint64_t largest) {
    return static_cast<unsigned __int128>(largest) * w.magnitude_sum <= most_reach_;
  };
  const std::int64_t fill = whole_fill();
  const std::uint64_t outside =
      fill < 0 ? std::uint64_t(0) - static_cast<std::uint64_t>(fill) : static_cast<std::uint64_t>(fill);
  bool negative = false;
  if (holds(std::max(outside, largest_of(types_.x, negative)))) return true;
  std::uint64_t largest = outside;
  if (!holds(std::max<std::uint64_t>(largest, 1))) return false;
  range_of(x, isa_.convert->range[types_.x], largest, negative, threads);
  return holds(largest);
}

void Convolution::run(const View& x, const PackedTaps& w, const void* bias, const View& y, int threads,
                      std::uint64_t reach) const {
  if (n_batch_ * n_groups_ * n_out_ == 0) return;
  for (const Slide& slide : slides_)
    if (slide.axis.y == 0) return;
  const bool transforms =
      transform_ != Transform::none && w.factors.empty() && (!rounds() || rounds_right(x, w, reach, threads));
  (transforms ? run_transform : run_tiles)(*this, x, w, bias, y, threads);
}

}  // namespace flipslide
