// fft: one tile at a time, as a matrix of two kinds of points, `along` and `across`.
//
// First the lanes are neighbours across, and transforms run along; then squares of lanes are flipped,
// the lanes are neighbours along, and transforms run across, take the taps' spectrum and come back; the
// squares are flipped back. So a tile goes three times through memory, in pieces that fit the
// second-level cache, and the spectrum is never put in order.
//
//   several axes   `along` is the last axis, whose rows lie in memory; all others together are `across`.
//                  Rows without samples, or without outputs, are left out.
//   one axis       n = along · across, with neighbours across; between the two transforms stands a
//                  factor e^(−2πi·k·c/n), k the frequency along and c the place across. Of an angled
//                  transform (microkernels/butterflies.hpp) the one along is angled, and the factor has k − 1/4.
//                  Neighbours across are few, so samples of another type, and outputs that become one, are
//                  converted in long pieces beside the matrix.
#include <cmath>
#include <numeric>

#include "matrix.hpp"

namespace flipslide {

namespace {

// The samples of a tile of one axis: those from low on, below high, lie at `at`.
template <class T>
struct Samples {
  const T* at;
  Index low, high;
  bool is_zero_outside;
};

// A group of a tile of one axis: its rows are neighbours across. rest(p, n, to) gives n samples from
// the p-th on.
template <class T, class Rest>
void load_group(const Matrix& m, const FsButterflies& f, Index parts, Index g, const Samples<T>& x, const Rest& rest,
                T* to) {
  const Index lanes = f.lanes, width = std::min(lanes, m.across - g * lanes);
  for (Index half = 0; half < 3 - parts; ++half) {
    const Index begin = half * m.along * m.across + g * lanes;
    T* part = to + half * lanes;
    const auto rows_before = [&](Index p) { return std::clamp<Index>(floor_div(p - begin, m.across) + 1, 0, m.along); };
    // Rows before `before` and from `after` on have no sample; those from `first` to `end` are whole.
    const Index before = x.is_zero_outside ? rows_before(x.low - width) : 0;
    const Index after = x.is_zero_outside ? std::max(before, rows_before(x.high - 1)) : m.along;
    const bool in_place = x.at && width == lanes;
    const Index first = in_place ? std::clamp(rows_before(x.low - 1), before, after) : after;
    const Index end = in_place ? std::clamp(rows_before(x.high - lanes), first, after) : after;
    const auto copy = [&](const T* from, Index step, Index low, Index high) {
      if (high > low) f.load_rows(from, step, high - low, part + low * m.point, m.point, parts == 2);
    };
    const auto put_together = [&](Index low, Index high) {
      for (Index r = low; r < high; ++r) {
        T *row = part + r * m.point, some[2 * kMaxLanes];
        std::fill(row, row + parts * lanes, T(0));
        const T* from = rest(begin + r * m.across, width, some);
        parts == 2 ? unzip(from, width, row, row + lanes) : void(std::copy(from, from + width, row));
      }
    };
    static const T zeros[2 * kMaxLanes] = {};
    copy(zeros, 0, 0, before);
    put_together(before, std::min(first, after));
    copy(x.at + (begin + first * m.across) * parts, m.across * parts, first, end);
    put_together(std::max(before, end), after);
    copy(zeros, 0, after, m.along);
  }
}

// ------------------------------------------------------------------------------ spectra

class FftTaps : Transformer {
 public:
  explicit FftTaps(const Convolution& c) : Transformer(c), m_(folded_tile(), f_, bytes_, !is_complex_) {}

  // [channel][block along][across][re, im][lane]
  void pack(const View& w, PackedTaps& packed, int threads) const {
    bytes_ == 4 ? pack_as<float>(w, packed, threads) : pack_as<double>(w, packed, threads);
  }

 private:
  const Matrix m_;

