// direct: one output channel at a time, the sum as it is written.
//
// Lanes are neighbouring outputs; every product needs its own load of x, so the load ports
// set the pace (about half of the multiply-add peak).
#include "strip.hpp"

namespace {

template <class T>
static void direct_tile(const FsTile* tile) {
  constexpr int vectors = FS_VECTOR_BYTES == 64 ? 12 : 8;
  for (int64_t k = 0; k < tile->n_out; ++k) block_of_runs<T, 1, vectors>(*tile, k);
}

}  // namespace

FS_DEFINE_KERNEL(direct, 1, direct_tile)
