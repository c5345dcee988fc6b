// gemm: output channels times outputs, a matrix product whose right factor is never made.
//
// Row (c, j) of the im2col matrix is x itself, read `taps` further on, so the product runs
// over views of x. A block of channels shares every load of x.
#include "shapes.hpp"
#include "strip.hpp"

namespace {

constexpr int kMaxBlock = kShapes.gemm_channels;
constexpr const int (&kVectors)[4] = kShapes.gemm_vectors;

template <class T, int parts>
static void gemm_channels(const FsTile& tile) {
  for (int64_t k = 0; k < tile.n_out;) {
    const int block = fs_block((tile.n_out - k) * parts, kMaxBlock);
    switch (block) {
      case 8: block_of_runs<T, kMaxBlock == 8 ? 8 : parts, kVectors[0], parts>(tile, k); break;
      case 4: block_of_runs<T, 4, kVectors[1], parts>(tile, k); break;
      case 2: block_of_runs<T, 2, kVectors[2], parts>(tile, k); break;
      default: block_of_runs<T, parts, kVectors[3], parts>(tile, k); break;
    }
    k += block / parts;
  }
}

template <class T>
static void gemm_tile(const FsTile* tile) {
  if (!tile->complex_taps)
    gemm_channels<T, 1>(*tile);
  else if constexpr (kHasComplex<T>)
    gemm_channels<T, 2>(*tile);
  if (tile->streams) end_of_stream();
}

}  // namespace

FS_DEFINE_MICROKERNEL(gemm, kMaxBlock, false, 0, gemm_tile)
