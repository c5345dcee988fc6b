// fft: one tile (two, when x is real) at a time; the lanes are neighbours along its last axis.
//
// The tile is a matrix: its last axis makes the columns, all others together the rows. A tile of
// one axis is folded into a matrix (n = rows · columns), whose two transforms with a factor
// e^(−2πi·k·c/n) between them are the one of n points. Along the rows' axes the lanes are
// neighbours already; for the columns, `lanes` rows at a time are turned into lanes, filtered
// and turned back, so the spectrum is never seen as a whole and never put in order.
#include <cmath>
#include <map>
#include <mutex>
#include <tuple>

#include "transform.hpp"

namespace flipslide {

namespace {

constexpr double kPi = 3.14159265358979323846;

struct Fold {
  Index rows, columns;
};

// One axis as a matrix, as square as the factors allow.
Fold fold(Index n, Index lanes) {
  Fold best{1, n};
  double best_cost = 1e300;
  for (Index columns = 1; columns <= n; ++columns) {
    if (n % columns) continue;
    const double skew = std::abs(std::log2(static_cast<double>(columns * columns) / static_cast<double>(n)));
    const double cost = skew + (columns % lanes ? 4 : 0) + (n / columns % lanes ? 4 : 0);
    if (cost < best_cost) {
      best_cost = cost;
      best = {n / columns, columns};
    }
    if (columns > 4 * lanes && columns * columns > 16 * n) break;
  }
  return best;
}

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

 private:
  static constexpr Index kOne = 1;
  struct Pair {
    double re, im;
  };
  Pair root(Index m) const {
    const double angle = -2 * kPi * static_cast<double>(m) / static_cast<double>(n_);
    return {std::cos(angle), std::sin(angle)};
  }
  Index n_;
  int bits_ = 0;
  std::vector<Pair> low_, high_;
};

// Which frequency the forward transform leaves at each point.
std::vector<Index> frequencies(const FsFft& fft) {
  std::vector<Index> found(static_cast<std::size_t>(fft.n));
  for (Index p = 0; p < fft.n; ++p) {
    Index rest = p, m = fft.n, weight = 1, frequency = 0;
    for (int l = 0; l < fft.n_levels; ++l) {
      m /= fft.radix[l];
      frequency += rest / m * weight;
      rest %= m;
      weight *= fft.radix[l];
    }
    found[static_cast<std::size_t>(p)] = frequency;
  }
  return found;
}

// What a folded axis needs beside its two transforms. Made once and kept.
struct Folding {
  Fold fold;
  Roots roots;
  std::vector<Index> frequencies;  // of the rows
};

const Folding& folding_of(Index n, const FsLanes& f, Index bytes) {
  static std::mutex lock;
  static std::map<std::tuple<Index, int, Index>, std::unique_ptr<Folding>> all;
  const std::lock_guard<std::mutex> hold(lock);
  std::unique_ptr<Folding>& made = all[{n, f.lanes, bytes}];
  if (!made) {
    const Fold folded = fold(n, f.lanes);
    made.reset(new Folding{folded, Roots(n), frequencies(fft_of(folded.rows, bytes, f.max_radix))});
  }
  return *made;
}

// A tile as a matrix of vectors: a row is `blocks` vectors of complex numbers, and one more, so that
// rows do not stand a power of two apart.
struct Matrix {
  Index rows = 1, columns, blocks, pitch, block;  // pitch and block in elements
  int n_row_axes;
  Index n[kMaxAxes], step[kMaxAxes];  // of the axes that make the rows, in rows
  const FsFft* row_fft[kMaxAxes];
  const FsFft* column_fft;
  const Folding* folding = nullptr;  // of a tile of one axis

  Matrix(const std::vector<Index>& tile, const FsLanes& f, Index bytes) {
    const int n_axes = static_cast<int>(tile.size());
    if (n_axes == 1) {
      folding = &folding_of(tile[0], f, bytes);
      n_row_axes = 1;
      n[0] = folding->fold.rows;
      columns = folding->fold.columns;
    } else {
      n_row_axes = n_axes - 1;
      std::copy(tile.begin(), tile.end() - 1, n);
      columns = tile.back();
    }
    for (int a = n_row_axes - 1; a >= 0; --a) {
      step[a] = rows;
      rows *= n[a];
      row_fft[a] = &fft_of(n[a], bytes, f.max_radix);
    }
    column_fft = &fft_of(columns, bytes, f.max_radix);
    block = 2 * f.lanes;
    blocks = (columns + f.lanes - 1) / f.lanes;
    pitch = (blocks + 1) * block;
  }