  template <class T>
  void pack_as(const View& w, PackedTaps& packed, int threads) const {
    const Index each = m_.blocks * m_.line;
    T* to = packed.spectrum_storage.reserve<T>(channels() * each);
    packed.spectrum = reinterpret_cast<const std::byte*>(to);
    packed.exponents = tap_exponents<T>(w);
    if (static_cast<double>(channels()) * static_cast<double>(samples_) < kFftWorthSharing) threads = 1;
    parallel_for(channels(), channels() >= threads ? threads : 1, [&](Index channel) {
      const auto& exponents = packed.exponents;
      const int exponent = exponents.empty() ? 0 : exponents[static_cast<std::size_t>(channel)];
      pack_channel(w, channel, exponent, to + channel * each, threads);
    });
    packed.guard = guard_of<T>(w, packed, each);
  }

  template <class T>
  void pack_channel(const View& w, Index channel, int exponent, T* to, int threads) const {
    const Passes<T> passes(m_, f_);
    TransformScratch& scratch = transform_scratch();
    T* data = scratch.data.reserve<T>(m_.size());
    std::vector<char> used(static_cast<std::size_t>(m_.groups), 1);
    const T* row = nullptr;
    if (m_.split) {
      T* made = scratch.taps.reserve<T>(reach() * parts_);
      tap_row(w, channel, nullptr, made, exponent);
      row = made;
    }
    parallel_for(m_.groups, threads, [&](Index g) {
      T* group = data + g * m_.group;
      if (m_.split)
        load_places(row, g, group);
      else
        used[g] = load_rows(w, channel, exponent, g, group);
      if (used[g]) passes.forward_along(group);
    });
    parallel_for(m_.blocks, threads, [&](Index block) {
      passes.transpose(data, used, block, to + block * m_.line);
      passes.forward_across(to + block * m_.line);
    });
    scratch.data.trim();
    scratch.taps.trim();
  }

  template <class T>
  void load_places(const T* row, Index g, T* to) const {
    const auto rest = [&](Index p, Index n, T* some) {
      for (Index i = 0; i < n * parts_; ++i) {
        const Index at = p * parts_ + i;
        some[i] = at < reach() * parts_ ? row[at] : T(0);
      }
      return some;
    };
    load_group(m_, f_, parts_, g, Samples<T>{row, 0, reach(), true}, rest, to);
  }

  // False if there are no taps in the group's rows.
  template <class T>
  bool load_rows(const View& w, Index channel, int exponent, Index g, T* to) const {
    const Index lanes = f_.lanes, n = c_.tile.back() * parts_;
    T* rows = transform_scratch().taps.reserve<T>((lanes + 1) * n);
    T* nothing = rows + lanes * n;
    std::fill(nothing, nothing + n, T(0));
    const void* from[kMaxLanes];
    bool found = false;
    for (Index l = 0; l < lanes; ++l) {
      Index place[kMaxAxes];
      m_.place(g * lanes + l, place);
      from[l] = nothing;
      if (g * lanes + l >= m_.across || !tap_row(w, channel, place, rows + l * n, exponent)) continue;
      std::fill(rows + l * n + reach() * parts_, rows + (l + 1) * n, T(0));
      from[l] = rows + l * n;
      found = true;
    }
    if (!found) return false;
    for (Index half = 0; half < 3 - parts_; ++half) {
      f_.gather(from, folded_ * parts_, to + half * lanes, is_complex_ ? lanes : m_.point);
      for (Index l = 0; l < lanes; ++l) from[l] = static_cast<const T*>(from[l]) + folded_;
    }
    return true;
  }
};

// ---------------------------------------------------------------------------- one call

class FftCall : TransformCall {
 public:
  FftCall(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y)
      : TransformCall(c, x, w, bias, y),
        m_(folded_tile(), f_, bytes_, !is_complex_),
        stages_x_(m_.split && !same_bits(c.types.x, compute_)),
        stages_y_(m_.split && !same_bits(c.types.y, compute_)) {}

  // Tasks are tiles; the threads share each of those that are left over.
  void run(int threads) const {
    const Index n_tasks = n_groups() * n_tiles_;
    if (static_cast<double>(n_tasks) * static_cast<double>(samples_) < kFftWorthSharing) threads = 1;
    const Index n_own = n_tasks >= 8 * threads ? n_tasks : n_tasks / threads * threads;
    parallel_for(n_own, threads, [&](Index task) { run_task(task, 1); });
    for (Index task = n_own; task < n_tasks; ++task) run_task(task, threads);
    count_redone();
  }

