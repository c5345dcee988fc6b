// What direct sums cost, counted from their schedule.
#pragma once

#include "../planner/counts.hpp"
#include "panels.hpp"
#include "schedule.hpp"

namespace flipslide {

// The order of the steps in the counts below, and in the method's prices.
inline constexpr const char kDirectSteps[] = "call taps tile row output far copied product load alone wide";
inline constexpr const char kGemmSteps[] = "call taps tile row output far copied product load wide run packed panel";
inline constexpr const char kSeparableSteps[] = "call row pass far tap term term_tap";
inline constexpr const char kBoxSteps[] = "call row pass far along across beyond";

// How the arrays of a question would be summed by taps of which nothing is known but the types; or by factors.
Schedule direct_schedule(const Question& q, const FsMicrokernel& microkernel);
Schedule factor_schedule(const Question& q, Index rank);

Counts count_direct(const Question& q, const Schedule& s);
Counts count_gemm(const Question& q, const Schedule& s);
Counts count_gemm(const Question& q, const Panels& panels);
Counts count_separable(const Question& q, const Schedule& s);
Counts count_box(const Question& q, const Schedule& s);

// Scratch that the tiles of a schedule reserve, and the packed taps.
Memory memory_of(const Question& q, const Schedule& s);

// What samples are read through windows and line buffers, and in how many rows.
struct Copies {
  double rows = 0, samples = 0;
};
Copies count_copies(const Schedule& s);

}  // namespace flipslide
