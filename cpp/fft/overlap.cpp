// overlap: each lane of the vectors has a tile of its own.
#include "transform.hpp"

namespace flipslide {

namespace {

// A tile's numbers in memory.
struct Layout {
  int n_axes;
  Index n[kMaxAxes], step[kMaxAxes];  // points; elements between neighbours
  Index size;                         // elements
  SharedFft kept[kMaxAxes];
  const FsFft* fft[kMaxAxes];

  Layout(const std::vector<Index>& tile, const FsButterflies& f, Index bytes, bool is_angled)
      : n_axes(static_cast<int>(tile.size())) {
    std::copy(tile.begin(), tile.end(), n);
    size = lane_steps(n, n_axes, f.lanes, step);
    for (int a = n_axes - 1; a >= 0; --a) {
      kept[a] = fft_of(n[a], bytes, f.max_radix, is_angled && a == n_axes - 1);
      fft[a] = kept[a].get();
    }
  }
};

// Calls visit(offset) for every index of the axes [first, last) below `limit`.
template <class Visit>
void each_index(const Layout& layout, int first, int last, const Index* limit, Index offset, const Visit& visit) {
  if (first == last) {
    visit(offset);
    return;
  }
  for (Index i = 0; i < limit[first]; ++i)
    each_index(layout, first + 1, last, limit, offset + i * layout.step[first], visit);
}

Index product_of(const std::vector<Index>& sizes) {
  Index product = 1;
  for (const Index n : sizes) product *= n;
  return product;
}

// ------------------------------------------------------------------------------ spectra

class OverlapTaps : Transformer {
 public:
  explicit OverlapTaps(const Convolution& c)
      : Transformer(c), layout_(folded_tile(), f_, bytes_, !is_complex_), points_(product_of(folded_tile())) {}

  // [channel][other axes][first axis][re, im]
  void pack(const View& w, PackedTaps& packed, int threads) const {
    const Index lanes = f_.lanes, n = channels();
    std::byte* to = packed.spectrum_storage.reserve<std::byte>(n * points_ * 2 * bytes_);
    packed.spectrum = to;
    packed.exponents = bytes_ == 4 ? tap_exponents<float>(w) : tap_exponents<double>(w);
    const std::vector<int>& exponents = packed.exponents;
    parallel_for((n + lanes - 1) / lanes, threads, [&](Index task) {
      const Index first = task * lanes, end = std::min(n, first + lanes);
      bytes_ == 4 ? pack_lanes<float>(w, exponents, first, end, to) : pack_lanes<double>(w, exponents, first, end, to);
    });
    const std::shared_ptr<Guard> guard =
        bytes_ == 4 ? guard_of<float>(w, packed, 2 * points_) : guard_of<double>(w, packed, 2 * points_);
    if (guard) list_offsets(*guard);
    packed.guard = guard;
  }

 private:
  const Layout layout_;
  const Index points_;

  // Of the samples of the last axis's cells, part by part.
  void list_offsets(Guard& guard) const {
    for (const Guard::Cell& cell : guard.cells[last()])
      for (Index i = 0; i < guard.each; ++i)
        for (Index part = 0; part < parts_; ++part) {
          const Index s = cell.is_end ? cell.low : cell.low + i * cell.step, half = s / folded_;
          guard.offsets.push_back(((s - half * folded_) * 2 + half + part) * f_.lanes);
        }
  }

  // A channel in each lane.
  template <class T>
  void pack_lanes(const View& w, const std::vector<int>& exponents, Index first, Index end, std::byte* to) const {
    T* data = transform_scratch().data.reserve<T>(layout_.size);
    std::fill(data, data + layout_.size, T(0));
    T* row = transform_scratch().taps.reserve<T>(reach() * parts_);
    Index place[kMaxAxes] = {};
    for (Index channel = first; channel < end; ++channel) {
      const int exponent = exponents.empty() ? 0 : exponents[static_cast<std::size_t>(channel)];
      load_taps(w, channel, exponent, 0, place, row, data + channel - first);
    }
    for (int a = last(); a >= 0; --a)
      each_index(layout_, 0, a, layout_.n, 0, [&](Index outer) {
        each_index(layout_, a + 1, n_axes_, layout_.n, outer,
                   [&](Index at) { f_.forward(data + at, layout_.step[a], layout_.fft[a]); });
      });
    for (Index channel = first; channel < end; ++channel)
      read_spectrum(data + (channel - first), reinterpret_cast<T*>(to) + channel * points_ * 2);
  }