  Index size() const { return rows * pitch; }
};

// What pack and run do to a matrix.
template <class T>
class Passes {
 public:
  Passes(const Matrix& matrix, const FsLanes& f, int threads) : m_(matrix), f_(f), threads_(threads) {}

  Index n_groups() const { return (m_.rows + f_.lanes - 1) / f_.lanes; }
  Index group_size() const { return m_.columns * m_.block; }

  template <class Transform>
  void along_rows(T* data, Transform transform, bool is_inverse) const {
    for (int i = 0; i < m_.n_row_axes; ++i) {
      const int a = is_inverse ? m_.n_row_axes - 1 - i : i;
      const Index n_inner = m_.step[a], n_outer = m_.rows / m_.n[a] / n_inner;
      parallel_for(n_outer * n_inner, threads_, [&](Index line) {
        T* at = data + (line / n_inner * n_inner * m_.n[a] + line % n_inner) * m_.pitch;
        for (Index b = 0; b < m_.blocks; ++b) transform(at + b * m_.block, n_inner * m_.pitch, m_.row_fft[a]);
      });
    }
  }

  // visit(group, line) with the rows of a group as lanes, which then go to `to` (or nowhere).
  template <class Visit>
  void along_columns(const T* from, T* to, const Visit& visit) const {
    parallel_for(n_groups(), threads_, [&](Index group) {
      TransformScratch& scratch = transform_scratch();
      T* line = scratch.line.reserve<T>(group_size() + m_.pitch);
      T* spare = line + group_size();
      std::fill(spare, spare + m_.pitch, T(0));
      T* factors = m_.folding ? make_factors(group, scratch) : nullptr;
      const void* rows[16];
      void* back[16];
      const Index lanes = f_.lanes;
      for (Index b = 0; b < m_.blocks; ++b)
        for (int part = 0; part < 2; ++part) {
          for (Index l = 0; l < lanes; ++l) {
            const Index row = group * lanes + l;
            rows[l] = (row < m_.rows ? from + row * m_.pitch : spare) + b * m_.block + part * lanes;
          }
          f_.gather(rows, std::min(lanes, m_.columns - b * lanes), line + b * lanes * m_.block + part * lanes,
                    m_.block);
        }
      if (factors) f_.twist(line, m_.block, m_.columns, factors, 0);
      visit(group, line);
      if (!to) return;
      if (factors) f_.twist(line, m_.block, m_.columns, factors, 1);
      for (Index b = 0; b < m_.blocks; ++b)
        for (int part = 0; part < 2; ++part) {
          for (Index l = 0; l < lanes; ++l) {
            const Index row = group * lanes + l;
            back[l] = (row < m_.rows ? to + row * m_.pitch : spare) + b * m_.block + part * lanes;
          }
          f_.scatter(line + b * lanes * m_.block + part * lanes, m_.block, std::min(lanes, m_.columns - b * lanes),
                     back);
        }
    });
  }

 private:
  const Matrix& m_;
  const FsLanes& f_;
  const int threads_;

  // e^(−2πi·k·c/n) for the frequencies k of a group's rows, [column][re, im][lane], as products of
  // those for c = 32·q and for c = 0 … 31.
  T* make_factors(Index group, TransformScratch& scratch) const {
    constexpr Index kFine = 32;
    const Index n_coarse = (m_.columns + kFine - 1) / kFine;
    T* all = scratch.factors.reserve<T>((n_coarse * kFine + n_coarse + kFine) * m_.block);
    T* coarse = all + n_coarse * kFine * m_.block;
    T* fine = coarse + n_coarse * m_.block;
    for (Index l = 0; l < f_.lanes; ++l) {
      const Index row = group * f_.lanes + l;
      const Index k = row < m_.rows ? m_.folding->frequencies[static_cast<std::size_t>(row)] : 0;
      for (Index q = 0; q < n_coarse; ++q) set(coarse + q * m_.block + l, k * kFine * q);
      for (Index s = 0; s < kFine; ++s) set(fine + s * m_.block + l, k * s);
    }
    for (Index q = 0; q < n_coarse; ++q) {
      T* to = all + q * kFine * m_.block;
      std::copy(fine, fine + kFine * m_.block, to);
      f_.turn(to, m_.block, kFine, coarse + q * m_.block);
    }
    return all;
  }

