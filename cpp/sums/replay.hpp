// What a small call does, step by step: noted while it is done for the first time, then repeated on
// other arrays that lie in memory in the same way. Nothing is looked up, divided or allocated again.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "schedule.hpp"

namespace flipslide {

class Replay {
 public:
  // ---- noting, in the order in which a tile is computed; places of x and y count from their first
  // element, those of scratch memory from its beginning, all in bytes

  Replay(const Convolution& of, const Format& format, const View& x, const View& y);
  void clear(Index to, Index bytes);
  void fill(Index to, Index part);
  void load(Index to, Index from, Index step, Index n);
  // Ends what belongs to one call of the kernel. The tile's pointers are not read.
  void compute(const FsTile& tile, bool x_in_place, Index x, bool y_in_place, Index y, Index w, Index bias);
  void store(Index to, Index step, Index from, Index n);
  // False: the replay would be long, or a step is not known to it; following it gains nothing.
  bool finish();
  void give_up() { is_usable_ = false; }
  std::size_t n_bytes() const;

  // ---- following

  bool is_usable() const { return is_usable_; }
  // Whether the arrays lie as those of the first time.
  bool fits(const View& x, const View& y) const;
  void follow(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
              Scratch& packed, Scratch& results) const;

 private:
  // `n_rows` rows of n elements.
  struct Rows {
    Index to, from, n, n_rows, to_pitch, from_pitch;
    Index step;  // between elements of the array
  };
  struct Blank {
    Index to, bytes;
    Index part;  // of the fill value, or kZero
  };
  // One call of the kernel: what is packed before it, what is stored after it.
  struct Stage {
    std::vector<Blank> blanks{};
    std::vector<Rows> loads{}, stores{};
    std::vector<Index> taps{};
    std::vector<FsRun> runs{};
    FsTile tile{};
    Index x = 0, y = 0, w = 0, bias = 0;
    bool x_in_place = false, y_in_place = false;
  };
  static constexpr Index kZero = -1;
  // Beyond this, looking at the steps costs as much as finding them.
  static constexpr std::size_t kMostSteps = 1024;

  static void append(std::vector<Rows>& rows, const Rows& row);
  static void join(std::vector<Blank>& blanks);
  void count_step();
  static bool lies_alike(const View& view, const std::vector<Index>& strides);

  std::vector<Index> x_strides_, y_strides_;
  std::vector<Stage> stages_;
  Stage next_;
  Format format_;
  Index sum_bytes_, packed_bytes_ = 0, result_bytes_ = 0;
  FsStoreFn store_;
  Index x_alignment_, y_alignment_;
  std::size_t n_steps_ = 0;
  bool is_usable_ = true;
};

// The replays of a convolution, one for each way in which its arrays were seen to lie. They stay as long as it does.
// Those of all convolutions take at most kMostBytes; what comes when there is no more room is not noted.
class ReplayBook {
 public:
  ReplayBook() = default;
  ~ReplayBook() {
    for (auto& replay : replays_)
      if (const Replay* made = replay.load()) {
        bytes_of_all -= made->n_bytes();
        delete made;
      }
  }
  ReplayBook(const ReplayBook&) = delete;
  ReplayBook& operator=(const ReplayBook&) = delete;

  const Replay* find(const View& x, const View& y) const {
    for (const auto& replay : replays_) {
      const Replay* made = replay.load(std::memory_order_acquire);
      if (!made || made->fits(x, y)) return made;
    }
    return nullptr;
  }
  bool is_full() const { return replays_[kMost - 1].load() != nullptr || bytes_of_all.load() > kMostBytes; }
  void add(std::unique_ptr<const Replay> replay) {
    for (auto& place : replays_) {
      const Replay* expected = nullptr;
      if (!place.compare_exchange_strong(expected, replay.get())) continue;
      bytes_of_all += replay->n_bytes();
      replay.release();
      return;
    }
  }

 private:
  static constexpr std::size_t kMost = 4, kMostBytes = std::size_t(32) << 20;
  static inline std::atomic<std::size_t> bytes_of_all{0};
  std::array<std::atomic<const Replay*>, kMost> replays_{};
};

}  // namespace flipslide