 private:
  static constexpr Index kPiece = 16 * kStretch;
  const Matrix m_;
  const bool stages_x_, stages_y_;

  void run_task(Index task, int threads) const {
    const Index group = task / n_tiles_, tile = task % n_tiles_;
    bytes_ == 4 ? run_tile<float>(group, tile_at(tile), threads) : run_tile<double>(group, tile_at(tile), threads);
  }

  template <class T>
  void run_tile(Index group, const Tile& tile, int threads) const {
    const Passes<T> passes(m_, f_);
    TransformScratch& scratch = transform_scratch();
    T* data = scratch.data.reserve<T>(m_.size());
    T* staged = stages_x_ || stages_y_ ? scratch.staged.reserve<T>(samples_ * parts_) : nullptr;
    std::vector<char> used(static_cast<std::size_t>(m_.groups), 1), needed(used);
    if (stages_x_) stage_x(tile, group, staged, threads);
    std::vector<T> measures(static_cast<std::size_t>(m_.groups), T(0));
    const auto load_all = [&](const auto& look) {
      parallel_for(m_.groups, threads, [&](Index g) {
        used[g] = load(tile, group, g, staged, data + g * m_.group);
        needed[g] = is_needed(tile, g);
        if (!used[g]) return;
        look(g, data + g * m_.group);
        const Flushed flushed;
        passes.forward_along(data + g * m_.group);
      });
    };
    load_all([&](Index g, const T* from) { measures[g] = sum_of_squares(from); });
    T squares = std::accumulate(measures.begin(), measures.end(), T(0));
    int exponent = 0;  // x is 2^-exponent of what it was
    if (!has_usual_squares(squares)) {
      load_all([&](Index g, const T* from) { measures[g] = largest_magnitude(from, m_.along * m_.point, 1, 1); });
      exponent = unusual_exponent(*std::max_element(measures.begin(), measures.end()));
      load_all([&](Index g, T* to) {
        scale_by(to, m_.along * m_.point, -exponent);
        measures[g] = sum_of_squares(to);
      });
      squares = std::accumulate(measures.begin(), measures.end(), T(0));
    }
    T* spectrum = nullptr;
    if (n_out_ > 1) {
      spectrum = scratch.product.reserve<T>(m_.blocks * m_.line);
      parallel_for(m_.blocks, threads, [&](Index block) {
        const Flushed flushed;
        passes.transpose(data, used, block, spectrum + block * m_.line);
        passes.forward_across(spectrum + block * m_.line);
      });
    }
    for (Index k = 0; k < n_out_; ++k) {
      const T* h = reinterpret_cast<const T*>(w_.spectrum) + (group * n_out_ + k) * m_.blocks * m_.line;
      parallel_for(m_.blocks, threads, [&](Index block) {
        const Flushed flushed;
        T* line = transform_scratch().line.reserve<T>(m_.line);
        const Index at = block * m_.line;
        if (spectrum) {
          f_.multiply_each(line, spectrum + at, m_.point, m_.across, h + at);
          passes.inverse_across(line);
        } else {
          passes.transpose(data, used, block, line);
          passes.filter_across(line, h + at);
        }
        passes.transpose_back(line, needed, block, data);
      });
      std::atomic<int> found{0};
      parallel_for(m_.groups, threads, [&](Index g) {
        if (!needed[g]) return;
        {
          const Flushed flushed;
          passes.inverse_along(data + g * m_.group);
        }
        scale_by(data + g * m_.group, m_.along * m_.point, exponent + tap_exponent(group, k));
        found |= store(tile, group, k, g, data + g * m_.group, staged);
      });
      if (stages_y_) store_staged(tile, group, k, staged, threads);
      if (found & kNotFinite)
        redo(tile, group, k);
      else if (w_.guard)
        check(tile, group, k, squares, exponent);
      if (has_known(found & kNegative)) settle_known(tile, group, k, found & kNegative);
    }
    scratch.data.trim();
    scratch.product.trim();
    scratch.staged.trim();
  }