  void set(T* to, Index m) const {
    double re, im;
    m_.folding->roots.at(m, re, im);
    to[0] = static_cast<T>(re);
    to[f_.lanes] = static_cast<T>(im);
  }
};

// ------------------------------------------------------------------------------ spectra

class FftTaps : Transformer {
 public:
  explicit FftTaps(const Convolution& c) : Transformer(c), matrix_(c.tile(), f_, bytes_) {}

  // [channel][group of rows][column][re, im][lane]
  void pack(const View& w, PackedTaps& packed, int threads) const {
    bytes_ == 4 ? pack_as<float>(w, packed, threads) : pack_as<double>(w, packed, threads);
  }

 private:
  const Matrix matrix_;

  template <class T>
  void pack_as(const View& w, PackedTaps& packed, int threads) const {
    const Passes<T> passes(matrix_, f_, threads);
    const Index each = passes.n_groups() * passes.group_size();
    T* to = packed.spectrum_storage.reserve<T>(channels() * each);
    packed.spectrum = reinterpret_cast<const std::byte*>(to);
    T* data = transform_scratch().data.reserve<T>(matrix_.size());
    for (Index channel = 0; channel < channels(); ++channel, to += each) {
      std::fill(data, data + matrix_.size(), T(0));
      each_tap<T>(w, channel, [&](const Index* place, int part, T value) {
        Index row = 0, column = place[last()];
        if (matrix_.folding) {
          row = column / matrix_.columns;
          column %= matrix_.columns;
        } else {
          for (int a = 0; a < last(); ++a) row += place[a] * matrix_.step[a];
        }
        data[row * matrix_.pitch + column / f_.lanes * matrix_.block + part * f_.lanes + column % f_.lanes] += value;
      });
      passes.along_rows(data, f_.forward, false);
      passes.along_columns(data, nullptr, [&](Index group, T* line) {
        f_.forward(line, matrix_.block, matrix_.column_fft);
        std::copy(line, line + passes.group_size(), to + group * passes.group_size());
      });
    }
    transform_scratch().data.trim();
  }
};

// ---------------------------------------------------------------------------- one call

class FftCall : TransformCall {
 public:
  FftCall(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y)
      : TransformCall(c, x, w, bias, y), matrix_(c.tile(), f_, bytes_), parts_(is_complex_ ? 1 : 2) {}

  // Tasks are pairs of tiles; where there are fewer than threads, the threads share each.
  void run(int threads) const {
    const Index n_pairs = (n_tiles_ + parts_ - 1) / parts_, n_tasks = n_groups() * n_pairs;
    if (static_cast<double>(n_tasks) * static_cast<double>(points_) < 16e3) threads = 1;
    parallel_for(n_tasks, n_tasks >= threads ? threads : 1, [&](Index task) {
      const Index group = task / n_pairs, pair = task % n_pairs;
      bytes_ == 4 ? run_pair<float>(group, pair, threads) : run_pair<double>(group, pair, threads);
    });
  }

 private:
  const Matrix matrix_;
  const Index parts_;

  template <class T>
  void run_pair(Index group, Index pair, int threads) const {
    const Passes<T> passes(matrix_, f_, threads);
    const Index each = passes.n_groups() * passes.group_size();
    Tile tiles[2] = {tile_at(pair * parts_), parts_ == 2 ? tile_at(pair * parts_ + 1) : Tile{}};
    T* data = transform_scratch().data.reserve<T>(matrix_.size());
    T* product = n_out_ == 1 ? data : transform_scratch().product.reserve<T>(matrix_.size());
    parallel_for(matrix_.rows, threads, [&](Index row) { load_row(tiles, group, row, data + row * matrix_.pitch); });
    passes.along_rows(data, f_.forward, false);
    for (Index k = 0; k < n_out_; ++k) {
      const T* h = reinterpret_cast<const T*>(w_.spectrum) + (group * n_out_ + k) * each;
      passes.along_columns(data, product, [&](Index rows, T* line) {
        f_.filter_each(line, matrix_.block, matrix_.column_fft, h + rows * passes.group_size());
      });
      passes.along_rows(product, f_.inverse, true);
      store(tiles, group, k, product, threads);
    }
    transform_scratch().data.trim();
    transform_scratch().product.trim();
  }

