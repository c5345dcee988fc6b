// A tile as a matrix of two kinds of points, `along` and `across` (fft/fft.cpp), and its passes.
#pragma once

#include <cmath>
#include <vector>

#include "tables.hpp"
#include "transform.hpp"

namespace flipslide {

struct Grid {
  Index rows, columns;
};

// The sides of a tile's matrix, in points: rows along, columns across. One axis is as square as its factors allow.
Grid sides_of(const Index* tile, int n_axes, Index lanes);

// e^(−2πi·m/n) for any m, from two short tables.
class Roots {
 public:
  explicit Roots(Index n) : n_(n) {
    while ((kOne << bits_) * (kOne << bits_) < n) ++bits_;
    for (Index i = 0; i < (kOne << bits_); ++i) low_.push_back(root(i));
    for (Index i = 0; i << bits_ < n; ++i) high_.push_back(root(i << bits_));
  }
  void at(Index m, double& re, double& im) const {
    m %= n_;
    const Pair &a = high_[static_cast<std::size_t>(m >> bits_)],
               &b = low_[static_cast<std::size_t>(m & ((kOne << bits_) - 1))];
    re = a.re * b.re - a.im * b.im;
    im = a.re * b.im + a.im * b.re;
  }

  std::size_t n_bytes() const { return (low_.size() + high_.size()) * sizeof(Pair); }

 private:
  static constexpr Index kOne = 1;
  struct Pair {
    double re, im;
  };
  Pair root(Index m) const {
    const double angle = -2 * std::acos(-1.0) * static_cast<double>(m) / static_cast<double>(n_);
    return {std::cos(angle), std::sin(angle)};
  }
  Index n_;
  int bits_ = 0;
  std::vector<Pair> low_, high_;
};

// Which frequency the forward transform leaves at each point.
std::vector<Index> frequencies(const FsFft& fft);

// What a folded axis needs beside its two transforms: e^(−2πi·m·c/4n) for the places c across, where m is
// four times a frequency along, less one if it is angled. Made once and kept.
class Split {
 public:
  Split(Index n, const FsButterflies& f, Index bytes, bool is_angled)
      : grid(sides_of(&n, 1, f.lanes)), n_(n), lanes_(f.lanes), is_angled_(is_angled), roots_(4 * n) {
    frequencies_ = frequencies(*fft_of(grid.rows, bytes, f.max_radix));
    const Index blocks = (grid.rows + lanes_ - 1) / lanes_;
    if (blocks * size() * bytes > kMostKept) return;
    kept_.resize(static_cast<std::size_t>(blocks * size() * bytes));
    for (Index b = 0; b < blocks; ++b)
      bytes == 4 ? make(b, reinterpret_cast<float*>(kept_.data()) + b * size())
                 : make(b, reinterpret_cast<double*>(kept_.data()) + b * size());
  }

  static constexpr Index kFine = 32;
  const Grid grid;

  std::size_t n_bytes() const {
    return sizeof(Split) + kept_.size() + frequencies_.size() * sizeof(Index) + roots_.n_bytes();
  }

  // For the lanes of a block: [c = 0 … kFine − 1][re, im][lane], then those of c = 0, kFine, 2·kFine …
  template <class T>
  const T* factors(Index block) const {
    if (!kept_.empty()) return reinterpret_cast<const T*>(kept_.data()) + block * size();
    T* made = transform_scratch().factors.reserve<T>(size());
    make(block, made);
    return made;
  }

 private:
  static constexpr Index kMostKept = 1 << 20;
  const Index n_, lanes_;
  const bool is_angled_;
  const Roots roots_;
  std::vector<Index> frequencies_;
  std::vector<std::byte> kept_;

  Index n_coarse() const { return (grid.columns + kFine - 1) / kFine; }
  Index size() const { return (kFine + n_coarse()) * 2 * lanes_; }

  template <class T>
  void make(Index block, T* to) const {
    for (Index l = 0; l < lanes_; ++l) {
      const Index row = std::min(block * lanes_ + l, grid.rows - 1);
      const Index m = 4 * (n_ + frequencies_[static_cast<std::size_t>(row)]) - (is_angled_ ? 1 : 0);
      for (Index c = 0; c < kFine; ++c) set(to + c * 2 * lanes_ + l, m % (4 * n_) * c);
      for (Index q = 0; q < n_coarse(); ++q) set(to + (kFine + q) * 2 * lanes_ + l, m % (4 * n_) * (q * kFine));
    }
  }

  template <class T>
  void set(T* to, Index m) const {
    double re, im;
    roots_.at(m, re, im);
    to[0] = static_cast<T>(re);
    to[lanes_] = static_cast<T>(im);
  }
};

using SharedSplit = std::shared_ptr<const Split>;

SharedSplit split_of(Index n, const FsButterflies& f, Index bytes, bool is_angled);

// Forgets those that are kept. Returns how many bytes they took.
std::size_t release_splits();

// In its first form a matrix is [group across][along][re, im][lane]; a block of its second form is a line
// [across][re, im][lane]. Both sides are filled up to whole vectors.
struct MatrixSize {
  Index along, across;
  Index groups, blocks;      // of lanes: across, along
  Index point, group, line;  // elements from one to the next

