#include "radices.hpp"

#include <algorithm>
#include <bit>

#include <cmath>
#include <memory>
#include <tuple>
#include <vector>

#include "tables.hpp"

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
  std::vector<std::byte> angles;

  std::size_t n_bytes() const {
    std::size_t n = sizeof(Made) + angles.size();
    for (const auto& table : tables) n += table.size();
    return n;
  }
};

// Appends e^(-2 pi i quarters / 4n).
template <class T>
void push_root(std::vector<T>& to, Index quarters, Index n) {
  const double angle = -2 * M_PI * static_cast<double>(quarters % (4 * n)) / static_cast<double>(4 * n);
  to.push_back(static_cast<T>(std::cos(angle)));
  to.push_back(static_cast<T>(std::sin(angle)));
}

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& numbers) {
  const std::byte* first = reinterpret_cast<const std::byte*>(numbers.data());
  return {first, first + numbers.size() * sizeof(T)};
}

template <class T>
std::vector<std::byte> twiddle_table(Index n, int radix, bool is_angled) {
  std::vector<T> roots;
  for (Index j = 0; j < n / radix; ++j)
    for (Index k = is_angled ? 0 : 1; k < radix; ++k) push_root(roots, j * (4 * k - (is_angled ? 1 : 0)), n);
  return bytes_of(roots);
}

template <class T>
std::vector<std::byte> angle_table(int radix) {
  std::vector<T> roots;
  for (Index q = 1; q < radix; ++q) push_root(roots, -q, Index(radix));
  return bytes_of(roots);
}

template <class T>
std::shared_ptr<const Made> make(Index n, int max_radix, bool is_angled) {
  auto made = std::make_shared<Made>();
  const std::vector<int> radices = radices_of(n, max_radix);
  made->fft.n = n;
  made->fft.n_levels = static_cast<int>(radices.size());
  made->fft.is_angled = is_angled;
  if (is_angled && !radices.empty()) made->angles = angle_table<T>(radices[0]);
  made->fft.angles = made->angles.data();
  for (std::size_t l = 0; l < radices.size(); ++l) {
    made->fft.radix[l] = radices[l];
    made->tables.emplace_back();
    if (l + 1 < radices.size()) made->tables.back() = twiddle_table<T>(n, radices[l], is_angled && l == 0);
    made->fft.twiddles[l] = made->tables.back().data();
    n /= radices[l];
  }
  return made;
}

using Ffts = Tables<std::tuple<Index, Index, int, bool>, Made>;

Ffts& ffts() {
  static Ffts& all = *new Ffts;
  return all;
}

}  // namespace

SharedFft fft_of(Index n, Index bytes, int max_radix, bool is_angled) {
  const auto found = ffts().find({n, bytes, max_radix, is_angled}, [&] {
    return bytes == 4 ? make<float>(n, max_radix, is_angled) : make<double>(n, max_radix, is_angled);
  });
  return {found, &found->fft};
}

std::size_t release_ffts() { return ffts().release(); }

bool is_fft_size(Index n) {
  for (const Index factor : {2, 3, 5})
    while (n % factor == 0) n /= factor;
  return n == 1;
}

// Each product of threes and fives has one power of two that brings it there.
Index next_fft_size(Index n) {
  Index best = static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(std::max<Index>(n, 1))));
  for (Index fives = 1; fives < best; fives *= 5)
    for (Index odd = fives; odd < best; odd *= 3) {
      Index size = odd;
      while (size < n) size *= 2;
      best = std::min(best, size);
    }
  return best;
}

}  // namespace flipslide