  // Where a row of the matrix lies in a tile: the index of its first number along each axis.
  void place_row(Index row, Index* index) const {
    if (matrix_.folding) {
      index[0] = row * matrix_.columns;
      return;
    }
    for (int a = 0; a < last(); ++a) index[a] = row / matrix_.step[a] % matrix_.n[a];
    index[last()] = 0;
  }

  template <class T>
  void load_row(const Tile* tiles, Index group, Index matrix_row, T* to) const {
    Index index[kMaxAxes];
    place_row(matrix_row, index);
    T* scratch = transform_scratch().rows.reserve<T>(kStretch);
    const Index lanes = f_.lanes;
    for (int part = 0; part < 2; ++part) {
      const Tile& tile = tiles[is_complex_ ? 0 : part];
      Row row{x_of(tile, group), tile.used ? 0 : kGap};
      for (int a = 0; a < last(); ++a) row = step_row(row, tile, a, index[a]);
      const Index first = axis(last()).start + tile.low[last()] + index[last()];
      for (Index q = 0; q < matrix_.blocks * lanes; q += kStretch) {
        const Index n = std::min(kStretch, std::max<Index>(0, matrix_.columns - q));
        const T* from = stretch(row, row.kind == kGap ? 0 : first + q, n, part, scratch);
        for (Index i = 0; i < std::min(kStretch, matrix_.blocks * lanes - q); i += lanes) {
          T* at = to + (q + i) / lanes * matrix_.block + part * lanes;
          const Index some = std::clamp<Index>(n - i, 0, lanes);
          std::copy(from + i, from + i + some, at);
          std::fill(at + some, at + lanes, T(0));
        }
      }
    }
  }

  template <class T>
  void store(const Tile* tiles, Index group, Index k, const T* data, int threads) const {
    std::atomic<int> bad{0};
    parallel_for(matrix_.rows, threads, [&](Index row) {
      for (int part = 0; part < 2; ++part)
        if (!store_row(tiles[is_complex_ ? 0 : part], part, group, k, row, data + row * matrix_.pitch))
          bad |= 1 << (is_complex_ ? 0 : part);
    });
    for (int t = 0; t < parts_; ++t)
      if (bad >> t & 1) redo(tiles[t], group, k);
  }

  // False if a number is not finite.
  template <class T>
  bool store_row(const Tile& tile, int part, Index group, Index k, Index matrix_row, const T* from) const {
    if (!tile.used) return true;
    Index index[kMaxAxes];
    place_row(matrix_row, index);
    std::byte* y = y_of(tile, group, k);
    for (int a = 0; a < last(); ++a) {
      if (index[a] >= tile.count[a]) return true;
      y += index[a] * y_stride_[a];
    }
    const Index count = std::min(matrix_.columns, tile.count[last()] - index[last()]), lanes = f_.lanes;
    T* scratch = transform_scratch().rows.reserve<T>(kStretch);
    T doubt = 0;
    for (Index q = 0; q < count; q += kStretch) {
      const Index n = std::min(kStretch, count - q);
      T* to = y_in_place_ ? reinterpret_cast<T*>(y) + index[last()] + q : scratch;
      for (Index i = 0; i < n; i += lanes) {
        const T* at = from + (q + i) / lanes * matrix_.block + part * lanes;
        std::memcpy(to + i, at, static_cast<std::size_t>(std::min(lanes, n - i)) * sizeof(T));
        for (Index l = 0; l < std::min(lanes, n - i); ++l) doubt += at[l] - at[l];
      }
      if (!y_in_place_) put(y, bias_of(group, k), index[last()] + q, part, scratch, n);
    }
    return doubt == 0;
  }
};

}  // namespace

void pack_fft(const Convolution& c, const View& w, PackedTaps& packed, int threads) {
  FftTaps(c).pack(w, packed, threads);
}

void run_fft(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads) {
  FftCall(c, x, w, bias, y).run(threads);
}

}  // namespace flipslide
