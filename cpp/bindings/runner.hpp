// A convolution of known shapes and types, ready to run on memory that Python's arrays own.
#pragma once

#include <optional>

#include "../exact/terms.hpp"
#include "../taps/cache.hpp"

namespace flipslide {

// Taps packed once for many calls.
struct Taps {
  PackedTaps packed;
  ExactTaps exact;  // where sums are rounded once
};

struct Array {
  View view;
  Index item_bytes;
};

// One number of the compute type (two when complex) per output channel, or null.
struct Bias {
  const void* data = nullptr;
  std::uint64_t magnitude = 0;
  bool negative = false;
};

// Why nothing was computed.
enum class Refusal {
  none,
  taps,  // an infinite or NaN tap meets places without a sample, where it would be multiplied by zero, or a transform
  product,  // the taps are not a product of taps along single axes
  bound,    // an integer result might not fit
};

struct Outcome {
  Refusal refusal = Refusal::none;
  Bound bound{};
};

class Runner {
 public:
  // `rounds_to`: the type of y where sums are rounded once (see exact/exact.hpp), which the convolution makes in double
  // precision.
  Runner(Convolution convolution, bool checks_bound, bool needs_finite, std::optional<FsType> rounds_to = {});

  void pack_into(Taps& taps, const Array& w, int threads) const;
  // The interpreter's lock is held; it is released around long work. Taps that came before are not packed again.
  Outcome run(const Array& x, const Array& w, const Bias& bias, const Array& y, int threads) const;
  Outcome run(const Array& x, const Taps& w, const Bias& bias, const Array& y, int threads) const;

 private:
  Convolution convolution_;
  bool checks_bound_, needs_finite_;
  std::optional<FsType> rounds_to_;
  TapsCache cache_;

  Outcome sum(const View& x, const View& w, const Bias& bias, const View& y, int threads) const;
  // `sum(y)` makes the sums in double precision.
  template <class Sum>
  Outcome round(const View& x, const ExactTaps& w, const Bias& bias, const View& y, int threads, const Sum& sum) const;

  Outcome contain(const View& x, const View& w, const Bias& bias, const View& y, int threads) const;
  Outcome compute(const View& x, const PackedTaps& w, const Bias& bias, const View& y, int threads) const;
  // Releasing the lock costs about 0.1 microseconds; below this much work it buys nothing.
  template <class Work>
  Outcome unlocked(const Work& work) const;

  // The last line of defence: an array of another shape would be read out of bounds.
  void check(const Array& x, const Array& y) const;
  void check(const Array& array, const char* name, int Axis::* axis_dim, Index Axis::* size, int Loop::* loop_dim,
             FsType type) const;
};

}  // namespace flipslide
