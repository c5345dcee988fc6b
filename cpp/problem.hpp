// What is to be computed, in canonical form: axes without flips, all other loops by the arrays that carry them.
#pragma once

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

// One axis with flips taken out: dilation and stride are positive, as taps are read and outputs written from the
// other end where they were not.
struct Slide {
  Axis axis;
  bool w_reversed, y_reversed;

  Index overhang() const { return axis.dilation * (axis.w - 1); }
};

struct Problem {
  Problem(Spec given, Types types, Fill fill);

  Spec spec;
  Types types;
  Fill fill;
  const InstructionSet& isa;
  std::vector<Slide> slides;
  // An output channel has taps and outputs of its own, an input channel taps and samples; a group has all three, an
  // element of the batch everything but taps.
  std::vector<Loop> batch_loops, group_loops, out_loops, in_loops;
  Index n_batch, n_groups, n_out, n_in;
  Index taps_per_channel = 1;
  Index parts;          // of a number: 2 where they are complex
  double products = 1;  // of real numbers

  bool has_outputs() const;
  Index n_channels() const { return n_groups * n_out; }
  // Half the distance from 1 to the next number of the sum; 0 where sums are exact.
  double unit_roundoff() const { return sums_integers() ? 0 : types.compute == FS_F32 ? 0x1p-24 : 0x1p-53; }
  bool sums_integers() const { return types.compute >= FS_I32; }
  // The fill value of integers.
  std::int64_t whole_fill() const;
};

// Calls of fewer products run on one thread.
inline bool is_small(const Problem& problem) { return problem.products < kWorthSharing; }

// Whether a group is work for sums/planes.hpp: few channels and taps.
bool has_small_groups(const Problem& problem);

// Whether the steps of a call are noted and repeated (sums/replay.hpp): of small ones, unless many groups take turns at
// the same steps.
bool is_replayed(const Problem& problem);

// Whether a microkernel sums narrow integers in dots: samples and taps of 16 bits whose rows are read neighbour by
// neighbour. One number of 16 bits stands outside x.
bool can_sum_dots(const Problem& problem, const FsMicrokernel& microkernel);

}  // namespace flipslide
