// A problem with the method that computes it: its taps packed, integers bounded, the sum run.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "problem.hpp"
#include "scratch.hpp"

namespace flipslide {

struct Convolution;
struct Counts;
struct Estimate;
class Question;
class ReplayBook;
struct Guard;
enum Sum : int;
inline constexpr int kMaxSteps = 16;
// How often each step of a method happens, or the nanoseconds that it takes once.
using PerStep = std::array<double, kMaxSteps>;

// Where an output channel's taps add up to zero exactly: all of them, alone or with bit i for the i-th of the axes that
// have more than one tap, where those along it do wherever the others are.
inline constexpr std::uint32_t kCancelsAll = std::uint32_t(1) << 31;

// Taps in the order in which microkernels read them, and what must be known of them.
struct PackedTaps {
  Scratch storage, spectrum_storage;
  const std::byte* data = nullptr;
  const std::byte* real = nullptr;      // the real parts alone, of complex taps that are all real
  const std::byte* dots = nullptr;      // by dot_width, of taps and samples of 16 bits or less
  const std::byte* spectrum = nullptr;  // transforms only
  std::shared_ptr<const Guard> guard;   // of transforms whose outputs are looked at: see fft/guard.hpp
  // Taps that are products: [channel][axis][term][tap] of the compute type. Empty where they are not.
  std::vector<std::byte> factors;
  int dot_width = 0;         // 2 or 4 taps in a lane
  Index rank = 1;            // the taps are the sum of this number of products
  bool are_products = true;  // each tap is a product within its own roundings, not those of all taps
  bool is_finite = true;
  std::vector<std::uint32_t> cancels;  // of each output channel; empty: no channel's taps add up to zero
  bool none_negative = false;          // of methods that subtract, and might make sums of such taps negative
  std::vector<int> exponents;       // of each channel's spectrum, which is so many powers of two smaller; empty: none
  std::uint64_t magnitude_sum = 0;  // the largest sum of magnitudes of an output channel
  bool negative = false;

  // Gives large pieces back.
  void trim() {
    storage.trim();
    spectrum_storage.trim();
    if (factors.capacity() > std::size_t(1) << 20) std::vector<std::byte>().swap(factors);
  }
  std::size_t n_bytes() const {
    return static_cast<std::size_t>(storage.capacity() + spectrum_storage.capacity()) + factors.size();
  }
};

// How far an integer result may go, and whether this one stays inside.
struct Bound {
  bool fits = true;
  bool below_zero = false;          // a negative sum is possible where the type has none
  std::uint64_t magnitude = kMost;  // saturates; kMost also where there is none
};

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

// A way to compute any problem that it does not refuse. One file of methods/ holds each.
struct Method {
  const char* name;
  const char* microkernel;  // sums its tiles, or those of a transform that are done again
  Separate separates;       // the values that taps must have; Separate::never: any
  bool transforms;          // tiles of points; integers are rounded

  // ---- what the planner asks

  // Empty, or why not.
  std::string (*refuses)(const Question&);
  const char* steps;            // what its counts count, in their order; each has a price in costs.json
  Sum (*row)(const Question&);  // of the prices
  Counts (*count)(const Question&, const std::vector<Index>& tile, Index rank);
  // The cheapest ways first, at most `most`, by nanoseconds for each step.
  std::vector<Estimate> (*estimate)(const Question&, const PerStep& prices, int most);
  // Nanoseconds that no way is below, told quickly; null: the price of the first step.
  double (*least)(const Question&, const PerStep& prices);
  // How it goes about a call, in words.
  std::string (*describe)(const Question&, const std::vector<Index>& tile);
  // |computed - exact| is at most gamma times what `bounded_by` names.
  double (*gamma)(const Problem&, const std::vector<Index>& tile);
  const char* bounded_by;
  bool bounds_each_output;  // by its own terms
  // Integers: up to which max|x| * sum |w| a call is transformed; null where nothing is rounded.
  std::uint64_t (*most_reach)(const std::vector<Index>& tile);

  // ---- what a call does

  // What is to be prepared beside the taps as they lie; null: nothing.
  void (*prepare_taps)(const Convolution&, const View& w, PackedTaps&, int threads);
  // `reach`: what max|x| * sum |w| is known to stay within.
  void (*run)(const Convolution&, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads,
              std::uint64_t reach);
  // Where the steps of small calls are noted; null: nowhere.
  std::shared_ptr<ReplayBook> (*open_replays)(const Problem&);

  // Whether its tiles are chosen among many; of others `estimate` lists the few there are.
  bool takes_any_tile() const { return transforms && least; }
};

struct Convolution : Problem {
  // `tile`: points of a transform along each axis. Taps are applied axis by axis where their values allow `which`, also
  // as sums of up to `rank` products.
  Convolution(Problem problem, const Method& method, std::vector<Index> tile = {}, Separate which = Separate::never,
              Index rank = 0);

  const Method& method;
  const FsMicrokernel& microkernel;  // a transform's does a tile again that is not finite
  std::vector<Index> tile;
  Separation separation;
  std::uint64_t most_reach;  // of max|x| * sum |w| of integers that are transformed; beyond, they are summed directly
  bool guards = true;        // bounds a transform's errors by what each output sees
  bool sums_dots;            // of narrow integers, if the taps' values allow
  // The steps of a small direct sum, once they are known. Null where a call is too large to be repeated step by step.
  std::shared_ptr<ReplayBook> replays;

  // Whether integers are transformed: as doubles, each output rounded to the nearest integer.
  bool rounds() const;
  // Whether the method is one for some values of the taps only.
  bool must_separate() const;
  // Whether packing taps costs more than recognizing them.
  bool packs_long() const;

  // Storage that `packed` already has is used again.
  void pack(const View& w, PackedTaps& packed, int threads) const;

  // The bound of the sum against the type of y (or of the exact double for a double).
  Bound bound(const View& x, const PackedTaps& w, std::uint64_t bias_magnitude, bool bias_negative, int threads) const;

  // bias: one number (two when complex) of the compute type per output channel, or null. `reach`: what
  // max|x| * sum |w| is known to stay within.
  void run(const View& x, const PackedTaps& w, const void* bias, const View& y, int threads,
           std::uint64_t reach = kMost) const;
};

// How many outputs this thread's last call summed again, as their transform was not exact enough or not finite.
Index& outputs_redone();

// Some outputs of one channel, or of some that follow each other: [low, high) of every axis of the spec.
struct Region {
  Index batch, group, out;
  const Index* low;
  const Index* high;
  Index n_out = 1;
};

// Integer sums of the largest sample and the magnitudes of the taps stay below `most_reach`, so that the nearest
// integers are the right ones whatever the roundings of a transform: see bound.cpp.
bool rounds_right(const Convolution& c, const View& x, const PackedTaps& w, std::uint64_t reach, int threads);

}  // namespace flipslide
