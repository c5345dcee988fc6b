// The driver owns everything that is not arithmetic: batches, groups, boundaries, strides,
// dilations, dtypes, tiles and threads. A kernel sees tiles (microkernels/microkernel.hpp) and no more.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "isa.hpp"
#include "layout.hpp"
#include "spec.hpp"
#include "view.hpp"

namespace flipslide {

// A complex type is given by that of its parts.
struct Types {
  FsType x, w, y;
  FsCompute compute;
  bool is_complex;
  bool saturate;
};

// What `boundary="constant"` puts outside x: a real and an imaginary part of the compute
// type, and its magnitude for the overflow bound.
struct Fill {
  alignas(8) std::byte parts[2][8] = {};
  std::uint64_t magnitude = 0;
  bool negative = false;
};

// An aligned, growing piece of scratch memory. A large one comes from the arena.
class Scratch {
 public:
  template <class T>
  T* reserve(Index n) {
    return static_cast<T*>(reserve_bytes(n * static_cast<Index>(sizeof(T))));
  }
  void* reserve_bytes(Index bytes);
  // Gives a large piece back, so that a thread does not sit on it between calls.
  void trim();
  Index capacity() const { return capacity_; }

 private:
  struct Free {
    std::size_t arena_bytes;  // 0: from the allocator
    void operator()(void* p) const;
  };
  std::unique_ptr<void, Free> data_{nullptr, Free{0}};
  Index capacity_ = 0;
};

// Taps in the order in which the kernel reads them, and what the driver must know of them.
struct PackedTaps {
  Scratch storage, spectrum_storage;
  const std::byte* data = nullptr;
  const std::byte* real = nullptr;      // of complex taps that are all real: the real parts alone
  const std::byte* dots = nullptr;      // of taps and samples of 16 bits or less, by dot_width
  const std::byte* spectrum = nullptr;  // transforms only
  std::vector<std::byte> factors;       // taps that are products: of each channel, for each axis those of each term
  int dot_width = 0;                    // 2 or 4 taps in a lane
  Index rank = 1;                       // terms: the taps are the sum of so many products
  bool are_products = true;             // each tap within its own roundings, not those of all taps
  bool is_finite = true;
  std::vector<int> exponents;       // of each channel's spectrum, which is so many powers of two smaller; empty: none
  std::uint64_t magnitude_sum = 0;  // the largest sum of magnitudes of an output channel
  bool negative = false;

  std::size_t n_bytes() const {
    return static_cast<std::size_t>(storage.capacity() + spectrum_storage.capacity()) + factors.size();
  }
};

// How a kernel is called, and how the numbers lie that it reads and writes.
struct Format {
  FsTileFn run[2];          // y is scratch memory with numbers of the sum, or written in place
  FsLoadFn load;            // from the type of x
  Index x_bytes, y_bytes;   // of a number, or a part of it, in x where it is packed, in y where it is written in place
  bool copies_x, copies_y;  // the arrays hold just these numbers
};

// How far an integer result may go, and whether this one stays inside.
struct Bound {
  bool fits = true;
  bool below_zero = false;          // a negative sum is possible where the type has none
  std::uint64_t magnitude = kMost;  // saturates; kMost also where there is none
};

enum class Transform { none, overlap, fft };

// Which taps are applied axis by axis: none, those that are all the same, or all products of taps along
// single axes.
enum class Separate { never, boxes, products };

// Taps along two axes may also be a sum of up to `rank` products, if |computed - exact| stays within `error`
// times the sum of |w| times the norm of the samples. 0: single products only, with the direct sum's bound.
struct Separation {
  Separate which = Separate::never;
  Index rank = 0;
  double error = 0;
};

// The names that `Convolution` knows beside those of the registry.
const std::vector<std::string>& transform_names();

class ReplayBook;

class Convolution {
 public:
  // `kernel` is a name of the registry, or a transform's; then `tile` has its points per axis. Integers are
  // transformed as long as max|x| * sum |w| is at most `most_reach`, and summed directly beyond.
  Convolution(Spec spec, Types types, const std::string& kernel, Fill fill, std::vector<Index> tile = {},
              Separation separation = {}, std::uint64_t most_reach = 0);

  // Storage that `packed` already has is used again.
  void pack(const View& w, PackedTaps& packed, int threads) const;

  // The bound of the sum against the type of y (or of the exact double for a double).
  Bound bound(const View& x, const PackedTaps& w, std::uint64_t bias_magnitude, bool bias_negative, int threads) const;

  // bias: one number (two when complex) of the compute type per output channel, or null. `reach`: what
  // max|x| * sum |w| is known to stay within.
  void run(const View& x, const PackedTaps& w, const void* bias, const View& y, int threads,
           std::uint64_t reach = kMost) const;

