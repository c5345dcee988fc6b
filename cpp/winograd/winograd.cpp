#include "winograd.hpp"

#include <atomic>
#include <cstring>

#include "../fft/transform.hpp"
#include "tiles.hpp"

namespace flipslide {

namespace {

// A tile's error is about the same for all of its outputs, at most so many units in the last place of Σ|w|·max|x|,
// where max|x| is the tile's: with n channels at most 12, 8 and 13.3 for n of 1, 64 and 256 in all that was measured
// (2026-11, Cascade Lake: noise, ones, ramps, sparse and heavy-tailed samples by noise, positive and smooth taps). An
// output passes if that is at most τ·Σ|w|·max|x| over its own window.
double error_of(Index channels) { return 20 + static_cast<double>(channels) / 16; }
constexpr Index kStretchOut = 64;

struct WinogradScratch {
  Scratch v, m, rows, samples, outputs, largest;
};

thread_local WinogradScratch own_scratch;

// Neighbouring tiles of a row.
struct TileRun {
  Index batch, low[2];  // of the first output
  Index first, n;       // of the task's tiles
};

// ---------------------------------------------------------------------------------- taps

// G along one axis: [frequency][tap].
std::vector<std::array<double, 3>> tap_matrix(Index points) {
  if (points == 4) return {{-1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  constexpr double a = FS_WINOGRAD_A, b = FS_WINOGRAD_B;
  constexpr double at_a = 2 * a * a * (a * a - b * b), at_b = 2 * b * b * (b * b - a * a);
  const auto row = [](double p, double scale) { return std::array<double, 3>{1 / scale, p / scale, p * p / scale}; };
  return {{1 / (a * a * b * b), 0, 0}, row(a, at_a), row(-a, at_a), row(b, at_b), row(-b, at_b), {0, 0, 1}};
}

template <class T>
class TapTransform {
 public:
  TapTransform(const Convolution& c, const WinogradTiles& t, const T* taps)
      : c_(c), t_(t), g_(tap_matrix(t.points)), taps_(taps) {}

  // The taps of `lanes` output channels and one input channel, at every frequency: to[frequency * step + lane].
  void transform(Index group, Index first, Index channel, T* to, Index step) const {
    const Index lanes = t_.lanes;
    double w[9][kMaxLanes] = {}, half[3][kMaxLanes];
    for (Index l = 0; l < std::min(lanes, c_.n_out - first); ++l) load(group, first + l, channel, w, l);
    for (const auto& along : g_) {
      for (int j = 0; j < 3; ++j)
        for (Index l = 0; l < kMaxLanes; ++l)
          half[j][l] = along[0] * w[j][l] + along[1] * w[3 + j][l] + along[2] * w[6 + j][l];
      for (const auto& across : g_) {
        double u[kMaxLanes];
        for (Index l = 0; l < kMaxLanes; ++l)
          u[l] = across[0] * half[0][l] + across[1] * half[1][l] + across[2] * half[2][l];
        for (Index l = 0; l < lanes; ++l) to[l] = static_cast<T>(u[l]);
        to += step;
      }
    }
  }

  // Whether no output channel has taps so small or large that products leave the normal numbers.
  bool are_usual() const {
    const Index n = c_.n_in * 9, most = c_.microkernel.max_block;
    for (Index group = 0; group < c_.n_groups; ++group)
      for (Index k = 0; k < c_.n_out;) {
        const int block = fs_block(c_.n_out - k, static_cast<int>(most));
        const T* from = taps_ + (group * c_.n_out + k) * n;
        T largest[8] = {};
        for (Index i = 0; i < n; ++i)
          for (int r = 0; r < block; ++r) largest[r] = std::max(largest[r], std::abs(*from++));
        for (int r = 0; r < block; ++r)
          if (unusual_exponent(largest[r]) != 0) return false;
        k += block;
      }
    return true;
  }

 private:
  const Convolution& c_;
  const WinogradTiles& t_;
  const std::vector<std::array<double, 3>> g_;
  const T* taps_;

  // From where they are packed for `gemm`: see fs_block.
  void load(Index group, Index k, Index channel, double (&w)[9][kMaxLanes], Index lane) const {
    const Index most = c_.microkernel.max_block, n = c_.n_in * 9;
    Index first = k / most * most;
    int block = fs_block(c_.n_out - first, static_cast<int>(most));
    while (first + block <= k) {
      first += block;
      block = fs_block(c_.n_out - first, static_cast<int>(most));
    }
    const T* from = taps_ + (group * c_.n_out + first) * n + channel * 9 * block + (k - first);
    for (int i = 0; i < 9; ++i) w[i][lane] = from[i * block];
  }
};

// [group][frequency][panel][input channel][output channel of the panel]
template <class T>
void pack_taps(const Convolution& c, const WinogradTiles& t, PackedTaps& packed, int threads) {
  const TapTransform<T> taps(c, t, reinterpret_cast<const T*>(packed.data));
  packed.spectrum = nullptr;
  if (!taps.are_usual()) return;
  const Index u_size = t.u_size(c.n_in), step = u_size / t.frequencies;
  T* to = packed.spectrum_storage.reserve<T>(c.n_groups * u_size);
  packed.spectrum = reinterpret_cast<const std::byte*>(to);
  parallel_for(c.n_groups * t.out_groups, c.n_groups * u_size < (1 << 16) ? 1 : threads, [&](Index task) {
    const Index group = task / t.out_groups, at = task % t.out_groups, first = at / t.panel_groups * t.panel_groups;
    const Index width = std::min(t.panel_groups, t.out_groups - first) * t.lanes;
    T* panel = to + group * u_size + first * t.lanes * c.n_in + (at - first) * t.lanes;
    for (Index channel = 0; channel < c.n_in; ++channel)
      taps.transform(group, at * t.lanes, channel, panel + channel * width, step);
  });
}

// ---------------------------------------------------------------------------------- a call

template <class T>
class WinogradCall {
 public:
  WinogradCall(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y)
      : c_(c),
        t_(c, c.tile.front()),
        f_(c.isa.winograd[sizeof(T) == 8]),
        moves_(c.isa.butterflies[sizeof(T) == 8]),
        x_(x),
        w_(w),
        given_bias_(bias),
        y_(y),
        y_base_(y.data),
        kind_(t_.outputs == 4) {
    for (int a = 0; a < 2; ++a) {
      const Slide& slide = c.slides[static_cast<std::size_t>(a)];
      x_stride_[a] = x.stride(slide.axis.x_dim);
      y_stride_[a] = y.stride(slide.axis.y_dim);
      if (!slide.y_reversed) continue;
      y_base_ += y_stride_[a] * (slide.axis.y - 1);
      y_stride_[a] = -y_stride_[a];
    }
    list_channels();
    const Index bytes = sizeof(T);
    const bool copies_x = same_bits(c.types.x, c.types.compute), copies_y = same_bits(c.types.y, c.types.compute);
    x_rows_ = copies_x && x_stride_[1] == bytes;
    y_rows_ = copies_y && y_stride_[1] == bytes;
    x_vectors_ = copies_x && lie_side_by_side(x_channel_);
    y_vectors_ = copies_y && lie_side_by_side(y_channel_);
    bias_.assign(static_cast<std::size_t>(c.n_groups * t_.out_groups * t_.lanes), T(0));
    if (bias)
      for (Index group = 0; group < c.n_groups; ++group)
        std::memcpy(bias_.data() + group * t_.out_groups * t_.lanes, static_cast<const T*>(bias) + group * c.n_out,
                    static_cast<std::size_t>(c.n_out) * sizeof(T));
  }

  void run(int threads) const {
    parallel_for(t_.n_tasks, is_small(c_) ? 1 : threads, [&](Index task) { run_task(task); });
    outputs_redone() = redone_;
  }

 private:
  const Convolution& c_;
  const WinogradTiles t_;
  const FsWinograd& f_;
  const FsButterflies& moves_;
  const View& x_;
  const PackedTaps& w_;
  const void* given_bias_;
  const View& y_;
  std::byte* y_base_;
  const int kind_;  // of tile
  Index x_stride_[2], y_stride_[2];
  std::vector<Index> x_channel_, y_channel_;  // bytes from the first one
  bool x_rows_, y_rows_;                      // neighbours along a row are neighbours in memory
  bool x_vectors_, y_vectors_;                // neighbouring channels are
  std::vector<T> bias_;                       // of whole vectors
  mutable std::atomic<Index> redone_{0};

  const Axis& axis(int a) const { return c_.slides[static_cast<std::size_t>(a)].axis; }

  void list_channels() {
    for (Index k = 0; k < c_.n_in; ++k) x_channel_.push_back(locate(c_.in_loops, &Loop::x_dim, k, x_));
    for (Index k = 0; k < c_.n_out; ++k) y_channel_.push_back(locate(c_.out_loops, &Loop::y_dim, k, y_));
  }

  static bool lie_side_by_side(const std::vector<Index>& channels) {
    for (Index k = 0; k < std::ssize(channels); ++k)
      if (channels[static_cast<std::size_t>(k)] != k * static_cast<Index>(sizeof(T))) return false;
    return channels.size() > 1;
  }

  struct Task {
    Index group, first_group, n_groups;  // of output channels
    Index n_tiles = 0;
    std::vector<TileRun> runs{};
    T *v, *m, *largest, *samples;
  };

  void run_task(Index number) const {
    Task task{.group = number / (t_.n_tile_tasks * t_.n_out_tasks),
              .first_group = number % t_.n_out_tasks * t_.out_groups_per_task,
              .n_groups = 0,
              .v = own_scratch.v.reserve<T>(t_.v_size()),
              .m = own_scratch.m.reserve<T>(t_.m_size()),
              .largest = own_scratch.largest.reserve<T>(t_.largest_size()),
              .samples = nullptr};
    task.n_groups = std::min(t_.out_groups_per_task, t_.out_groups - task.first_group);
    list_runs(task, number / t_.n_out_tasks % t_.n_tile_tasks * t_.tiles_per_task);
    std::fill(task.largest, task.largest + task.n_tiles * kFsWinogradMagnitudes * t_.lanes, T(0));
    std::vector<bool> is_bad(task.runs.size());
    {
      const Flushed flushed;
      for (Index g = 0; g < t_.in_groups; ++g)
        for (const TileRun& run : task.runs) read(task, g, run);
      multiply(task);
    }
    for (Index g = 0; g < task.n_groups; ++g)
      for (std::size_t i = 0; i < task.runs.size(); ++i)
        if (!write(task, g, task.runs[i])) is_bad[i] = true;
    for (std::size_t i = 0; i < task.runs.size(); ++i)
      is_bad[i] ? redo(task, task.runs[i], all_of(task.runs[i])) : check(task, task.runs[i]);
    for (Scratch* scratch : {&own_scratch.v, &own_scratch.m}) scratch->trim();
  }

  void list_runs(Task& task, Index first) const {
    task.n_tiles = std::min(t_.tiles_per_task, t_.n_tiles - first);
    for (Index done = 0; done < task.n_tiles;) {
      const Index row = (first + done) / t_.blocks[1], column = (first + done) % t_.blocks[1];
      const Index n = std::min({task.n_tiles - done, t_.blocks[1] - column, t_.tiles_per_run});
      task.runs.push_back({row / t_.blocks[0], {row % t_.blocks[0] * t_.outputs, column * t_.outputs}, done, n});
      done += n;
    }
  }

  // ---- from x

  void read(const Task& task, Index in_group, const TileRun& run) const {
    const Index lanes = t_.lanes, columns = run.n * t_.outputs + 2;
    T* samples = own_scratch.samples.reserve<T>(t_.samples_size());
    const std::byte* x = x_.data + locate(c_.group_loops, &Loop::x_dim, task.group, x_) +
                         locate(c_.batch_loops, &Loop::x_dim, run.batch, x_);
    for (Index r = 0; r < t_.points; ++r) {
      const Index from = extend(axis(0).start + run.low[0] + r, axis(0).x, axis(0).boundary);
      T* to = samples + r * columns * lanes;
      if (from < 0)
        fill(to, columns, from);
      else
        read_row(x + from * x_stride_[0], in_group, axis(1).start + run.low[1], columns, to);
    }
    for (Index i = 0; i < run.n; ++i)
      f_.forward[kind_](samples + i * t_.outputs * lanes, columns * lanes,
                        task.v + (in_group * t_.tiles_per_task + run.first + i) * lanes, t_.step_of(t_.in_groups),
                        task.largest + (run.first + i) * kFsWinogradMagnitudes * lanes);
  }

  void fill(T* to, Index columns, Index kind) const {
    T value = 0;
    if (kind == kFill) std::memcpy(&value, c_.fill.parts[0], sizeof(T));
    std::fill(to, to + columns * t_.lanes, value);
  }

  // n samples from position `first` on, of the channels of a vector; beyond the last channel anything finite.
  void read_row(const std::byte* x, Index in_group, Index first, Index n, T* to) const {
    const Index low = std::clamp<Index>(-first, 0, n), high = std::clamp<Index>(axis(1).x - first, low, n);
    for (Index q = 0; q < n; q = q + 1 == low ? high : q + 1) {
      if (q == low && low < high) q = high;
      if (q == n) break;
      const Index from = extend(first + q, axis(1).x, axis(1).boundary);
      from < 0 ? fill(to + q * t_.lanes, 1, from)
               : read_inside(x + from * x_stride_[1], in_group, 1, to + q * t_.lanes);
    }
    if (low < high) read_inside(x + (first + low) * x_stride_[1], in_group, high - low, to + low * t_.lanes);
  }

  void read_inside(const std::byte* x, Index in_group, Index n, T* to) const {
    const Index lanes = t_.lanes, channel = in_group * lanes, there = std::min(lanes, c_.n_in - channel);
    if (x_vectors_) {
      for (Index q = 0; q < n; ++q, to += lanes) {
        std::memcpy(to, x + q * x_stride_[1] + channel * sizeof(T), static_cast<std::size_t>(there) * sizeof(T));
        std::fill(to + there, to + lanes, T(0));
      }
      return;
    }
    const void* rows[kMaxLanes];
    const FsLoadFn load = c_.isa.convert->load[c_.types.compute][c_.types.x];
    T* spare = x_rows_ ? nullptr : own_scratch.rows.reserve<T>(lanes * n);
    for (Index l = 0; l < lanes; ++l) {
      const std::byte* from = x + x_channel_[static_cast<std::size_t>(channel + std::min(l, there - 1))];
      rows[l] = x_rows_ ? static_cast<const void*>(from) : spare + l * n;
      if (!x_rows_) load(spare + l * n, from, x_stride_[1], n);
    }
    gather(rows, n, to);
  }

  // Whole vectors alone, where there are any: the last ones once more.
  void gather(const void** rows, Index n, T* to) const {
    const Index lanes = t_.lanes, whole = n / lanes * lanes;
    moves_.gather(rows, n < lanes ? n : whole, to, lanes);
    if (n < lanes || n == whole) return;
    for (Index l = 0; l < lanes; ++l) rows[l] = static_cast<const T*>(rows[l]) + n - lanes;
    moves_.gather(rows, lanes, to + (n - lanes) * lanes, lanes);
  }

  // ---- products

  void multiply(const Task& task) const {
    const Index u_size = t_.u_size(c_.n_in), u_step = u_size / t_.frequencies, lanes = t_.lanes;
    const T* u = reinterpret_cast<const T*>(w_.spectrum) + task.group * u_size;
    FsWinogradProduct p{};
    p.group_step = t_.tiles_per_task * lanes;
    p.n_tiles = task.n_tiles;
    p.n_channels = c_.n_in;
    for (Index f = 0; f < t_.frequencies; ++f) {
      p.v = task.v + f * t_.step_of(t_.in_groups);
      for (Index g = 0; g < task.n_groups; g += t_.panel_groups) {
        const Index at = task.first_group + g;
        p.u = u + f * u_step + at * lanes * c_.n_in;
        p.m = task.m + f * t_.step_of(t_.out_groups_per_task) + g * p.group_step;
        p.n_groups = static_cast<int>(std::min(t_.panel_groups, t_.out_groups - at));
        f_.multiply(&p);
      }
    }
  }

  // ---- to y

  // False if an output is not finite.
  bool write(const Task& task, Index g, const TileRun& run) const {
    const Index lanes = t_.lanes, columns = run.n * t_.outputs, channel = (task.first_group + g) * lanes;
    T* outputs = own_scratch.outputs.reserve<T>(t_.outputs_size());
    {
      const Flushed flushed;
      const T* bias = bias_.data() + task.group * t_.out_groups * lanes + channel;
      for (Index i = 0; i < run.n; ++i)
        f_.inverse[kind_](task.m + (g * t_.tiles_per_task + run.first + i) * lanes, t_.step_of(t_.out_groups_per_task),
                          bias, outputs + i * t_.outputs * lanes, columns * lanes);
    }
    const Index n_rows = std::min(t_.outputs, axis(0).y - run.low[0]), n = std::min(columns, axis(1).y - run.low[1]);
    std::byte* y = y_base_ + locate(c_.group_loops, &Loop::y_dim, task.group, y_) +
                   locate(c_.batch_loops, &Loop::y_dim, run.batch, y_) + run.low[0] * y_stride_[0] +
                   run.low[1] * y_stride_[1];
    bool is_finite = true;
    for (Index r = 0; r < n_rows; ++r) {
      const bool row = write_row(y + r * y_stride_[0], channel, n, outputs + r * columns * lanes);
      is_finite = is_finite && row;
    }
    return is_finite;
  }

  bool write_row(std::byte* y, Index channel, Index n, const T* from) const {
    const Index lanes = t_.lanes, there = std::min(lanes, c_.n_out - channel);
    if (y_rows_) {
      void* rows[kMaxLanes];
      T* spare = there < lanes ? own_scratch.rows.reserve<T>(n) : nullptr;
      for (Index l = 0; l < lanes; ++l)
        rows[l] = l < there ? static_cast<void*>(y + y_channel_[static_cast<std::size_t>(channel + l)]) : spare;
      return scatter(from, n, rows, there);
    }
    if (y_vectors_) {
      for (Index q = 0; q < n; ++q)
        std::memcpy(y + q * y_stride_[1] + channel * sizeof(T), from + q * lanes,
                    static_cast<std::size_t>(there) * sizeof(T));
    } else {
      const FsStoreFn store = c_.isa.convert->store[c_.types.compute][c_.types.y];
      T some[kStretchOut];
      for (Index l = 0; l < there; ++l)
        for (Index q = 0; q < n; q += kStretchOut) {
          const Index count = std::min(kStretchOut, n - q);
          for (Index i = 0; i < count; ++i) some[i] = from[(q + i) * lanes + l];
          store(y + y_channel_[static_cast<std::size_t>(channel + l)] + q * y_stride_[1], y_stride_[1], some, count);
        }
    }
    return c_.isa.convert->finite[c_.types.compute](from, n * lanes);
  }

  bool scatter(const T* from, Index n, void** rows, Index there) const {
    const Index lanes = t_.lanes, whole = n / lanes * lanes;
    const std::uint32_t seen = static_cast<std::uint32_t>((std::uint64_t(1) << there) - 1);
    std::uint32_t bad = moves_.scatter(from, lanes, n < lanes ? n : whole, rows);
    if (n >= lanes && n > whole) {
      for (Index l = 0; l < lanes; ++l) rows[l] = static_cast<T*>(rows[l]) + n - lanes;
      bad |= moves_.scatter(from + (n - lanes) * lanes, lanes, lanes, rows);
    }
    return (bad & seen) == 0;
  }

  // ---- outputs that are summed directly

  // [low, high) along each axis.
  struct Box {
    Index low[2], high[2];
  };

  Box all_of(const TileRun& run) const {
    return {{run.low[0], run.low[1]},
            {std::min(axis(0).y, run.low[0] + t_.outputs), std::min(axis(1).y, run.low[1] + run.n * t_.outputs)}};
  }

  void redo(const Task& task, const TileRun& run, const Box& box) const {
    const Index first = task.first_group * t_.lanes;
    const Index n = std::min(c_.n_out - first, task.n_groups * t_.lanes);
    redone_ += n * (box.high[0] - box.low[0]) * (box.high[1] - box.low[1]);
    run_region(c_, x_, w_, given_bias_, y_, {run.batch, task.group, first, box.low, box.high, n});
  }

  void check(const Task& task, const TileRun& run) const {
    for (Index i = 0; i < run.n; ++i) {
      TileRun tile = run;
      tile.low[1] += i * t_.outputs;
      tile.n = 1;
      check_tile(task, tile, task.largest + (run.first + i) * kFsWinogradMagnitudes * t_.lanes);
    }
  }

  void check_tile(const Task& task, const TileRun& tile, const T* largest) const {
    T most[kFsWinogradMagnitudes];
    for (int p = 0; p < kFsWinogradMagnitudes; ++p)
      most[p] = *std::max_element(largest + p * t_.lanes, largest + (p + 1) * t_.lanes);
    const Box box = all_of(tile);
    // Subnormal samples counted as zeros on the way in.
    if (unusual_exponent(most[0]) != 0 || (most[0] == 0 && has_sample(task, tile))) return redo(task, tile, box);
    if (!c_.guards) return;
    const double limit = error_of(c_.n_in) * (sizeof(T) == 4 ? 0x1p-24 / 0x1p-17 : 0x1p-53 / 0x1p-44);
    const double least = limit * static_cast<double>(most[0]);
    const int rows = box.high[0] - box.low[0] > 3 ? 2 : 1, columns = box.high[1] - box.low[1] > 3 ? 2 : 1;
    for (int p = 0; p < rows; ++p)
      for (int q = 0; q < columns; ++q)
        if (static_cast<double>(most[1 + 2 * p + q]) < least) return settle(task, tile, box, least);
  }

  // A tile some of whose outputs may see small samples alone: those that do are done again.
  void settle(const Task& task, const TileRun& tile, const Box& box, double least) const {
    constexpr Index n = 6;
    double most[n][n] = {};
    for (Index i = 0; i < t_.points; ++i)
      for (Index j = 0; j < t_.points; ++j) most[i][j] = largest_at(task, tile, i, j);
    Box again{{box.high[0], box.high[1]}, {0, 0}};
    for (Index i = 0; i < box.high[0] - box.low[0]; ++i)
      for (Index j = 0; j < box.high[1] - box.low[1]; ++j) {
        double seen = 0;
        for (int p = 0; p < 9; ++p) seen = std::max(seen, most[i + p / 3][j + p % 3]);
        if (seen >= least) continue;
        again.low[0] = std::min(again.low[0], box.low[0] + i);
        again.low[1] = std::min(again.low[1], box.low[1] + j);
        again.high[0] = std::max(again.high[0], box.low[0] + i + 1);
        again.high[1] = std::max(again.high[1], box.low[1] + j + 1);
      }
    if (again.low[0] < again.high[0]) redo(task, tile, again);
  }

  bool has_sample(const Task& task, const TileRun& tile) const {
    for (Index i = 0; i < t_.points; ++i)
      for (Index j = 0; j < t_.points; ++j)
        if (largest_at(task, tile, i, j) > 0) return true;
    return false;
  }

  // Of all channels.
  double largest_at(const Task& task, const TileRun& tile, Index i, Index j) const {
    const Index row = extend(axis(0).start + tile.low[0] + i, axis(0).x, axis(0).boundary);
    const Index column = extend(axis(1).start + tile.low[1] + j, axis(1).x, axis(1).boundary);
    T value = 0;
    if (row == kGap || column == kGap) return 0;
    if (row < 0 || column < 0) {
      std::memcpy(&value, c_.fill.parts[0], sizeof(T));
      return std::abs(static_cast<double>(value));
    }
    const std::byte* x = x_.data + locate(c_.group_loops, &Loop::x_dim, task.group, x_) +
                         locate(c_.batch_loops, &Loop::x_dim, tile.batch, x_) + row * x_stride_[0] +
                         column * x_stride_[1];
    const FsLoadFn load = c_.isa.convert->load[c_.types.compute][c_.types.x];
    double most = 0;
    for (const Index channel : x_channel_) {
      load(&value, x + channel, 0, 1);
      most = std::max(most, std::abs(static_cast<double>(value)));
    }
    return most;
  }
};

}  // namespace

void pack_winograd(const Convolution& c, const View&, PackedTaps& packed, int threads) {
  const WinogradTiles t(c, c.tile.front());
  c.types.compute == FS_F32 ? pack_taps<float>(c, t, packed, threads) : pack_taps<double>(c, t, packed, threads);
}

void run_winograd(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                  int threads, std::uint64_t reach) {
  if (!w.factors.empty() || !w.spectrum) return run_sums(c, x, w, bias, y, threads, reach);
  c.types.compute == FS_F32 ? WinogradCall<float>(c, x, w, bias, y).run(threads)
                            : WinogradCall<double>(c, x, w, bias, y).run(threads);
  settle_all(c, x, w, bias, y, threads, true);
}

}  // namespace flipslide
