#include "arena.hpp"

#include <cstdlib>
#include <new>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "thread/fork_lock.hpp"

namespace flipslide {

namespace {

constexpr std::size_t kHugePage = std::size_t(2) << 20, kPage = std::size_t(64) << 10;
constexpr std::size_t kMostKept = std::size_t(256) << 20;

struct Block {
  void* at;
  std::size_t bytes;
};

ForkLock lock;
// Never destroyed: threads may outlive the end of main.
std::vector<Block>& kept = *new std::vector<Block>;  // the one given back last is at the end: it is the warmest
std::size_t bytes_kept = 0;

// Blocks are whole pages (huge ones from their size on), so that results of nearly one size share them.
std::size_t whole_pages(std::size_t bytes) {
  const std::size_t page = bytes < kHugePage ? kPage : kHugePage;
  return (bytes + page - 1) / page * page;
}

void free_oldest() {
  std::free(kept.front().at);
  bytes_kept -= kept.front().bytes;
  kept.erase(kept.begin());
}

}  // namespace

void* take_block(std::size_t bytes) {
  bytes = whole_pages(bytes);
  {
    const Hold hold(lock);
    for (std::size_t i = kept.size(); i-- > 0;)
      if (kept[i].bytes == bytes) {
        void* found = kept[i].at;
        kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
        bytes_kept -= bytes;
        return found;
      }
  }
  const bool is_huge = bytes >= kHugePage;
  void* made = std::aligned_alloc(is_huge ? kHugePage : 64, bytes);
  if (!made) throw std::bad_alloc();
#if defined(__linux__)
  if (is_huge) madvise(made, bytes, MADV_HUGEPAGE);
#endif
  return made;
}

void return_block(void* block, std::size_t bytes) {
  bytes = whole_pages(bytes);
  const Hold hold(lock);
  if (bytes > kMostKept) {
    std::free(block);
    return;
  }
  while (bytes_kept + bytes > kMostKept) free_oldest();
  kept.push_back({block, bytes});
  bytes_kept += bytes;
}

std::size_t release_blocks() {
  const Hold hold(lock);
  const std::size_t released = bytes_kept;
  while (!kept.empty()) free_oldest();
  return released;
}

}  // namespace flipslide