  // Into one lane.
  template <class T>
  void load_taps(const View& w, Index channel, int exponent, int a, Index* place, T* row, T* lane) const {
    if (a < last()) {
      for (place[a] = 0; place[a] < layout_.n[a]; ++place[a])
        load_taps(w, channel, exponent, a + 1, place, row, lane + place[a] * layout_.step[a]);
      return;
    }
    if (!tap_row(w, channel, place, row, exponent)) return;
    const Index lanes = f_.lanes;
    for (Index q = 0; q < reach(); ++q)
      for (Index part = 0; part < parts_; ++part) {
        const Index half = q / folded_;
        lane[(q - half * folded_) * 2 * lanes + (half + part) * lanes] = row[q * parts_ + part];
      }
  }

  template <class T>
  void read_spectrum(const T* lane, T* to) const {
    each_index(layout_, 1, n_axes_, layout_.n, 0, [&](Index at) {
      for (Index p = 0; p < layout_.n[0]; ++p) {
        *to++ = lane[at + p * layout_.step[0]];
        *to++ = lane[at + p * layout_.step[0] + f_.lanes];
      }
    });
  }
};

// ---------------------------------------------------------------------------- one call

class OverlapCall : TransformCall {
 public:
  OverlapCall(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y)
      : TransformCall(c, x, w, bias, y),
        layout_(folded_tile(), f_, bytes_, !is_complex_),
        points_(product_of(folded_tile())),
        n_lane_groups_((n_tiles_ + f_.lanes - 1) / f_.lanes) {}

  void run(int threads) const {
    const Index n_tasks = n_groups() * n_lane_groups_;
    const bool is_short = static_cast<double>(n_tasks) * static_cast<double>(points_) * static_cast<double>(n_out_) <
                          kOverlapWorthSharing;
    parallel_for(n_tasks, is_short ? 1 : threads, [&](Index task) {
      const Index group = task / n_lane_groups_, lane_group = task % n_lane_groups_;
      bytes_ == 4 ? run_group<float>(group, lane_group) : run_group<double>(group, lane_group);
    });
    count_redone();
  }

 private:
  struct Group {
    Tile tiles[kMaxLanes];
    Inner inner;
    std::uint32_t bad = 0, negative = 0;  // tiles with an output that is not finite, and with one below zero
    const std::byte* bias = nullptr;
    bool is_scaled = false;  // x by 2^-exponent
    int exponents[kMaxLanes] = {}, tap_exponent = 0;
  };

  const Layout layout_;
  const Index points_, n_lane_groups_;

  template <class T>
  void run_group(Index group_index, Index lane_group) const {
    Group group;
    Row rows[kMaxLanes];
    for (int l = 0; l < f_.lanes; ++l) {
      group.tiles[l] = tile_at(lane_group * f_.lanes + l);
      rows[l] = {x_of(group.tiles[l], group_index), group.tiles[l].used ? 0 : kGap};
      set_inner(group.inner, l, group.tiles[l]);
    }
    look_at(group.inner);
    T* data = transform_scratch().data.reserve<T>(layout_.size);
    T squares[kMaxLanes] = {};
    const bool guards = w_.guard != nullptr;
    T* means = guards ? transform_scratch().means.reserve<T>(w_.guard->room(n_axes_, f_.lanes)) : nullptr;
    load_axis(group, 0, rows, data, squares, means, [](T*, Index) {});
    if (!are_usual(group, squares)) load_scaled(group, rows, data, squares, means);
    T least[kMaxLanes];
    const T* cells = guards ? largest_in_cells(means, f_.lanes) : nullptr;
    if (guards) find_least(group, cells, least);
    {
      const Flushed flushed;
      for (int a = last() - 1; a > 0; --a) lines<T>(a, layout_.n, f_.forward, data);
    }

    for (Index k = 0; k < n_out_; ++k) {
      T* product = n_out_ == 1 ? data : transform_scratch().product.reserve<T>(layout_.size);
      filter(group_index, k, data, product);
      store_group<T>(group, group_index, k, product);
      if (guards) check_group(group, group_index, k, cells, least, squares);
      if (has_known(group.negative != 0)) settle_group(group, group_index, k);
    }
    transform_scratch().data.trim();
    transform_scratch().product.trim();
  }