  template <class T>
  void check(const Tile& tile, Index group, Index k, T squares, int exponent) const {
    const double mean = static_cast<double>(squares) / static_cast<double>(samples_);
    const double r = std::sqrt(mean);
    const T* cells = look_at_tile<T>(tile, group, exponent);
    Guard::Reach reach[kMaxAxes];
    for (int a = 0; a < n_axes_; ++a) reach[a] = reach_of(tile, a);
    T least;
    w_.guard->least_of(reach, cells, n_axes_, 1, &least);
    const double enough = limit(group, k) * r;
    if (!(static_cast<double>(least) >= enough * enough)) check_tile(tile, group, k, cells, 1, r, exponent);
  }

  // Of the numbers of a group.
  template <class T>
  T sum_of_squares(const T* from) const {
    T sums[kMaxLanes] = {};
    f_.squares(from, 2 * m_.along, sums);
    return std::accumulate(sums, sums + f_.lanes, T(0));
  }

  // Places of a tile from `low` on, below `high`, in pieces.
  template <class Visit>
  void each_piece(Index low, Index high, int threads, const Visit& visit) const {
    parallel_for((high - low + kPiece - 1) / kPiece, threads, [&](Index piece) {
      const Index at = low + piece * kPiece;
      visit(at, std::min(high, at + kPiece));
    });
  }

  // Those of the places that have samples.
  template <class T>
  void stage_x(const Tile& tile, Index group, T* staged, int threads) const {
    const Samples<T> have = samples_of(tile, staged);
    const Row row{x_of(tile, group), 0};
    const Index first = axis(0).start + tile.low[0];
    each_piece(std::clamp<Index>(have.low, 0, samples_), std::clamp<Index>(have.high, 0, samples_), threads,
               [&](Index at, Index end) { stretch(row, first + at, end - at, staged + at * parts_); });
  }

  template <class T>
  Samples<T> samples_of(const Tile& tile, const T* at) const {
    const Index first = axis(0).start + tile.low[0];
    const bool is_zero_outside = axis(0).boundary == Boundary::zero;
    const bool is_whole = stages_x_ && !is_zero_outside;
    return {at, is_whole ? 0 : -first, is_whole ? samples_ : axis(0).x - first, is_zero_outside};
  }

  template <class T>
  void store_staged(const Tile& tile, Index group, Index k, T* staged, int threads) const {
    std::byte* y = y_of(tile, group, k);
    each_piece(0, tile.count[0], threads, [&](Index at, Index end) {
      for (Index q = at; q < end; q += kStretch)
        put(y, bias_of(group, k), q, staged + q * parts_, std::min(kStretch, end - q));
    });
  }

  // Whether a group has a row of outputs.
  bool is_needed(const Tile& tile, Index g) const {
    for (Index row = g * f_.lanes; row < std::min(m_.across, (g + 1) * f_.lanes); ++row)
      if (m_.split || has_outputs(tile, row)) return true;
    return false;
  }

  bool has_outputs(const Tile& tile, Index row) const {
    Index index[kMaxAxes];
    m_.place(row, index);
    for (int a = 0; a < last(); ++a)
      if (index[a] >= tile.count[a]) return false;
    return true;
  }

  // False if the group has no samples.
  template <class T>
  bool load(const Tile& tile, Index group, Index g, const T* staged, T* to) const {
    return m_.split ? load_places(tile, group, g, staged, to) : load_rows(tile, group, g, to);
  }

  template <class T>
  bool load_places(const Tile& tile, Index group, Index g, const T* staged, T* to) const {
    const Row row{x_of(tile, group), 0};
    const Index first = axis(0).start + tile.low[0];
    const T* in_x = x_in_place_ ? reinterpret_cast<const T*>(row.at + first * x_stride_[0]) : nullptr;
    load_group(
        m_, f_, parts_, g, samples_of(tile, stages_x_ ? staged : in_x),
        [&](Index p, Index n, T* some) { return stretch(row, first + p, n, some); }, to);
    return true;
  }