  MatrixSize(const Grid& sides, Index lanes)
      : along(sides.rows),
        across(sides.columns),
        groups(ceil_div(across, lanes)),
        blocks(ceil_div(along, lanes)),
        point(2 * lanes),
        group(blocks * lanes * point),
        line(groups * lanes * point) {}
  Index size() const { return groups * group; }
};

// How a tile becomes a matrix.
struct Matrix : MatrixSize {
  int n_axes;                         // across
  Index n[kMaxAxes], step[kMaxAxes];  // in points across
  SharedFft kept[kMaxAxes], kept_along;
  const FsFft* fft[kMaxAxes];
  const FsFft* along_fft;
  SharedSplit split;  // of a tile of one axis

  Matrix(const std::vector<Index>& tile, const FsButterflies& f, Index bytes, bool is_angled)
      : MatrixSize(sides_of(tile.data(), static_cast<int>(tile.size()), f.lanes), f.lanes) {
    if (tile.size() == 1) {
      split = split_of(tile[0], f, bytes, is_angled);
      n_axes = 1;
      n[0] = across;
    } else {
      n_axes = static_cast<int>(tile.size()) - 1;
      std::copy(tile.begin(), tile.end() - 1, n);
    }
    for (int a = n_axes - 1; a >= 0; --a) {
      step[a] = a == n_axes - 1 ? 1 : step[a + 1] * n[a + 1];
      kept[a] = fft_of(n[a], bytes, f.max_radix);
      fft[a] = kept[a].get();
    }
    kept_along = fft_of(along, bytes, f.max_radix, is_angled);
    along_fft = kept_along.get();
  }

  // Along each axis across.
  void place(Index at, Index* index) const {
    for (int a = 0; a < n_axes; ++a) index[a] = at / step[a] % n[a];
  }
};

// What happens to a matrix.
template <class T>
class Passes {
 public:
  Passes(const Matrix& matrix, const FsButterflies& f) : m_(matrix), f_(f) {}

  void forward_along(T* group) const {
    f_.forward(group, m_.point, m_.along_fft);
    std::fill(group + m_.along * m_.point, group + m_.group, T(0));
  }
  void inverse_along(T* group) const { f_.inverse(group, m_.point, m_.along_fft); }

  // One block, from the first form to the second; groups that are not used are zero.
  void transpose(const T* data, const std::vector<char>& used, Index block, T* line) const {
    const Index square = f_.lanes * m_.point;
    for (Index g = 0, end; g < m_.groups; g = end) {
      for (end = g + 1; end < m_.groups && used[g] == used[end];) ++end;
      if (used[g])
        f_.transpose(data + g * m_.group + block * square, m_.group, line + g * square, square, end - g);
      else
        std::fill(line + g * square, line + end * square, T(0));
    }
    twiddle(block, line, false);
  }

  // And back, for groups that are needed.
  void transpose_back(T* line, const std::vector<char>& needed, Index block, T* data) const {
    twiddle(block, line, true);
    const Index square = f_.lanes * m_.point;
    for (Index g = 0; g < m_.groups; ++g)
      if (needed[g]) f_.transpose(line + g * square, square, data + g * m_.group + block * square, m_.group, 1);
  }

  void forward_across(T* line) const {
    for (int a = 0; a < m_.n_axes; ++a) lines(a, line, f_.forward);
  }
  void inverse_across(T* line) const {
    for (int a = m_.n_axes; a-- > 0;) lines(a, line, f_.inverse);
  }
  // Forward, times the conjugate of h, and back.
  void filter_across(T* line, const T* h) const {
    const int last = m_.n_axes - 1;
    for (int a = 0; a < last; ++a) lines(a, line, f_.forward);
    const Index n = m_.n[last] * m_.point;
    for (Index at = 0; at < m_.across * m_.point; at += n) f_.filter_each(line + at, m_.point, m_.fft[last], h + at);
    for (int a = last; a-- > 0;) lines(a, line, f_.inverse);
  }

 private:
  const Matrix& m_;
  const FsButterflies& f_;

  template <class Transform>
  void lines(int a, T* line, Transform transform) const {
    const Index n_inner = m_.step[a], n_outer = m_.across / m_.n[a] / n_inner;
    for (Index o = 0; o < n_outer; ++o)
      for (Index i = 0; i < n_inner; ++i)
        transform(line + (o * m_.n[a] * n_inner + i) * m_.point, n_inner * m_.point, m_.fft[a]);
  }

  void twiddle(Index block, T* line, bool conjugate) const {
    if (!m_.split) return;
    const T* fine = m_.split->factors<T>(block);
    f_.twiddle(line, m_.point, m_.across, fine, Split::kFine, fine + Split::kFine * m_.point, conjugate);
  }
};

}  // namespace flipslide