  // Of the first axis, which data have left out on their way in, forward, and of all but the last back.
  template <class T>
  void filter(Index group_index, Index k, T* data, T* product) const {
    const Flushed flushed;
    const T* h = reinterpret_cast<const T*>(w_.spectrum) + (group_index * n_out_ + k) * points_ * 2;
    if (product == data) {
      first_axis<T>(h, [&](Index at, const T* line) { f_.filter(data + at, layout_.step[0], layout_.fft[0], line); });
    } else {
      if (k == 0) first_axis<T>(h, [&](Index at, const T*) { f_.forward(data + at, layout_.step[0], layout_.fft[0]); });
      first_axis<T>(h, [&](Index at, const T* line) {
        f_.multiply(product + at, data + at, layout_.step[0], layout_.n[0], line);
        f_.inverse(product + at, layout_.step[0], layout_.fft[0]);
      });
    }
    for (int a = 1; a < last(); ++a) lines<T>(a, outputs_, f_.inverse, product);
  }

  // Every line of axis a; of the axes before it only the first `limit` indices.
  template <class T, class F>
  void lines(int a, const Index* limit, F transform, T* data) const {
    each_index(layout_, 0, a, limit, 0, [&](Index outer) {
      each_index(layout_, a + 1, n_axes_, layout_.n, outer,
                 [&](Index at) { transform(data + at, layout_.step[a], layout_.fft[a]); });
    });
  }

  template <class T, class Visit>
  void first_axis(const T* h, const Visit& visit) const {
    each_index(layout_, 1, n_axes_, layout_.n, 0, [&](Index at) {
      visit(at, h);
      h += 2 * layout_.n[0];
    });
  }

  // ---- from x

  // look(row, n) sees the n vectors of a row before they are transformed.
  template <class T, class Look>
  void load_axis(const Group& group, int a, const Row* rows, T* data, T* squares, T* means, const Look& look) const {
    if (a == last()) {
      load_lanes(group.inner, rows, data, squares);
      look(data, 2 * folded_);
      if (means)
        f_.mean_squares(data, w_.guard->offsets.data(), w_.guard->n_last(n_axes_), w_.guard->each * parts_, means);
      const Flushed flushed;
      if (a > 0) f_.forward(data, layout_.step[a], layout_.fft[a]);
      return;
    }
    Row next[kMaxLanes];
    for (Index i = 0; i < layout_.n[a]; ++i) {
      for (int l = 0; l < f_.lanes; ++l) next[l] = step_row(rows[l], group.tiles[l], a, i);
      const Index number = means ? w_.guard->number_of[a][static_cast<std::size_t>(i)] : -1;
      T* own = number < 0 ? nullptr : means + number * step_of_means(a);
      load_axis(group, a + 1, next, data + i * layout_.step[a], squares, own, look);
    }
  }

  // Whether no tile is so small or so large that it has to be scaled.
  template <class T>
  bool are_usual(const Group& group, const T* squares) const {
    bool usual = true;
    for (int l = 0; l < f_.lanes; ++l) usual = usual && (!group.tiles[l].used || has_usual_squares(squares[l]));
    return usual;
  }

  template <class T>
  void load_scaled(Group& group, const Row* rows, T* data, T* squares, T* means) const {
    T most[kMaxLanes] = {};
    T ignored[kMaxLanes] = {};
    load_axis(group, 0, rows, data, ignored, static_cast<T*>(nullptr), [&](const T* row, Index n) {
      for (Index i = 0; i < n; ++i, row += f_.lanes)
        for (int l = 0; l < f_.lanes; ++l) most[l] = std::max(most[l], std::abs(row[l]));
    });
    int back[kMaxLanes];
    for (int l = 0; l < f_.lanes; ++l) {
      group.exponents[l] = unusual_exponent(most[l]);
      back[l] = -group.exponents[l];
      group.is_scaled = group.is_scaled || back[l] != 0;
    }
    std::fill(squares, squares + f_.lanes, T(0));
    load_axis(group, 0, rows, data, ignored, means, [&](T* row, Index n) {
      if (group.is_scaled) scale_lanes(row, n, f_.lanes, back);
      f_.squares(row, n, squares);
    });
  }

  // Numbers from one row that is looked at to the next.
  Index step_of_means(int a) const {
    Index step = w_.guard->n_last(n_axes_) * f_.lanes;
    while (++a < last()) step *= w_.guard->n_looked_at[a];
    return step;
  }

