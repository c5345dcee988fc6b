// Taps in the order in which microkernels read them: see fs_block and fs_dots in microkernels/microkernel.hpp.
#include "pack.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>

#include "../thread/pool.hpp"
#include "blocks.hpp"

namespace flipslide {

const std::byte* taps_of(const Problem& c, const View& w, Index group, Index out) {
  const std::byte* base =
      w.data + locate(c.group_loops, &Loop::w_dim, group, w) + locate(c.out_loops, &Loop::w_dim, out, w);
  for (const Slide& slide : c.slides)
    if (slide.w_reversed) base += (slide.axis.w - 1) * w.stride(slide.axis.w_dim);
  return base;
}

namespace {

constexpr Index kMostUnshared = 1 << 16;  // taps that one thread packs
constexpr Index kPiece = 64;              // taps of a channel that are packed at once
constexpr int kMostBlock = 8;
constexpr Index kChannelsPerTask = 64;  // whole blocks

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

// The taps of an output channel, in rows as long as they lie evenly: those of a layer are all one.
struct TapRows {
  struct Level {
    Index n, step;  // bytes
  };
  const View* w;
  Index n = 1, step = 0;  // of a row
  int n_outer = 0;
  Level outer[kMaxAxes] = {};
  Index n_in = 1;  // input channels that are rows of their own
};

TapRows tap_rows(const Problem& c, const View& w) {
  TapRows rows{&w};
  std::size_t a = c.slides.size();
  const auto lengthen = [&](Index n, Index step) {
    if (n > 1 && rows.n > 1 && step != rows.n * rows.step) return false;
    if (n > 1 && rows.n == 1) rows.step = step;
    rows.n *= n;
    return true;
  };
  const auto step_of = [&](const Slide& slide) { return w.stride(slide.axis.w_dim) * (slide.w_reversed ? -1 : 1); };
  while (a > 0 && lengthen(c.slides[a - 1].axis.w, step_of(c.slides[a - 1]))) --a;
  for (std::size_t outer = 0; outer < a; ++outer)
    rows.outer[rows.n_outer++] = {c.slides[outer].axis.w, step_of(c.slides[outer])};
  rows.n_in = c.n_in;
  if (a == 0 && c.in_loops.size() == 1 && c.n_in > 1 && lengthen(c.n_in, w.stride(c.in_loops[0].w_dim))) rows.n_in = 1;
  return rows;
}

// Walks the taps of one channel in row-major order: visit(first tap, offset) for each row.
template <class Visit>
void each_tap_row(const Problem& problem, const TapRows& rows, Visit&& visit) {
  Index first = 0;
  for (Index c = 0; c < rows.n_in; ++c) {
    const Index channel = locate(problem.in_loops, &Loop::w_dim, c, *rows.w);
    Index j[kMaxAxes] = {};
    for (int a = 0; a >= 0; first += rows.n) {
      Index offset = channel;
      for (a = 0; a < rows.n_outer; ++a) offset += j[a] * rows.outer[a].step;
      visit(first, offset);
      while (a-- > 0 && ++j[a] == rows.outer[a].n) j[a] = 0;
    }
  }
}

// One output channel of real taps: the kernel reads them as they lie, and no number changes its value.
template <class T>
void pack_single(const Convolution& c, const View& w, T* to, PackedTaps& packed) {
  const FsLoadFn load = c.isa.convert->load[c.types.compute][c.types.w];
  const TapRows rows = tap_rows(c, w);
  for (Index group = 0; group < c.n_groups; ++group) {
    T* channel = to + group * c.n_in * c.taps_per_channel;
    const std::byte* from = taps_of(c, w, group, 0);
    each_tap_row(c, rows, [&](Index tap, Index offset) { load(channel + tap, from + offset, rows.step, rows.n); });
  }
  packed.is_finite = are_finite(to, c.n_groups * c.n_in * c.taps_per_channel);
}

// Real taps of the sum's own type are moved: no number is converted.
template <class T>
void pack_moved(const Convolution& c, const View& w, T* to, PackedTaps& packed, int threads) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const TapOrder order(c, w);
  const FsFiniteFn finite = c.sums_integers() ? nullptr : c.isa.convert->finite[c.types.compute];
  const Index w_taps = c.n_in * c.taps_per_channel, n_tasks = c.n_groups * ceil_div(c.n_out, kChannelsPerTask);
  std::atomic<bool> all_finite{true};
  parallel_for(n_tasks, c.n_groups * c.n_out * w_taps <= kMostUnshared ? 1 : threads, [&](Index task) {
    const Index group = task % c.n_groups, begin = task / c.n_groups * kChannelsPerTask;
    const Index end = std::min(c.n_out, begin + kChannelsPerTask);
    const std::byte* from[kChannelsPerTask];
    for (Index k = begin; k < end; ++k) from[k - begin] = taps_of(c, w, group, k);
    for (Index turn = 0; turn < order.n_turns(); turn += order.turns_at_once()) {
      const Index last = std::min(order.n_turns(), turn + order.turns_at_once());
      for (Index k = begin; k < end;) {
        const int block = fs_block(c.n_out - k, c.microkernel.max_block);
        T* const taps = to + (group * c.n_out + k) * w_taps;
        order.copy(from + (k - begin), block, reinterpret_cast<Bits*>(taps), turn, last);
        if (finite && !finite(taps + order.first_tap(turn, last) * block, order.n_taps(last - turn) * block))
          all_finite = false;
        k += block;
      }
    }
  });
  packed.is_finite = packed.is_finite && all_finite;
}

template <class T>
void pack_parts(const Convolution& c, const View& w, Index parts, T* to, PackedTaps& packed, int threads) {
  const FsLoadFn load = c.isa.convert->load[c.types.compute][c.types.w];
  const TapRows rows = tap_rows(c, w);
  const Index w_taps = c.n_in * c.taps_per_channel, n_packed = c.n_out * parts;
  const int max_block = std::max(c.microkernel.max_block, static_cast<int>(parts));
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
      from[r] = taps_of(c, w, group, channel / parts) + channel % parts * kTypeBytes[c.types.w];
    }
    bool finite = true, zero = true;
    T pieces[kMostBlock][kPiece];
    each_tap_row(c, rows, [&](Index tap, Index offset) {
      for (Index j = 0; j < rows.n; j += kPiece) {
        const Index n = std::min(kPiece, rows.n - j);
        T* taps = block_taps + (tap + j) * block;
        for (int r = 0; r < block; ++r) {
          T* piece = block == 1 ? taps : pieces[r];
          load(piece, from[r] + offset + j * rows.step, rows.step, n);
          finite = finite && are_finite(piece, n);
          const bool is_imaginary = (first + r) % parts == 1;
          if (is_imaginary) zero = zero && are_zero(piece, n);
          if (is_imaginary && c.spec.conj_w)
            for (Index i = 0; i < n; ++i) piece[i] = T(0) - piece[i];
        }
        if (block > 1) interleave(pieces, block, n, taps);
      }
    });
    if (!finite) all_finite = false;
    if (parts == 2 && !zero) all_real = false;
  };
  const Index n_tasks = c.n_groups * (n_full + n_rest);
  parallel_for(n_tasks, c.n_groups * n_packed * w_taps <= kMostUnshared ? 1 : threads, pack_block);
  packed.is_finite = packed.is_finite && all_finite;
  if (parts == 1 || !all_real || c.method.transforms) return;
  T* real = to + c.n_groups * n_packed * w_taps;
  packed.real = reinterpret_cast<const std::byte*>(real);
  pack_parts(c, w, 1, real, packed, threads);
}

