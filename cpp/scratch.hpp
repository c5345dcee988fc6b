// An aligned, growing piece of scratch memory. A large one comes from the arena.
#pragma once

#include <cstddef>
#include <memory>

#include "spec.hpp"

namespace flipslide {

class Scratch {
 public:
  template <class T>
  T* reserve(Index n) {
    return static_cast<T*>(reserve_bytes(n * static_cast<Index>(sizeof(T))));
  }
  void* reserve_bytes(Index bytes);
  // Gives a large piece back, so that a thread does not sit on it between calls.
  void trim();
  Index capacity() const { return capacity_; }

 private:
  struct Free {
    std::size_t arena_bytes;  // 0: from the allocator
    void operator()(void* p) const;
  };
  std::unique_ptr<void, Free> data_{nullptr, Free{0}};
  Index capacity_ = 0;
};

}  // namespace flipslide
