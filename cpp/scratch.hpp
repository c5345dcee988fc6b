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
  Index capacity() const { return data_ ? data_.get_deleter().bytes : 0; }

  // The most bytes that the pieces of all threads held together since this was last asked, above what they held then.
  static Index most_held();

 private:
  struct Free {
    Index bytes;
    void operator()(void* p) const;
  };
  std::unique_ptr<void, Free> data_{nullptr, Free{0}};
};

}  // namespace flipslide