// Each row of taps as kernels/dots.hpp reads it. Output i + kind finds its tap j in x[i + kind + j].
template <class T>
void pack_dots(const Convolution& c, T* to, PackedTaps& packed) {
  constexpr int width = 4 / sizeof(T);
  packed.dots = reinterpret_cast<const std::byte*>(to);
  packed.dot_width = width;
  const Index n = c.slides.back().axis.w, n_rows = c.n_groups * c.n_out * c.n_in * c.taps_per_channel / n;
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

// Four at a time: samples that are bytes, and values of taps that are. A small call's steps do not depend on values.
bool can_sum_quads(const Convolution& c, const PackedTaps& packed) {
  const std::int64_t fill = c.whole_fill();
  if (c.replays || !is_byte(c.types.x) || fill != static_cast<std::uint8_t>(fill) || !c.microkernel.has_quads())
    return false;
  const auto* taps = reinterpret_cast<const std::int32_t*>(packed.data);
  return std::all_of(taps, taps + c.n_groups * c.n_out * c.n_in * c.taps_per_channel,
                     [](std::int32_t tap) { return tap == static_cast<std::int8_t>(tap); });
}

}  // namespace

Index packed_bytes(const Problem& p, bool sums_dots) {
  const Index n_rows = p.n_groups * p.n_out * p.n_in;
  const Index dots = sums_dots ? std::max(dots_per_channel(p, 2) * 8, dots_per_channel(p, 4) * 16) : 0;
  return n_rows * (p.taps_per_channel * (p.parts == 2 ? 3 : 1) * kComputeBytes[p.types.compute] + dots);
}

