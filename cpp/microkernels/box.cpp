// box: equal taps, three loads and two sums for each output, however many taps there are.
//
// Cut x into blocks of n_taps. A window that begins inside a block is the end of that block and the
// beginning of the next: a suffix sum plus a prefix sum (van Herk 1992, Gil and Werman 1993). Nothing
// is ever subtracted, so each output is a sum of its own terms: the error bound is that of the direct
// sum, and what is not finite stays in its windows.
#include "box.hpp"

#include "../simd/simd.hpp"
#include "microkernel.hpp"

namespace {

// `vectors` vectors side by side, or the first `lanes` lanes of one.
template <class T, int vectors, bool is_part>
static void box_column(const FsBox& box, const T* x, T* y, int lanes) {
  constexpr int64_t step = Vec<T>::lanes;
  const Vec<T> tap = splat(*(const T*)box.tap), bias = splat(box.bias ? *(const T*)box.bias : T(0));
  T* suffix = (T*)box.scratch;
  const auto read = [&](const T* from, int v) { return is_part ? load_part(from, lanes) : load(from + v * step); };
  const auto write = [&](T* to, int v, Vec<T> value) {
    is_part ? store_part(to, value, lanes) : store(to + v * step, value);
  };
  for (int64_t first = 0; first < box.n; first += box.n_taps) {
    const int64_t n = box.n - first < box.n_taps ? box.n - first : box.n_taps;
    Vec<T> sum[vectors];
    FS_UNROLL
    for (int v = 0; v < vectors; ++v) sum[v] = bias;
    for (int64_t i = box.n_taps - 1; i >= 0; --i) {
      const T* from = x + (first + i) * box.x_step;
      FS_UNROLL
      for (int v = 0; v < vectors; ++v) {
        sum[v] = multiply_add(tap, read(from, v), sum[v]);
        store(suffix + (i * vectors + v) * step, sum[v]);
      }
    }
    FS_UNROLL
    for (int v = 0; v < vectors; ++v) write(y + first * box.y_step, v, sum[v]);
    FS_UNROLL
    for (int v = 0; v < vectors; ++v) sum[v] = splat(T(0));
    for (int64_t i = 1; i < n; ++i) {
      const T* from = x + (first + box.n_taps - 1 + i) * box.x_step;
      T* to = y + (first + i) * box.y_step;
      FS_UNROLL
      for (int v = 0; v < vectors; ++v) {
        sum[v] = multiply_add(tap, read(from, v), sum[v]);
        write(to, v, sum[v] + load(suffix + (i * vectors + v) * step));
      }
    }
  }
}

template <class T>
static void box_tile(const FsBox* box) {
  constexpr int64_t lanes = Vec<T>::lanes;
  constexpr int vectors = kFsBoxBytes / FS_VECTOR_BYTES < 4 ? kFsBoxBytes / FS_VECTOR_BYTES : 4;
  const T* x = (const T*)box->x;
  T* y = (T*)box->y;
  int64_t at = 0;
  for (; at + vectors * lanes <= box->width; at += vectors * lanes)
    box_column<T, vectors, false>(*box, x + at, y + at, 0);
  for (; at + lanes <= box->width; at += lanes) box_column<T, 1, false>(*box, x + at, y + at, 0);
  if (at < box->width) box_column<T, 1, true>(*box, x + at, y + at, (int)(box->width - at));
}

}  // namespace

extern "C" const FsBoxFn FS_SYMBOL(box)[FS_N_COMPUTE] = {box_tile<float>, box_tile<double>, box_tile<uint32_t>,
                                                         box_tile<uint64_t>};
