// Sums that are rounded once: each output is the number of its type that is nearest to the exact sum, of two the even
// one, so that its bits are the same whatever computes it.
//
// A result in single or half precision is summed in double precision by any method. Its products are exact there, and
// the error of the sum is bounded by the method's own bound and the largest sample that the output may see. Where all
// numbers within the bound have one nearest float, that is the result; the others are summed again with their rounding
// errors, and those that even this leaves open, ties above all, in a long accumulator. Results in double precision are
// all summed with their rounding errors.
#pragma once

#include "extents.hpp"
#include "terms.hpp"

namespace flipslide {

struct ExactCall {
  const Convolution& c;  // sums in double precision
  const View& x;
  const ExactTaps& taps;
  const double* bias;  // of each output channel, each part; or null
  const View& y;
  FsType result;  // of y
};

// y from sums in double precision, which lie like a C-contiguous y; null: there are none.
void round_once(const ExactCall& call, const double* sums, int threads);

}  // namespace flipslide
