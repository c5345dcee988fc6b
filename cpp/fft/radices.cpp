#include "radices.hpp"

#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>
#include <vector>

namespace flipslide {

namespace {

// Odd radices first, then small powers of two: the last levels, which run most often from the
// first-level cache, do the most work per load.
std::vector<int> radices_of(Index n, int max_radix) {
  std::vector<int> radices;
  int twos = 0;
  for (; n % 2 == 0; n /= 2) ++twos;
  for (int odd : {5, 3})
    for (; n % odd == 0; n /= odd) radices.push_back(odd);
  if (max_radix >= 8) {
    if (twos == 1) radices.push_back(2);
    if (twos % 3 == 1 && twos > 1) radices.insert(radices.end(), {4, 4});
    if (twos % 3 == 2) radices.push_back(4);
    const int eights = twos == 1 ? 0 : (twos - (twos % 3 == 1 ? 4 : twos % 3)) / 3;
    radices.insert(radices.end(), static_cast<std::size_t>(eights), 8);
  } else {
    if (twos % 2) radices.push_back(2);
    radices.insert(radices.end(), static_cast<std::size_t>(twos / 2), 4);
  }
  return radices;
}

struct Made {
  FsFft fft{};
  std::vector<std::vector<std::byte>> tables;
};

template <class T>
std::vector<std::byte> twiddle_table(Index n, int radix) {
  const Index m = n / radix;
  std::vector<std::byte> bytes(static_cast<std::size_t>(2 * m * (radix - 1)) * sizeof(T));
  T* to = reinterpret_cast<T*>(bytes.data());
  for (Index j = 0; j < m; ++j)
    for (Index k = 1; k < radix; ++k) {
      const double angle = -2 * M_PI * static_cast<double>(j * k % n) / static_cast<double>(n);
      *to++ = static_cast<T>(std::cos(angle));
      *to++ = static_cast<T>(std::sin(angle));
    }
  return bytes;
}

std::unique_ptr<Made> make(Index n, Index bytes, int max_radix) {
  auto made = std::make_unique<Made>();
  const std::vector<int> radices = radices_of(n, max_radix);
  made->fft.n = n;
  made->fft.n_levels = static_cast<int>(radices.size());
  for (std::size_t l = 0; l < radices.size(); ++l) {
    made->fft.radix[l] = radices[l];
    if (l + 1 < radices.size())
      made->tables.push_back(bytes == 4 ? twiddle_table<float>(n, radices[l]) : twiddle_table<double>(n, radices[l]));
    else
      made->tables.emplace_back();
    made->fft.twiddles[l] = made->tables.back().data();
    n /= radices[l];
  }
  return made;
}

}  // namespace

const FsFft& fft_of(Index n, Index bytes, int max_radix) {
  static std::mutex lock;
  static std::map<std::tuple<Index, Index, int>, std::unique_ptr<Made>> all;
  const std::lock_guard<std::mutex> hold(lock);
  std::unique_ptr<Made>& made = all[{n, bytes, max_radix}];
  if (!made) made = make(n, bytes, max_radix);
  return made->fft;
}

bool is_fft_size(Index n) {
  for (const Index factor : {2, 3, 5})
    while (n % factor == 0) n /= factor;
  return n == 1;
}

Index next_fft_size(Index n) {
  while (!is_fft_size(n)) ++n;
  return n;
}

}  // namespace flipslide
