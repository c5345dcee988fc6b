// Taps that are products of taps along single axes, such as Gaussians and boxes, and sums of a few products,
// such as differences of Gaussians.
//
// Of a box all taps are the same; integers, and taps along one axis, count only then.
// The factors are the lines through the largest tap. Each tap must be the product of its factors
// within a few roundings of itself, so that the sum axis by axis keeps the direct sum's bound: the
// error of each output relative to its own terms. The last axis, which is summed first, bears the size of the
// taps: what a pass leaves is then part of the terms of some output, and overflows only where they do.
//
// Taps A along two axes have rank r if A = Σ u_k v_kᵀ, k = 1 … r. Rows are peeled off: v is the row of what is
// left with the largest norm, u = A v / |v|² makes what is left orthogonal to it, and |u_i| <= 1. The v are
// orthogonal, so Σ |u_k| |v_k| <= √r |A|: the terms do not cancel, whatever those that A was made from did.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "pack.hpp"

namespace flipslide {

namespace {

constexpr double kRoundings = 8;

bool is_long(Index extent) { return extent > 1; }

// The axis whose factor has the size of the taps; those of the others have a largest tap of 1.
std::size_t bearer(const std::vector<Index>& extents) {
  const auto found = std::find_if(extents.rbegin(), extents.rend(), is_long);
  return static_cast<std::size_t>((found == extents.rend() ? extents.end() : found.base()) - extents.begin()) - 1;
}

template <class T>
bool factor_box(const T* taps, const std::vector<Index>& extents, T* factors) {
  Index n_taps = 1;
  for (const Index n : extents) n_taps *= n;
  for (Index t = 1; t < n_taps; ++t)
    if (taps[t] != taps[0]) return false;
  for (std::size_t a = 0; a < extents.size(); ++a)
    for (Index i = 0; i < extents[a]; ++i) *factors++ = a == bearer(extents) ? taps[0] : T(1);
  return true;
}

template <class T>
bool factor_channel(const T* taps, const std::vector<Index>& extents, T* factors) {
  using Wide = std::conditional_t<sizeof(T) == 4, double, long double>;
  Index n_taps = 1, largest = 0;
  for (const Index n : extents) n_taps *= n;
  for (Index t = 1; t < n_taps; ++t)
    if (std::abs(taps[t]) > std::abs(taps[largest])) largest = t;
  const Wide pivot = taps[largest];
  Index step = n_taps;
  T* to = factors;
  for (std::size_t a = 0; a < extents.size(); ++a) {
    step /= extents[a];
    const Index first = largest - largest / step % extents[a] * step;
    for (Index i = 0; i < extents[a]; ++i) {
      const Wide tap = taps[first + i * step];
      *to++ = static_cast<T>(a == bearer(extents) || pivot == 0 ? tap : tap / pivot);
    }
  }
  std::vector<Index> j(extents.size(), 0);
  for (Index t = 0; t < n_taps; ++t) {
    Wide product = 1;
    const T* from = factors;
    for (std::size_t a = 0; a < extents.size(); ++a) {
      product *= from[j[a]];
      from += extents[a];
    }
    const Wide tap = taps[t];
    if (!(std::abs(product - tap) <= kRoundings / 2 * std::numeric_limits<T>::epsilon() * std::abs(tap))) return false;
    for (std::size_t a = extents.size(); a-- > 0 && ++j[a] == extents[a];) j[a] = 0;
  }
  return true;
}

// ------------------------------------------------------------------------------ sums of products

// In several sums, so that it becomes vectors.
double dot(const double* a, const double* b, Index n) {
  constexpr Index kSums = 8;
  double sums[kSums] = {};
  Index i = 0;
  for (; i + kSums <= n; i += kSums)
    for (Index s = 0; s < kSums; ++s) sums[s] += a[i + s] * b[i + s];
  for (; i < n; ++i) sums[0] += a[i] * b[i];
  for (Index s = 1; s < kSums; ++s) sums[0] += sums[s];
  return sums[0];
}

// A matrix as a sum of products of columns and rows of the type T, and what they leave of it.
template <class T>
struct Terms {
  Index n_rows, n_columns, rank = 0;
  int exponent = 0;                   // the numbers here are 2^-exponent of the taps, so that their squares are normal
  std::vector<double> rest, squares;  // squares: of each row of the rest
  std::vector<T> columns, rows;
  double left = 0;      // the square of the norm of the rest
  double products = 0;  // Σ |u| |v|

