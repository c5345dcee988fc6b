// Taps of some output channels side by side, as they are given: no number is converted.
#pragma once

#include "../convolution.hpp"

namespace flipslide {

// The taps of an output channel: where they lie in w, and in which order microkernels read them. Levels of nested
// loops whose steps agree are one.
class TapOrder {
 public:
  TapOrder(const Problem& problem, const View& w);

  // The outermost level goes by some turns at a time, which leave neighbouring taps: for one block of channels after
  // the other, as those of a transposed layer's blocks are neighbours in w.
  Index n_turns() const { return levels_.front().n; }
  Index turns_at_once() const { return at_once_; }
  // Taps that some turns leave.
  Index first_tap(Index first_turn, Index end_turn) const;
  Index n_taps(Index n_turns) const { return n_taps_ / levels_.front().n * n_turns; }

  // `from`: the first tap of each channel. Tap t of the r-th goes to to[t * block + r]. T has the size of a tap.
  template <class T>
  void copy(const std::byte* const* from, int block, T* to, Index first_turn, Index end_turn) const;

 private:
  struct Level {
    Index n, from, to;  // steps: bytes of w, taps
  };
  std::vector<Level> levels_;            // outermost first; never empty
  Index first_from_ = 0, first_to_ = 0;  // of the first turn of all levels
  Index n_taps_ = 1, at_once_ = 1;

  void add(Index n, Index from, Index to);
  void join();
  void choose_turns();
  void put_neighbours_last(Index bytes);

  template <int block, class T>
  void copy_block(const std::byte* const* from, T* to, Index first_turn, Index end_turn) const;
};

}  // namespace flipslide