  double products() const { return products_; }
  const Spec& spec() const { return spec_; }
  const Types& types() const { return types_; }
  Transform transform() const { return transform_; }
  // Whether integers are transformed: as doubles, each output rounded to the nearest integer.
  bool rounds() const { return transform_ != Transform::none && types_.compute >= FS_I32; }
  bool must_separate() const { return must_separate_; }
  const std::vector<Index>& tile() const { return tile_; }
  const InstructionSet& isa() const { return isa_; }
  const FsMicrokernel& kernel() const { return kernel_; }
  const Fill& fill() const { return fill_; }
  // Whether packing taps costs more than recognizing them.
  bool packs_long() const {
    return !replays_ && (transform_ != Transform::none || separation_.which != Separate::never);
  }
  // Of dots so wide; 0: of single numbers.
  Format format(int dot_width) const;
  // Null where a call is too large to be repeated step by step.
  ReplayBook* replays() const { return replays_.get(); }

 private:
  friend class TileArrays;
  friend class TileWindows;
  friend class TileRows;
  friend class TileRun;
  friend class Transformer;
  friend class TransformCall;

  // One axis with flips taken out: dilation and stride are positive.
  struct Slide {
    Axis axis;
    bool w_reversed, y_reversed;
    Index offset(Index tap) const { return axis.dilation * tap; }
    Index overhang() const { return axis.dilation * (axis.w - 1); }
  };

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

  template <class T>
  void pack_single(const View& w, T* to, PackedTaps& packed) const;
  // The first `parts` parts of every tap, in the blocks of microkernels/microkernel.hpp.
  template <class T>
  void pack_parts(const View& w, Index parts, T* to, PackedTaps& packed, int threads) const;
  template <class T>
  void pack_dots(T* to, PackedTaps& packed) const;
  TapRows tap_rows(const View& w) const;
  // Walks the taps of one channel in row-major order: visit(first tap, offset) for each row.
  template <class Visit>
  void each_tap_row(const TapRows& rows, Visit&& visit) const;
  // The first tap of an output channel, of the first input channel.
  const std::byte* taps_of(const View& w, Index group, Index out) const;
  // Whether the nearest integers are the right ones, whatever the roundings of a transform.
  bool rounds_right(const View& x, const PackedTaps& w, std::uint64_t reach, int threads) const;
  std::int64_t whole_fill() const;
  bool can_sum_dots() const;
  bool can_sum_quads(const PackedTaps& packed) const;
  Index dots_per_channel(int width) const;

  Spec spec_;
  Types types_;
  Fill fill_;
  const InstructionSet& isa_;
  Transform transform_;
  std::vector<Index> tile_;
  Separation separation_;
  bool must_separate_;  // by the name of the method
  std::uint64_t most_reach_;
  const FsMicrokernel& kernel_;  // a transform's: what does a tile again that is not finite
  std::vector<Slide> slides_;
  std::vector<Loop> batch_, group_, out_, in_;
  Index n_batch_, n_groups_, n_out_, n_in_;
  Index taps_per_channel_;
  bool sums_dots_;
  Index parts_;      // of a number: 2 where they are complex
  double products_;  // of real numbers
  std::shared_ptr<ReplayBook> replays_;
};

template <class Visit>
void Convolution::each_tap_row(const TapRows& rows, Visit&& visit) const {
  Index first = 0;
  for (Index c = 0; c < rows.n_in; ++c) {
    const Index channel = locate(in_, &Loop::w_dim, c, *rows.w);
    Index j[kMaxAxes] = {};
    for (int a = 0; a >= 0; first += rows.n) {
      Index offset = channel;
      for (a = 0; a < rows.n_outer; ++a) offset += j[a] * rows.outer[a].step;
      visit(first, offset);
      while (a-- > 0 && ++j[a] == rows.outer[a].n) j[a] = 0;
    }
  }
}

// Some outputs of one channel: [low, high) of every axis of the spec.
struct Region {
  Index batch, group, out;
  const Index* low;
  const Index* high;
};

// The two ways to run a call, each in its own file.
void run_tiles(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads);
void run_region(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                const Region& region);
void run_transform(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                   int threads);
// The taps of each channel as products, or sums of them whose rows come in blocks; false (and no factors) where one
// channel's are not.
bool find_factors(FsCompute compute, const std::vector<Index>& extents, Index n_channels, PackedTaps& packed,
                  const Separation& wanted, int max_block);
void pack_spectra(const Convolution& c, const View& w, PackedTaps& packed, int threads);

}  // namespace flipslide