  Terms(Index m, Index n) : n_rows(m), n_columns(n), rest(static_cast<std::size_t>(m * n)) {}

  void measure() {
    squares.clear();
    for (Index i = 0; i < n_rows; ++i) squares.push_back(dot(row(i), row(i), n_columns));
    left = 0;
    for (const double square : squares) left += square;
  }

  void fill(const T* taps) {
    T most = 0;
    for (std::size_t t = 0; t < rest.size(); ++t) most = std::max(most, std::abs(taps[t]));
    exponent = most > 0 ? std::ilogb(most) : 0;
    for (std::size_t t = 0; t < rest.size(); ++t) rest[t] = std::ldexp(static_cast<double>(taps[t]), -exponent);
    measure();
  }

  double* row(Index i) { return rest.data() + i * n_columns; }

  void peel() {
    const Index pivot = std::max_element(squares.begin(), squares.end()) - squares.begin();
    std::vector<double> v(row(pivot), row(pivot) + n_columns);
    for (double& tap : v) {
      rows.push_back(static_cast<T>(std::ldexp(tap, exponent)));
      tap = std::ldexp(static_cast<double>(rows.back()), -exponent);
    }
    const double square = dot(v.data(), v.data(), n_columns);
    double column_square = 0;
    for (Index i = 0; i < n_rows; ++i) {
      columns.push_back(static_cast<T>(dot(row(i), v.data(), n_columns) / square));
      const double u = columns.back();
      for (Index j = 0; j < n_columns; ++j) row(i)[j] -= u * v[static_cast<std::size_t>(j)];
      column_square += u * u;
    }
    products += std::sqrt(square * column_square);
    ++rank;
    measure();
  }

