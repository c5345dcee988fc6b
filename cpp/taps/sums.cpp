// What taps say about sums: which add up to zero, as those of a derivative do, and whether none is negative.
#include <algorithm>
#include <cmath>
#include <limits>

#include "pack.hpp"

namespace flipslide {

namespace {

double add_exactly(double a, double b, double& error) {
  const double sum = a + b, part = sum - a;
  error = (a - (sum - part)) + (b - part);
  return sum;
}

// Whether numbers add up to zero but for roundings. In several sums, so that it becomes vectors.
template <class T>
bool are_about_zero(const T* numbers, Index n) {
  constexpr Index kSums = 4;
  T sums[kSums] = {}, sizes[kSums] = {};
  Index i = 0;
  for (; i + kSums <= n; i += kSums)
    for (Index s = 0; s < kSums; ++s) {
      sums[s] += numbers[i + s];
      sizes[s] += std::abs(numbers[i + s]);
    }
  for (; i < n; ++i) {
    sums[0] += numbers[i];
    sizes[0] += std::abs(numbers[i]);
  }
  for (Index s = 1; s < kSums; ++s) {
    sums[0] += sums[s];
    sizes[0] += sizes[s];
  }
  return std::abs(sums[0]) <= static_cast<T>(n) * std::numeric_limits<T>::epsilon() * sizes[0];
}

// Whether numbers, which change, add up to zero without a rounding. Sums are taken out of them until only their errors
// are left, which are none soon.
bool is_zero_sum(double* numbers, Index n, Index step) {
  for (int turn = 0; turn < 8; ++turn) {
    double total = 0, left = 0;
    for (Index i = 0; i < n; ++i) {
      double error;
      total = add_exactly(total, numbers[i * step], error);
      numbers[i * step] = error;
      left += std::abs(error);
    }
    if (left == 0) return total == 0;
    numbers[0] = total;  // there is room: the first sum, of 0 and a number, has no error
  }
  return false;
}

// A channel's taps of one input channel, along the axes in their order.
void read(const Problem& p, const View& w, Index channel, Index in, std::vector<double>& to) {
  const FsLoadFn load = p.isa.convert->load[FS_F64][p.types.w];
  const int last = static_cast<int>(p.slides.size()) - 1;
  const std::byte* base = taps_of(p, w, channel / p.n_out, channel % p.n_out) + locate(p.in_loops, &Loop::w_dim, in, w);
  const auto slide = [&](int a) -> const Slide& { return p.slides[static_cast<std::size_t>(a)]; };
  const auto step = [&](int a) { return w.stride(slide(a).axis.w_dim) * (slide(a).w_reversed ? -1 : 1); };
  const Index n = slide(last).axis.w;
  to.resize(static_cast<std::size_t>(p.taps_per_channel));
  for (Index row = 0; row < p.taps_per_channel / n; ++row) {
    const std::byte* from = base;
    Index rest = row;
    for (int a = last - 1; a >= 0; rest /= slide(a).axis.w, --a) from += rest % slide(a).axis.w * step(a);
    load(to.data() + row * n, from, step(last), n);
  }
}

// Whether the taps along one axis add up to zero wherever the others are.
bool cancels_along(const Problem& p, std::size_t a, std::vector<double> taps) {
  const Index n = p.slides[a].axis.w;
  Index inner = 1;
  for (std::size_t b = a + 1; b < p.slides.size(); ++b) inner *= p.slides[b].axis.w;
  for (Index outer = 0; outer < p.taps_per_channel; outer += n * inner)
    for (Index i = 0; i < inner; ++i)
      if (!is_zero_sum(taps.data() + outer + i, n, inner)) return false;
  return true;
}

std::uint32_t cancellation_of(const Problem& p, const std::vector<double>& taps) {
  if (!are_about_zero(taps.data(), p.taps_per_channel)) return 0;
  std::vector<double> all = taps;
  if (!is_zero_sum(all.data(), p.taps_per_channel, 1)) return 0;
  std::uint32_t found = kCancelsAll, bit = 1;
  for (std::size_t a = 0; a < p.slides.size(); ++a) {
    if (p.slides[a].axis.w == 1) continue;
    if (cancels_along(p, a, taps)) found |= bit;
    bit <<= 1;
  }
  return found;
}

// Of a single channel, whose taps are packed in some order.
bool may_cancel(const Problem& p, const PackedTaps& packed) {
  if (p.n_channels() * p.n_in > 1) return true;
  const Index n = p.taps_per_channel;
  return p.types.compute == FS_F32 ? are_about_zero(reinterpret_cast<const float*>(packed.data), n)
                                   : are_about_zero(reinterpret_cast<const double*>(packed.data), n);
}

// Taps of all input channels that add up to zero, along the same axes.
std::uint32_t cancellation_of(const Problem& p, const View& w, Index channel, std::vector<double>& taps) {
  std::uint32_t found = ~std::uint32_t(0);
  for (Index in = 0; in < p.n_in && found; ++in) {
    read(p, w, channel, in, taps);
    found &= cancellation_of(p, taps);
  }
  return found;
}

bool has_negative(const Problem& p, const View& w, std::vector<double>& taps) {
  for (Index channel = 0; channel < p.n_channels(); ++channel)
    for (Index in = 0; in < p.n_in; ++in) {
      read(p, w, channel, in, taps);
      if (!std::all_of(taps.begin(), taps.end(), [](double tap) { return tap >= 0; })) return true;
    }
  return false;
}

}  // namespace

void note_sums(const Convolution& c, const View& w, PackedTaps& packed) {
  packed.cancels.clear();
  packed.none_negative = false;
  if (c.sums_integers() || c.parts == 2 || c.taps_per_channel <= 1 || c.n_in == 0) return;
  static thread_local std::vector<double> taps;
  if (may_cancel(c, packed))
    for (Index channel = 0; channel < c.n_channels(); ++channel)
      if (const std::uint32_t found = cancellation_of(c, w, channel, taps)) {
        packed.cancels.resize(static_cast<std::size_t>(c.n_channels()), 0);
        packed.cancels[static_cast<std::size_t>(channel)] = found;
      }
  const bool may_lose_signs = !c.method.bounds_each_output || c.separation.rank > 1;
  packed.none_negative = may_lose_signs && !has_negative(c, w, taps);
}

}  // namespace flipslide
