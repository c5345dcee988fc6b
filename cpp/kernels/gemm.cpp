// gemm: output channels times outputs, a matrix product whose right factor is never made.
//
// Row (c, j) of the im2col matrix is x itself, read `taps` further on, so the product runs
// over views of x. A block of channels shares every load of x.
#include "strip.hpp"

namespace {

// Registers: 8 x 3 sums + 3 x + 1 tap of 32; 4 x 3 sums of 16 leave 1 for the tap.
constexpr int kMaxBlock = FS_VECTOR_BYTES == 64 ? 8 : 4;

template <class T>
static void gemm_tile(const FsTile* tile) {
  constexpr bool wide = FS_VECTOR_BYTES == 64;
  for (int64_t k = 0; k < tile->n_out;) {
    const int block = fs_block(tile->n_out - k, kMaxBlock);
    switch (block) {
      case 8: block_of_runs<T, wide ? 8 : 1, 3>(*tile, k); break;
      case 4: block_of_runs<T, 4, wide ? 6 : 3>(*tile, k); break;
      case 2: block_of_runs<T, 2, wide ? 8 : 4>(*tile, k); break;
      default: block_of_runs<T, 1, wide ? 12 : 8>(*tile, k); break;
    }
    k += block;
  }
  if (tile->streams) end_of_stream();
}

}  // namespace

FS_DEFINE_KERNEL(gemm, kMaxBlock, false, gemm_tile)