  // Whether `most` products leave no more than `enough`. What is no number is never little.
  bool peel_all(Index most, double enough) {
    while (!(left <= enough)) {
      if (rank == most || !(left <= std::numeric_limits<double>::max())) return false;
      peel();
    }
    return true;
  }
};

// A few rows and columns of taps of a high rank have a high rank too: a look that costs next to nothing.
template <class T>
bool may_have_rank(const T* taps, Index n_rows, Index n_columns, int exponent, Index most, double enough) {
  const Index n = most + 1;
  if (std::min(n_rows, n_columns) < 2 * n) return true;
  Terms<T> few(n, n);
  few.exponent = exponent;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      few.row(i)[j] = std::ldexp(
          static_cast<double>(taps[(2 * i + 1) * n_rows / (2 * n) * n_columns + (2 * j + 1) * n_columns / (2 * n)]),
          -exponent);
  few.measure();
  // Pivots of a part are worse than those of the whole: what remains of roundings may have grown.
  return few.peel_all(most, 256 * enough);
}

// Each output is Σ_k u_k (v_k x), in so many roundings: n_columns of a row, rank · n_rows of a column, and the
// conversions. With E = |rest| + roundings · u · Σ |u_k| |v_k| the error is within |E| |x| <= |E|·√Σ|x|²
// (Cauchy and Schwarz), where double numbers add the roundings of the rest itself, 2 for each term.
template <class T>
double error_of(const Terms<T>& terms, double norm) {
  const double unit = std::numeric_limits<T>::epsilon() / 2;
  const double roundings = static_cast<double>(terms.rank * terms.n_rows + terms.n_columns + 4);
  return std::sqrt(terms.left) + unit * (roundings * terms.products + 2.0 * static_cast<double>(terms.rank) * norm);
}

template <class T>
bool find_terms(Terms<T>& terms, const T* taps, const Separation& wanted) {
  terms.fill(taps);
  double sum = 0;
  for (const double tap : terms.rest) sum += std::abs(tap);
  const double norm = std::sqrt(terms.left), few = kRoundings / 2 * std::numeric_limits<T>::epsilon();
  const double enough = few * few * terms.left;
  return may_have_rank(taps, terms.n_rows, terms.n_columns, terms.exponent, wanted.rank, enough) &&
         terms.peel_all(wanted.rank, enough) && error_of(terms, norm) <= wanted.error * sum;
}

// Rows of all terms meet each x that is loaded: in blocks, as microkernels/microkernel.hpp has it.
template <class T>
void pack_rows(const Terms<T>& terms, Index rank, int max_block, T* to) {
  Index first = 0;
  for (int block; first < rank; first += block) {
    block = fs_block(rank - first, max_block);
    for (Index k = first; k < std::min(first + block, terms.rank); ++k)
      for (Index t = 0; t < terms.n_columns; ++t)
        to[first * terms.n_columns + t * block + k - first] =
            terms.rows[static_cast<std::size_t>(k * terms.n_columns + t)];
  }
}

// Of every channel, as many terms as the one with the most needs; further ones are zeros.
template <class T>
bool factor_terms(const std::vector<Index>& extents, Index n_channels, PackedTaps& packed, const Separation& wanted,
                  int max_block) {
  const auto outer = std::find_if(extents.begin(), extents.end(), is_long);
  const Index n_rows = *outer, n_columns = extents[bearer(extents)];
  const T* taps = reinterpret_cast<const T*>(packed.data);
  std::vector<Terms<T>> channels;
  Index rank = 1;
  for (Index k = 0; k < n_channels; ++k) {
    channels.emplace_back(n_rows, n_columns);
    if (!find_terms(channels.back(), taps + k * n_rows * n_columns, wanted)) return false;
    rank = std::max(rank, channels.back().rank);
  }
  const Index n_factors = n_rows + n_columns + static_cast<Index>(extents.size()) - 2;
  packed.factors.assign(static_cast<std::size_t>(n_channels * rank * n_factors) * sizeof(T), std::byte{0});
  T* to = reinterpret_cast<T*>(packed.factors.data());
  for (const Terms<T>& terms : channels)
    for (std::size_t a = 0; a < extents.size(); to += rank * extents[a++]) {
      if (a == static_cast<std::size_t>(outer - extents.begin()))
        std::copy(terms.columns.begin(), terms.columns.end(), to);
      else if (is_long(extents[a]))
        pack_rows(terms, rank, max_block, to);
    }
  packed.rank = rank;
  packed.are_products = false;
  return true;
}

template <class T>
bool factor_products(const std::vector<Index>& extents, Index n_channels, PackedTaps& packed, bool only_boxes) {
  Index n_taps = 1, n_factors = 0;
  for (const Index n : extents) {
    n_taps *= n;
    n_factors += n;
  }
  const auto factor = [&](const T* from, T* to) {
    if constexpr (std::is_floating_point_v<T>)
      if (!only_boxes) return factor_channel(from, extents, to);
    return factor_box(from, extents, to);
  };
  packed.rank = 1;
  packed.are_products = true;
  packed.factors.resize(static_cast<std::size_t>(n_channels * n_factors) * sizeof(T));
  const T* taps = reinterpret_cast<const T*>(packed.data);
  T* factors = reinterpret_cast<T*>(packed.factors.data());
  for (Index k = 0; k < n_channels; ++k)
    if (!factor(taps + k * n_taps, factors + k * n_factors)) {
      packed.factors.clear();
      return false;
    }
  return true;
}

template <class T>
bool factor_all(const std::vector<Index>& extents, Index n_channels, PackedTaps& packed, const Separation& wanted,
                int max_block) {
  const auto n_long = std::count_if(extents.begin(), extents.end(), is_long);
  if (factor_products<T>(extents, n_channels, packed, wanted.which == Separate::boxes || n_long < 2)) return true;
  if constexpr (std::is_floating_point_v<T>)
    return wanted.rank > 0 && n_long == 2 && factor_terms<T>(extents, n_channels, packed, wanted, max_block);
  return false;
}

}  // namespace

bool find_factors(FsCompute compute, const std::vector<Index>& extents, Index n_channels, PackedTaps& packed,
                  const Separation& wanted, int max_block) {
  switch (compute) {
    case FS_F32: return factor_all<float>(extents, n_channels, packed, wanted, max_block);
    case FS_F64: return factor_all<double>(extents, n_channels, packed, wanted, max_block);
    case FS_I32: return factor_all<std::uint32_t>(extents, n_channels, packed, wanted, max_block);
    default: return factor_all<std::uint64_t>(extents, n_channels, packed, wanted, max_block);
  }
}

}  // namespace flipslide
