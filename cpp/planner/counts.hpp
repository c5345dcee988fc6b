// What a method costs, counted before it is priced: how often each of its steps happens in a call, and what memory it
// takes. Costs are linear in the prices of the steps, so that any method's can be fitted to measured calls
// (benchmarks/calibrate.py).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "../convolution.hpp"
#include "question.hpp"

namespace flipslide {

inline double price(const PerStep& counts, const PerStep& prices) {
  double sum = 0;
  for (int i = 0; i < kMaxSteps; ++i) sum += counts[static_cast<std::size_t>(i)] * prices[static_cast<std::size_t>(i)];
  return sum;
}

// As Scratch rounds them.
inline double reserved(double bytes) { return bytes > 0 ? std::floor((bytes + 127) / 64) * 64 : 0; }

// Bytes of scratch.
struct Memory {
  double shared = 0;        // of all threads together
  double scratch = 0;       // of each thread that has a tile of its own
  Index holders = 1 << 30;  // threads that can have one
  double piece = 0;         // of each thread, for the piece of a tile that it works on

  double of(int threads) const {
    return shared + scratch * static_cast<double>(std::min<Index>(threads, holders)) + piece * threads;
  }
};

// Nanoseconds.
struct Time {
  double call = 0;   // not shared
  double work = 0;   // shared by threads
  double joint = 0;  // of threads that wait for each other
  double tasks = 1;  // among which `work` is shared

  double on(int threads) const {
    if (threads == 1 || tasks <= 1) return call + work;
    return call + joint + work * static_cast<double>((static_cast<Index>(tasks) + threads - 1) / threads) / tasks;
  }
};

struct Counts {
  PerStep call{}, work{}, joint{};
  double tasks = 1;

  Time priced(const PerStep& prices) const {
    return {price(call, prices), price(work, prices), price(joint, prices), tasks};
  }
};

// One way in which a method can do a call.
struct Estimate {
  Time time;
  Memory memory;
  std::vector<Index> tile;  // points of a transform along each axis
};

}  // namespace flipslide