  // Lanes whose windows hold the same cells are looked at together.
  template <class T>
  void find_least(const Group& group, const T* cells, T* least) const {
    Guard::Reach reach[kMaxLanes][kMaxAxes];
    for (int l = 0; l < f_.lanes; ++l)
      for (int a = 0; a < n_axes_ && group.tiles[l].used; ++a) reach[l][a] = reach_of(group.tiles[l], a);
    bool done[kMaxLanes] = {};
    for (int l = 0; l < f_.lanes; ++l) {
      if (done[l] || !group.tiles[l].used) continue;
      T found[kMaxLanes];
      w_.guard->least_of(reach[l], cells, n_axes_, f_.lanes, found);
      for (int other = l; other < f_.lanes; ++other) {
        const bool is_alike = group.tiles[other].used && std::equal(reach[l], reach[l] + n_axes_, reach[other]);
        if (is_alike) least[other] = found[other];
        done[other] = done[other] || is_alike;
      }
    }
  }

  // A lane whose outputs all pass is done.
  template <class T>
  void check_group(const Group& group, Index group_index, Index k, const T* cells, const T* least,
                   const T* squares) const {
    const double square = limit(group_index, k) * limit(group_index, k) / static_cast<double>(samples_);
    for (int l = 0; l < f_.lanes; ++l) {
      if (!group.tiles[l].used || (group.bad >> l & 1)) continue;
      const double known = least[l], sum = squares[l];
      if (known >= square * sum) continue;
      const double r = std::sqrt(sum / static_cast<double>(samples_));
      check_tile(group.tiles[l], group_index, k, cells + l, f_.lanes, r, group.exponents[l]);
    }
  }

  void settle_group(const Group& group, Index group_index, Index k) const {
    for (int l = 0; l < f_.lanes; ++l)
      if (const bool is_negative = group.negative >> l & 1; group.tiles[l].used && has_known(is_negative))
        settle_known(group.tiles[l], group_index, k, is_negative);
  }

  // ---- to y

  template <class T>
  void store_group(Group& group, Index group_index, Index k, T* data) const {
    group.bad = group.negative = 0;
    group.bias = bias_of(group_index, k);
    group.tap_exponent = tap_exponent(group_index, k);
    std::byte* y[kMaxLanes];
    for (int l = 0; l < f_.lanes; ++l) y[l] = group.tiles[l].used ? y_of(group.tiles[l], group_index, k) : nullptr;
    store_axis(group, 0, y, data);
    for (int l = 0; l < f_.lanes; ++l)
      if (group.bad >> l & 1) redo(group.tiles[l], group_index, k);
  }

  template <class T>
  void store_axis(Group& group, int a, std::byte* const* y, T* data) const {
    if (a == last()) {
      if (a > 0) {
        const Flushed flushed;
        f_.inverse(data, layout_.step[a], layout_.fft[a]);
      }
      if (group.is_scaled || group.tap_exponent != 0) scale_row(group, data);
      const std::uint32_t bad = store_lanes(group.inner, y, group.bias, data);
      for (int l = 0; l < f_.lanes; ++l) {
        if (!y[l]) continue;
        group.bad |= bad & (std::uint32_t(1) << l);
        group.negative |= bad >> kMaxLanes & (std::uint32_t(1) << l);
      }
      return;
    }
    std::byte* next[kMaxLanes];
    for (Index i = 0; i < outputs_[a]; ++i) {
      bool any = false;
      for (int l = 0; l < f_.lanes; ++l) {
        next[l] = y[l] && i < group.tiles[l].count[a] ? y[l] + i * y_stride_[a] : nullptr;
        any = any || next[l];
      }
      if (any) store_axis(group, a + 1, next, data + i * layout_.step[a]);
    }
  }

  template <class T>
  void scale_row(const Group& group, T* data) const {
    int exponents[kMaxLanes];
    for (int l = 0; l < f_.lanes; ++l) exponents[l] = group.exponents[l] + group.tap_exponent;
    scale_lanes(data, 2 * folded_, f_.lanes, exponents);
  }
};

}  // namespace

void pack_overlap(const Convolution& c, const View& w, PackedTaps& packed, int threads) {
  OverlapTaps(c).pack(w, packed, threads);
}

void run_overlap(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                 int threads) {
  OverlapCall(c, x, w, bias, y).run(threads);
}

}  // namespace flipslide