  template <class T>
  bool load_rows(const Tile& tile, Index group, Index g, T* to) const {
    Row rows[kMaxLanes];
    Inner inner;
    bool found = false;
    for (int l = 0; l < f_.lanes; ++l) {
      const Index at = g * f_.lanes + l;
      Index index[kMaxAxes];
      m_.place(at, index);
      rows[l] = {x_of(tile, group), at < m_.across ? 0 : kGap};
      for (int a = 0; a < last(); ++a) rows[l] = step_row(rows[l], tile, a, index[a]);
      found = found || rows[l].kind != kGap;
      set_inner(inner, l, tile);
    }
    if (!found) return false;
    look_at(inner);
    T ignored[kMaxLanes] = {};
    load_lanes(inner, rows, to, ignored);
    return true;
  }

  // What store finds: bits, as FsButterflies::store_rows has them.
  enum { kNotFinite = 1, kNegative = 2 };

  template <class T>
  int store(const Tile& tile, Index group, Index k, Index g, const T* from, T* staged) const {
    std::byte* y = y_of(tile, group, k);
    return m_.split ? store_places(tile, bias_of(group, k), g, from, y, stages_y_ ? staged : nullptr)
                    : store_rows(tile, bias_of(group, k), g, from, y);
  }

  template <class T>
  int store_places(const Tile& tile, const std::byte* bias, Index g, const T* from, std::byte* y, T* staged) const {
    std::byte* to = staged ? reinterpret_cast<std::byte*>(staged) : y;
    const Index step = staged ? parts_ * bytes_ : y_stride_[0];
    const Index lanes = f_.lanes, width = std::min(lanes, m_.across - g * lanes), count = tile.count[0];
    int found = 0;
    for (Index half = 0; half < 3 - parts_; ++half) {
      const Index begin = half * folded_ + g * lanes;
      const T* part = from + half * lanes;
      Index r = 0;
      if ((staged || y_in_place_) && width == lanes) {
        r = std::clamp<Index>(floor_div(count - lanes - begin, m_.across) + 1, 0, m_.along);
        found |= f_.store_rows(part, m_.point, r, to + begin * step, m_.across * parts_, parts_ == 2);
      }
      for (; r < m_.along && begin + r * m_.across < count; ++r) {
        const T* row = part + r * m_.point;
        const Index place = begin + r * m_.across, n = std::min(width, count - place);
        T some[2 * kMaxLanes];
        parts_ == 2 ? zip(row, row + lanes, n, some) : void(std::copy(row, row + n, some));
        for (Index i = 0; i < n * parts_; ++i)
          found |= (some[i] - some[i] == 0 ? 0 : kNotFinite) | (some[i] < 0 ? kNegative : 0);
        staged ? void(std::copy(some, some + n * parts_, staged + place * parts_)) : put(y, bias, place, some, n);
      }
    }
    return found;
  }

  template <class T>
  int store_rows(const Tile& tile, const std::byte* bias, Index g, const T* from, std::byte* y) const {
    std::byte* rows[kMaxLanes];
    Inner inner;
    for (int l = 0; l < f_.lanes; ++l) {
      const Index at = g * f_.lanes + l;
      Index index[kMaxAxes];
      m_.place(at, index);
      rows[l] = at < m_.across && has_outputs(tile, at) ? y : nullptr;
      for (int a = 0; a < last() && rows[l]; ++a) rows[l] += index[a] * y_stride_[a];
      set_inner(inner, l, tile);
    }
    look_at(inner);
    const std::uint32_t lanes = store_lanes(inner, rows, bias, from);
    int found = 0;
    for (int l = 0; l < f_.lanes; ++l)
      if (rows[l]) found |= (lanes >> l & 1 ? kNotFinite : 0) | (lanes >> (kMaxLanes + l) & 1 ? kNegative : 0);
    return found;
  }
};

}  // namespace

std::size_t release_transforms() { return release_ffts() + release_splits(); }

void pack_fft(const Convolution& c, const View& w, PackedTaps& packed, int threads) {
  FftTaps(c).pack(w, packed, threads);
}

void run_fft(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads) {
  FftCall(c, x, w, bias, y).run(threads);
}

}  // namespace flipslide
