// The core for a page: convolution along one or two axes of numbers that lie in memory one after another. Memory is
// asked for with fs_alloc; what is wrong comes back as a number, because nothing can be thrown here.
#include <cstdlib>

#include "../fft/radices.hpp"
#include "../methods/methods.hpp"

namespace {

using namespace flipslide;

#define FS_EXPORT extern "C" __attribute__((visibility("default")))

enum Answer { kDone, kNoMethod, kNoType, kNoAxes };

constexpr int kMostAxes = 2;

// float32, float64, int32, int64, as FsCompute counts them.
constexpr FsType kArrayType[FS_N_COMPUTE] = {FS_T_F32, FS_T_F64, FS_T_I32, FS_T_I64};
constexpr Index kBytes[FS_N_COMPUTE] = {4, 8, 4, 8};

// An array whose last index moves fastest.
struct Plain {
  Index shape[kMostAxes], strides[kMostAxes];
  View view;

  Plain(std::byte* data, int n_axes, Index bytes, const std::vector<Axis>& axes, Index Axis::* size) {
    for (int a = n_axes; a-- > 0; bytes *= shape[a]) {
      shape[a] = axes[static_cast<std::size_t>(a)].*size;
      strides[a] = bytes;
    }
    view = {data, n_axes, shape, strides};
  }
};

// As many points along each axis as taps and outputs need, or four times the taps where outputs are many more.
std::vector<Index> tile_of(const std::vector<Axis>& axes) {
  std::vector<Index> tile;
  for (const Axis& axis : axes) {
    const Index whole = axis.y + axis.w - 1, some = 4 * axis.w > 64 ? 4 * axis.w : 64;
    tile.push_back(next_fft_size(((whole < some ? whole : some) + 1) / 2) * 2);
  }
  return tile;
}

const Method* find_method(int number) {
  return number >= 0 && number < static_cast<int>(methods().size()) ? methods()[static_cast<std::size_t>(number)]
                                                                    : nullptr;
}

}  // namespace

FS_EXPORT void* fs_alloc(int bytes) {
  return std::aligned_alloc(64, (static_cast<std::size_t>(bytes) + 127) / 64 * 64);
}
FS_EXPORT void fs_free(void* at) { std::free(at); }

FS_EXPORT const char* fs_method_name(int number) {
  const Method* method = find_method(number);
  return method ? method->name : nullptr;
}

// y[m] = sum_j w[j] x~[start + m - j] along each axis. `sizes` and the rest have three and one number for each: x, w,
// y; start. Methods that hold for some taps only or that have tiles of their own, and transforms of integers, are
// refused.
FS_EXPORT int fs_convolve(int number, int compute, int n_axes, const int* sizes, const int* starts, int boundary,
                          std::byte* x, std::byte* w, std::byte* y) {
  const Method* method = find_method(number);
  if (!method || method->separates != Separate::never) return kNoMethod;
  if (method->transforms && !method->takes_any_tile()) return kNoMethod;
  if (compute < 0 || compute >= FS_N_COMPUTE || (method->transforms && compute >= FS_I32)) return kNoType;
  if (n_axes < 1 || n_axes > kMostAxes || boundary < 0 || boundary > static_cast<int>(Boundary::wrap)) return kNoAxes;
  Spec spec;
  for (int a = 0; a < n_axes; ++a) {
    const int* size = sizes + 3 * a;
    if (size[0] < 1 || size[1] < 1 || size[2] < 1) return kNoAxes;
    spec.axes.push_back({size[0], size[1], size[2], starts[a], 1, -1, 1, static_cast<Boundary>(boundary), a, a, a});
  }
  const auto type = kArrayType[compute];
  const auto sums = static_cast<FsCompute>(compute);
  const Convolution convolution(Problem(spec, {type, type, type, sums, false, false}, Fill{}), *method,
                                method->transforms ? tile_of(spec.axes) : std::vector<Index>{});
  const Plain from(x, n_axes, kBytes[compute], spec.axes, &Axis::x),
      taps(w, n_axes, kBytes[compute], spec.axes, &Axis::w), to(y, n_axes, kBytes[compute], spec.axes, &Axis::y);
  PackedTaps packed;
  convolution.pack(taps.view, packed, 1);
  convolution.run(from.view, packed, nullptr, to.view, 1);
  return kDone;
}
