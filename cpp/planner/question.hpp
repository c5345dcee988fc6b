// What the planner asks methods about: a problem, with the arrays as they usually lie and the sizes that costs are
// counted from.
#pragma once

#include <string>
#include <vector>

#include "../problem.hpp"

namespace flipslide {

// Choices are made for this number of threads, whatever number a call has: the same call gives the same bits on any.
inline constexpr int kUsualThreads = 2;

// The second-level cache of a core, in bytes.
inline constexpr Index kCacheBytes = 1 << 20;

// What products are summed in: the rows of costs.json. int16: in dots, see microkernels/dots.hpp.
enum Sum : int { kSumF32, kSumF64, kSumI16, kSumI32, kSumI64, kSumC64, kSumC128, kSums };
inline constexpr const char* kSumNames[kSums] = {"float32", "float64",   "int16",     "int32",
                                                 "int64",   "complex64", "complex128"};

class Question : public Problem {
  // The views below point into these.
  std::vector<Index> x_shape_, x_strides_, y_shape_, y_strides_;

 public:
  // `must_be_exact`: integers whose results are proved to fit, also where they are summed in a float type.
  Question(Problem problem, bool must_be_exact);
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  const bool must_be_exact;
  const View x, y;       // C-contiguous
  const double outputs;  // of all channels
  // Products of numbers, complex ones too; input channels count, groups do not.
  const double n_products;

  Index item_bytes() const { return parts * kComputeBytes[types.compute]; }
  // Whether x and y come from beyond the second-level cache.
  bool is_far() const;
  // Whether outputs and samples are neighbours alike.
  bool has_lattice() const;
  Sum sum() const;
  // As `sum`, of the parts of complex numbers.
  Sum part() const;
  Index axes_with_taps() const;
  // Bytes of both inputs and the result.
  double array_bytes() const;
  // Bytes that a method may take beside them: 64 MB, or twice as many as the arrays have.
  double scratch_bytes() const;
};

}  // namespace flipslide
