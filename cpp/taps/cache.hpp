// Packed taps that are used again: most calls come with the taps of one before.
//
// Taps are recognized by all of their bytes, at every call. Those that come a second time are copied, and packed
// from the copy, so that what is kept belongs to its bytes whatever another thread does to the array meanwhile.
// All that is kept takes no more than 64 MB; what was used least recently makes room.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "../convolution.hpp"

namespace flipslide {

// Nobody changes what is kept; it lives as long as somebody uses it.
using SharedTaps = std::shared_ptr<const PackedTaps>;

// The kept taps of one convolution.
class TapsCache {
 public:
  TapsCache();
  ~TapsCache();
  TapsCache(const TapsCache&) = delete;
  TapsCache& operator=(const TapsCache&) = delete;

  // Null for taps that seem to be new. Others are packed, with `threads`, and kept.
  SharedTaps find(const Convolution& c, const View& w, int threads) const;

 private:
  // As many taps taking turns are recognized.
  static constexpr std::size_t kMostTurns = 16;

  const std::uint64_t number_;  // of no other convolution
  // A few bytes of each of the last taps, mixed. They decide what is worth keeping, never what is the same.
  mutable std::array<std::atomic<std::uint64_t>, kMostTurns> seen_{};
  mutable std::atomic<std::size_t> turn_{0};

  mutable std::atomic<bool> fits_{true};  // into what may be kept

  bool was_seen(const View& w, Index item_bytes) const;
};

// How many bytes the taps of all convolutions take.
std::size_t kept_bytes();
// Forgets all taps. Returns how many bytes they took.
std::size_t release_taps();

}  // namespace flipslide
