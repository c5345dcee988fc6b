#include "scratch.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#include "arena.hpp"

namespace flipslide {

constexpr Index kLargeScratch = 2 << 20;

namespace {

std::atomic<Index> held{0}, most{0}, asked{0};

void count(Index bytes) {
  const Index now = held.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  Index before = most.load(std::memory_order_relaxed);
  while (now > before && !most.compare_exchange_weak(before, now, std::memory_order_relaxed)) {
  }
}

}  // namespace

void Scratch::Free::operator()(void* p) const {
  count(-bytes);
  bytes >= kLargeScratch ? return_block(p, static_cast<std::size_t>(bytes)) : std::free(p);
}

void* Scratch::reserve_bytes(Index bytes) {
  // One cache line more than asked, so that a last vector may be written whole.
  const Index wanted = (bytes + 127) / 64 * 64;
  if (wanted > capacity()) {
    data_.reset();
    const auto size = static_cast<std::size_t>(wanted);
    void* made = wanted >= kLargeScratch ? take_block(size) : std::aligned_alloc(64, size);
    if (!made) throw std::bad_alloc();
    data_ = std::unique_ptr<void, Free>(made, Free{wanted});
    count(wanted);
  }
  return data_.get();
}

void Scratch::trim() {
  if (capacity() >= kLargeScratch) data_.reset();
}

Index Scratch::most_held() {
  const Index now = held.load(std::memory_order_relaxed);
  return most.exchange(now, std::memory_order_relaxed) - asked.exchange(now, std::memory_order_relaxed);
}

}  // namespace flipslide