void Convolution::pack(const View& w, PackedTaps& packed, int threads) const {
  const Convolution& c = *this;
  packed.is_finite = true;
  packed.negative = false;
  packed.magnitude_sum = 0;
  packed.real = packed.dots = nullptr;
  packed.dot_width = 0;
  const Index n_channels = c.n_groups * c.n_out;
  const Index n_taps = n_channels * c.n_in * c.taps_per_channel * (c.parts == 2 ? 3 : 1);
  std::byte* data = packed.storage.reserve<std::byte>(packed_bytes(c, c.sums_dots));
  packed.data = data;

  const auto pack_as = [&]<class T>(T) {
    T* to = reinterpret_cast<T*>(data);
    const bool keeps_values = is_integer(c.types.w) || same_bits(c.types.w, c.types.compute);
    if (n_taps <= kMostUnshared && c.parts == 1 && c.n_out == 1 && keeps_values)
      pack_single(c, w, to, packed);
    else if (c.parts == 1 && same_bits(c.types.w, c.types.compute))
      pack_moved(c, w, to, packed, threads);
    else
      pack_parts(c, w, c.parts, to, packed, threads);
  };
  switch (c.types.compute) {
    case FS_F32: pack_as(float{}); break;
    case FS_F64: pack_as(double{}); break;
    case FS_I32: pack_as(std::uint32_t{}); break;
    default: pack_as(std::uint64_t{}); break;
  }
  if (c.sums_dots && can_sum_quads(c, packed))
    pack_dots(c, reinterpret_cast<std::int8_t*>(data + packed_bytes(c, false)), packed);
  else if (c.sums_dots)
    pack_dots(c, reinterpret_cast<std::int16_t*>(data + packed_bytes(c, false)), packed);
  note_sums(c, w, packed);

  if (is_integer(c.types.w)) {
    const FsLoadFn load = c.isa.convert->load[FS_I64][c.types.w];
    const bool is_signed = c.types.w >= FS_T_I8 && c.types.w <= FS_T_I64;
    const TapRows rows = tap_rows(c, w);
    bool negative = false;
    for (Index group = 0; group < c.n_groups; ++group)
      for (Index k = 0; k < c.n_out; ++k) {
        unsigned __int128 sum = 0;
        const std::byte* from = taps_of(c, w, group, k);
        each_tap_row(c, rows, [&](Index, Index offset) {
          std::uint64_t taps[256];
          for (Index j = 0; j < rows.n; j += std::ssize(taps)) {
            const Index n = std::min<Index>(rows.n - j, std::ssize(taps));
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
  if (c.separation.which != Separate::never && packed.is_finite) {
    std::vector<Index> extents;
    for (const Slide& slide : c.slides) extents.push_back(slide.axis.w);
    if (find_factors(c.types.compute, extents, n_channels, packed, c.separation, c.isa.find("gemm")->max_block)) return;
  }
  if (method.prepare_taps) method.prepare_taps(*this, w, packed, threads);
}

}  // namespace flipslide
