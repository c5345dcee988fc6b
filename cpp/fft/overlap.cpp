// overlap: each lane of the vectors has a tile of its own (two, when x is real).
#include "transform.hpp"

namespace flipslide {

namespace {

constexpr int kMaxSlots = 32;           // tiles of one group: two for each of 16 lanes
constexpr double kWorthSharing = 40e3;  // vectors of points, about 30 microseconds

// A tile's numbers in memory, row-major, in vectors of complex numbers. Rows of the outer axes are
// one vector longer than needed: a step of a power of two would use few sets of the caches.
struct Layout {
  int n_axes;
  Index n[kMaxAxes], step[kMaxAxes];  // points; elements between neighbours
  Index size;                         // elements
  const FsFft* fft[kMaxAxes];

  Layout(const std::vector<Index>& tile, const FsLanes& f, Index bytes) : n_axes(static_cast<int>(tile.size())) {
    const Index lanes = f.lanes;
    Index at = 2 * lanes;
    for (int a = n_axes - 1; a >= 0; --a) {
      n[a] = tile[a];
      fft[a] = &fft_of(n[a], bytes, f.max_radix);
      step[a] = at;
      at = at * n[a] + (a == 0 ? 0 : 2 * lanes);
    }
    size = at;
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

// ------------------------------------------------------------------------------ spectra

class OverlapTaps : Transformer {
 public:
  explicit OverlapTaps(const Convolution& c) : Transformer(c), layout_(c.tile(), f_, bytes_) {}

  // [channel][other axes][first axis][re, im]
  void pack(const View& w, PackedTaps& packed, int threads) const {
    const Index lanes = f_.lanes, n = channels();
    std::byte* to = packed.spectrum_storage.reserve<std::byte>(n * points_ * 2 * bytes_);
    packed.spectrum = to;
    parallel_for((n + lanes - 1) / lanes, threads, [&](Index task) {
      const Index first = task * lanes, end = std::min(n, first + lanes);
      bytes_ == 4 ? pack_lanes<float>(w, first, end, to) : pack_lanes<double>(w, first, end, to);
    });
  }

 private:
  const Layout layout_;

  // A channel in each lane.
  template <class T>
  void pack_lanes(const View& w, Index first, Index end, std::byte* to) const {
    T* data = transform_scratch().data.reserve<T>(layout_.size);
    std::fill(data, data + layout_.size, T(0));
    for (Index channel = first; channel < end; ++channel)
      each_tap<T>(w, channel, [&](const Index* place, int part, T value) {
        Index at = part * f_.lanes + channel - first;
        for (int a = 0; a < n_axes_; ++a) at += place[a] * layout_.step[a];
        data[at] += value;
      });
    for (int a = last(); a >= 0; --a)
      each_index(layout_, 0, a, layout_.n, 0, [&](Index outer) {
        each_index(layout_, a + 1, n_axes_, layout_.n, outer,
                   [&](Index at) { f_.forward(data + at, layout_.step[a], layout_.fft[a]); });
      });
    for (Index channel = first; channel < end; ++channel)
      read_spectrum(data + (channel - first), reinterpret_cast<T*>(to) + channel * points_ * 2);
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
        layout_(c.tile(), f_, bytes_),
        slots_(f_.lanes * (is_complex_ ? 1 : 2)),
        n_lane_groups_((n_tiles_ + slots_ - 1) / slots_) {}

  void run(int threads) const {
    const Index n_tasks = n_groups() * n_lane_groups_;
    const bool is_short =
        static_cast<double>(n_tasks) * static_cast<double>(points_) * static_cast<double>(n_out_) < kWorthSharing / 16;
    parallel_for(n_tasks, is_short ? 1 : threads, [&](Index task) {
      const Index group = task / n_lane_groups_, lane_group = task % n_lane_groups_;
      bytes_ == 4 ? run_group<float>(group, lane_group) : run_group<double>(group, lane_group);
    });
  }

 private:
  struct Group {
    Tile tiles[kMaxSlots];
    std::byte* y[kMaxSlots];
    std::uint64_t bad = 0;  // tiles with an output that is not finite
    const std::byte* bias = nullptr;
    // Along the last axis: whether all windows lie inside x and are read there, from which byte of
    // a row on, and whether all outputs exist and are written where they belong.
    bool reads_in_place, writes_in_place;
    Index first_byte[kMaxSlots];
  };

  const Layout layout_;
  const Index slots_, n_lane_groups_;

  template <class T>
  void run_group(Index group_index, Index lane_group) const {
    Group group;
    Row rows[kMaxSlots];
    for (Index s = 0; s < slots_; ++s) {
      group.tiles[s] = tile_at(lane_group * slots_ + s);
      rows[s] = {x_of(group.tiles[s], group_index), group.tiles[s].used ? 0 : kGap};
    }
    look_at_inner_axis(group);
    T* data = transform_scratch().data.reserve<T>(layout_.size);
    load_axis(group, 0, rows, data);
    for (int a = last() - 1; a > 0; --a) lines<T>(a, layout_.n, f_.forward, data);

    for (Index k = 0; k < n_out_; ++k) {
      const T* h = reinterpret_cast<const T*>(w_.spectrum) + (group_index * n_out_ + k) * points_ * 2;
      T* product = data;
      if (n_out_ == 1) {
        first_axis<T>(h, [&](Index at, const T* line) { f_.filter(data + at, layout_.step[0], layout_.fft[0], line); });
      } else {
        product = transform_scratch().product.reserve<T>(layout_.size);
        if (k == 0)
          first_axis<T>(h, [&](Index at, const T*) { f_.forward(data + at, layout_.step[0], layout_.fft[0]); });
        first_axis<T>(h, [&](Index at, const T* line) {
          f_.multiply(product + at, data + at, layout_.step[0], layout_.n[0], line);
          f_.inverse(product + at, layout_.step[0], layout_.fft[0]);
        });
      }
      for (int a = 1; a < last(); ++a) lines<T>(a, outputs_, f_.inverse, product);
      store_group<T>(group, group_index, k, product);
    }
    transform_scratch().data.trim();
    transform_scratch().product.trim();
  }

  void look_at_inner_axis(Group& group) const {
    group.reads_in_place = x_in_place_;
    group.writes_in_place = y_in_place_;
    for (Index s = 0; s < slots_; ++s) {
      const Tile& tile = group.tiles[s];
      const Index first = axis(last()).start + tile.low[last()];
      group.first_byte[s] = first * bytes_;
      group.reads_in_place = group.reads_in_place && first >= 0 && first + layout_.n[last()] <= axis(last()).x;
      group.writes_in_place = group.writes_in_place && tile.count[last()] == outputs_[last()];
    }
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

  template <class T>
  void load_axis(const Group& group, int a, const Row* rows, T* data) const {
    if (a == last()) {
      load_line(group, rows, data);
      if (a > 0) f_.forward(data, layout_.step[a], layout_.fft[a]);
      return;
    }
    Row next[kMaxSlots];
    for (Index i = 0; i < layout_.n[a]; ++i) {
      for (Index s = 0; s < slots_; ++s) next[s] = step_row(rows[s], group.tiles[s], a, i);
      load_axis(group, a + 1, next, data + i * layout_.step[a]);
    }
  }

  template <class T>
  void load_line(const Group& group, const Row* rows, T* data) const {
    const Index n = layout_.n[last()];
    T* scratch = transform_scratch().rows.reserve<T>(kMaxSlots * kStretch);
    const void* from[16];
    if (group.reads_in_place && std::all_of(rows, rows + slots_, [](const Row& row) { return row.kind == 0; })) {
      for (int part = 0; part < 2; ++part) {
        for (int l = 0; l < f_.lanes; ++l) {
          const Index s = part * f_.lanes + l;
          from[l] = rows[s].at + group.first_byte[s];
        }
        f_.gather(from, n, data + part * f_.lanes, layout_.step[last()]);
      }
      return;
    }
    for (Index q = 0; q < n; q += kStretch) {
      const Index length = std::min(kStretch, n - q);
      for (int part = 0; part < 2; ++part) {
        for (int l = 0; l < f_.lanes; ++l) {
          const Index s = is_complex_ ? l : part * f_.lanes + l;
          const Index first = rows[s].kind == kGap ? 0 : axis(last()).start + group.tiles[s].low[last()] + q;
          from[l] = stretch(rows[s], first, length, part, scratch + (part * f_.lanes + l) * kStretch);
        }
        f_.gather(from, length, data + q * layout_.step[last()] + part * f_.lanes, layout_.step[last()]);
      }
    }
  }

  // ---- to y

  template <class T>
  void store_group(Group& group, Index group_index, Index k, T* data) const {
    group.bad = 0;
    group.bias = bias_of(group_index, k);
    for (Index s = 0; s < slots_; ++s)
      group.y[s] = group.tiles[s].used ? y_of(group.tiles[s], group_index, k) : nullptr;
    store_axis(group, 0, group.y, data);
    for (Index s = 0; s < slots_; ++s)
      if (group.bad >> s & 1) redo(group.tiles[s], group_index, k);
  }

  template <class T>
  void store_axis(Group& group, int a, std::byte* const* y, T* data) const {
    if (a == last()) {
      if (a > 0) f_.inverse(data, layout_.step[a], layout_.fft[a]);
      store_line(group, y, data);
      return;
    }
    std::byte* next[kMaxSlots];
    for (Index i = 0; i < outputs_[a]; ++i) {
      bool any = false;
      for (Index s = 0; s < slots_; ++s) {
        next[s] = y[s] && i < group.tiles[s].count[a] ? y[s] + i * y_stride_[a] : nullptr;
        any = any || next[s];
      }
      if (any) store_axis(group, a + 1, next, data + i * layout_.step[a]);
    }
  }

  template <class T>
  void store_line(Group& group, std::byte* const* y, const T* data) const {
    const Index n = outputs_[last()];
    T* scratch = transform_scratch().rows.reserve<T>(kMaxSlots * kStretch);
    void* to[16];
    std::uint64_t bad = 0;
    if (group.writes_in_place && std::all_of(y, y + slots_, [](const std::byte* at) { return at != nullptr; })) {
      for (int part = 0; part < 2; ++part) {
        for (int l = 0; l < f_.lanes; ++l) to[l] = y[part * f_.lanes + l];
        const std::uint64_t doubtful = f_.scatter(data + part * f_.lanes, layout_.step[last()], n, to);
        group.bad |= doubtful << part * f_.lanes;
      }
      return;
    }
    for (Index q = 0; q < n; q += kStretch) {
      const Index length = std::min(kStretch, n - q);
      for (int part = 0; part < 2; ++part) {
        for (int l = 0; l < f_.lanes; ++l) {
          const Index s = is_complex_ ? l : part * f_.lanes + l;
          const bool whole = y[s] && y_in_place_ && q + length <= group.tiles[s].count[last()];
          to[l] = whole ? static_cast<void*>(y[s] + q * bytes_)
                        : static_cast<void*>(scratch + (part * f_.lanes + l) * kStretch);
        }
        const std::uint64_t doubtful =
            f_.scatter(data + q * layout_.step[last()] + part * f_.lanes, layout_.step[last()], length, to);
        bad |= doubtful << (is_complex_ ? 0 : part * f_.lanes);
        for (int l = 0; l < f_.lanes; ++l) {
          const Index s = is_complex_ ? l : part * f_.lanes + l;
          T* from = scratch + (part * f_.lanes + l) * kStretch;
          if (to[l] != from || !y[s]) continue;
          const Index count = std::min(length, group.tiles[s].count[last()] - q);
          if (count > 0) put(y[s], group.bias, q, part, from, count);
        }
      }
    }
    for (Index s = 0; s < slots_; ++s)
      if (y[s]) group.bad |= bad & (std::uint64_t(1) << s);
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
