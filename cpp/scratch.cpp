#include "scratch.hpp"

#include <cstdlib>
#include <new>

#include "arena.hpp"

namespace flipslide {

constexpr Index kLargeScratch = 2 << 20;

void Scratch::Free::operator()(void* p) const { arena_bytes ? return_block(p, arena_bytes) : std::free(p); }

void* Scratch::reserve_bytes(Index bytes) {
  // One cache line more than asked, so that a last vector may be written whole.
  const Index wanted = (bytes + 127) / 64 * 64;
  if (wanted > capacity_) {
    data_.reset();
    capacity_ = 0;
    const auto size = static_cast<std::size_t>(wanted);
    const bool is_large = wanted >= kLargeScratch;
    void* made = is_large ? take_block(size) : std::aligned_alloc(64, size);
    if (!made) throw std::bad_alloc();
    data_ = std::unique_ptr<void, Free>(made, Free{is_large ? size : 0});
    capacity_ = wanted;
  }
  return data_.get();
}

void Scratch::trim() {
  if (capacity_ < kLargeScratch) return;
  data_.reset();
  capacity_ = 0;
}

}  // namespace flipslide
