// Memory for large results, used again.
//
// The first touch of a fresh page costs more than streaming over it several times, so a result that
// is no longer needed leaves its memory to the next one of about its size.
#pragma once

#include <cstddef>

namespace flipslide {

// At least `bytes` bytes, in huge pages where the system has them. Throws std::bad_alloc.
void* take_block(std::size_t bytes);

// Gives a block back, with the size that was asked for. Kept for later, up to a limit.
void return_block(void* block, std::size_t bytes);

// Gives what is kept back to the system. Returns how many bytes that were.
std::size_t release_blocks();

}  // namespace flipslide
