#include "moments.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>

#include "isa.hpp"
#include "thread/pool.hpp"

namespace flipslide {

namespace {

// Columns at a time, so that what belongs to a band of them stays in the second cache.
constexpr Index kColumns = 512;

// Rows that pass one strip of columns before the next, so that its ring is read from the second cache once.
constexpr Index kBand = 64;

// Numbers behind a row that vectors may touch.
constexpr Index kPad = 64;

// Rows of outputs in one task, at least: what comes in front of the first one is merged again.
constexpr Index kRows = 64;

// Tasks for each thread where there are rows enough, so that none waits long for the last.
constexpr Index kTasks = 3;

FsMerge merge_of(double a, double b) {
  if (a == b) return {1, 1, 1 / (2 * a)};
  return {a, b, 1 / (a * b * (a + b))};
}

// A row of sums and one of deviations, `width` numbers each.
template <class T>
struct Row {
  T* sums;
  T* deviations;
};

// What a window of n samples is put together from: the powers of two in n, lowest first, and where each begins.
struct Part {
  int level;
  Index start;
};

std::vector<Part> parts_of(Index n) {
  std::vector<Part> parts;
  Index start = 0;
  for (int level = 0; n >> level; ++level) {
    if (!(n >> level & 1)) continue;
    parts.push_back({level, start});
    start += Index(1) << level;
  }
  return parts;
}

// How windows of so many rows of `samples` samples each are made. Returns the lines of the ring.
Index make_ladder(Index rows, double samples, FsLadder& ladder) {
  const std::vector<Part> parts = parts_of(rows);
  ladder.n_levels = parts.back().level;
  ladder.n_parts = std::ssize(parts);
  for (Index level = 0; level < ladder.n_levels; ++level) {
    ladder.kept[level] = Index(1) << level;
    ladder.merges[level] =
        merge_of(std::ldexp(samples, static_cast<int>(level)), std::ldexp(samples, static_cast<int>(level)));
  }
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto [level, start] = parts[p];
    const Index size = Index(1) << level, behind = rows - start - size;
    const double before = static_cast<double>(start) * samples, own = static_cast<double>(size) * samples;
    ladder.parts[p] = {level, behind, p ? merge_of(before, own) : FsMerge{}};
    if (level == ladder.n_levels) continue;
    ladder.kept[level] =
        std::max<Index>(ladder.kept[level], static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(behind + 1))));
  }
  Index lines = 0;
  for (Index level = 0; level < ladder.n_levels; ++level) {
    ladder.first[level] = lines;
    lines += ladder.kept[level];
  }
  return lines;
}

// Windows along the columns of some neighbouring rows, a band of them at a time.
template <class T>
class Columns {
 public:
  Columns(Index rows, Index width, double samples, const FsMoments& moments)
      : moments_(moments), strips_((width + moments.strip - 1) / moments.strip), step_(strips_ * moments.strip) {
    ring_lines_ = make_ladder(rows, samples, ladder_) * 2 * moments.strip;
    ring_.resize(static_cast<std::size_t>(strips_ * ring_lines_));
    for (auto& band : bands_) band.resize(static_cast<std::size_t>(kBand * step_ + kPad));
  }

  // Where the samples of the r-th row of the band go.
  Row<T> place(Index r) { return {bands_[0].data() + r * step_, bands_[1].data() + r * step_}; }

  // `n` rows are in their places, the first of them number `row`. The windows that end with the first `n_skipped` are
  // not complete.
  void pass(Index row, Index n, Index n_skipped, bool raw) {
    for (Index strip = 0; strip < strips_; ++strip) {
      const Index at = strip * moments_.strip;
      moments_.column(bands_[2].data() + at, bands_[3].data() + at, bands_[0].data() + at,
                      raw ? nullptr : bands_[1].data() + at, step_, row, n, n_skipped,
                      ring_.data() + strip * ring_lines_, &ladder_);
    }
  }

  // The window that ends with the r-th row.
  Row<T> window(Index r) { return {bands_[2].data() + r * step_, bands_[3].data() + r * step_}; }

 private:
  const FsMoments& moments_;
  Index strips_, step_, ring_lines_;
  FsLadder ladder_;
  std::vector<T> ring_, bands_[4];
};

// Windows along one row, all at once.
template <class T>
class Line {
 public:
  Line(Index columns, Index width, double samples, FsMergeFn merge)
      : columns_(columns),
        width_(width),
        samples_(samples),
        merge_(merge),
        each_((width + kPad) / kPad * kPad + kPad),
        memory_(static_cast<std::size_t>(8 * each_)) {}

  // From the moments of `width` places to those of the width − columns + 1 windows.
  Row<T> slide(Row<T> row) {
    Row<T> level = row, sum{};
    Index taken = 0, out = width_ - columns_ + 1;
    int next_level = 0, next_sum = 2;
    for (Index size = 1; size <= columns_; size *= 2) {
      if (columns_ & size) {
        if (taken == 0) {
          sum = level;
        } else {
          const Row<T> to = line(next_sum++ % 2 + 2);
          merge_at(out, sum, taken, shifted(level, taken), size, to);
          sum = to;
        }
        taken += size;
      }
      if (2 * size > columns_) break;
      // The sum may still read the level's own place: then it is moved out of the way.
      if (sum.sums && sum.sums == level.sums && level.sums != row.sums) {
        const Row<T> to = line(next_sum++ % 2 + 2);
        std::copy_n(sum.sums, out, to.sums);
        std::copy_n(sum.deviations, out, to.deviations);
        sum = to;
      }
      const Row<T> to = line(next_level++ % 2);
      merge_at(width_ - 2 * size + 1, level, size, shifted(level, size), size, to);
      level = to;
    }
    return sum;
  }

 private:
  void merge_at(Index n, Row<T> a, Index n_a, Row<T> b, Index n_b, Row<T> to) {
    const FsMerge how = merge_of(static_cast<double>(n_a) * samples_, static_cast<double>(n_b) * samples_);
    merge_(n, a.sums, a.deviations, b.sums, b.deviations, to.sums, to.deviations, &how);
  }

  static Row<T> shifted(Row<T> row, Index by) { return {row.sums + by, row.deviations + by}; }

  Row<T> line(int number) {
    T* start = memory_.data() + number * 2 * each_;
    return {start, start + each_};
  }

  Index columns_, width_;
  double samples_;
  FsMergeFn merge_;
  Index each_;
  std::vector<T> memory_;
};

// Rows first … last − 1 and columns left … right − 1 of the outputs of one plane, row by row to `take`.
template <class T, class Take>
void slide_over(const WindowShape& shape, const WindowSource& source, Index plane, Index first, Index last, Index left,
                Index right, const Take& take) {
  const FsMoments& moments = chosen_isa().moments[sizeof(T) == 8];
  const Index width = right - left + shape.columns - 1;
  const bool raw = !source.deviations;
  Columns<T> columns(shape.rows, width, source.samples, moments);
  Line<T> line(shape.columns, width, source.samples * static_cast<double>(shape.rows), moments.merge);
  const FsLoadFn load = chosen_isa().convert->load[sizeof(T) == 8 ? FS_F64 : FS_F32][source.type];
  const Index end = last + shape.rows - 1;
  for (Index row = first; row < end; row += kBand) {
    const Index n = std::min(kBand, end - row), skipped = std::clamp<Index>(first + shape.rows - 1 - row, 0, n);
    for (Index r = 0; r < n; ++r) {
      const Row<T> to = columns.place(r);
      load(to.sums, source.data + plane * source.strides[0] + (row + r) * source.strides[1] + left * source.strides[2],
           source.strides[2], width);
      if (!raw)
        std::copy_n(static_cast<const T*>(source.deviations) + (plane * shape.height + row + r) * shape.width + left,
                    width, to.deviations);
    }
    columns.pass(row, n, skipped, raw);
    for (Index r = skipped; r < n; ++r) take(row + r - shape.rows + 1, line.slide(columns.window(r)));
  }
}

// Every output once, in tasks of some rows and columns. take(task's plane, row, left, right, moments).
template <class T, class Take>
void slide_everywhere(const WindowShape& shape, const WindowSource& source, int threads, const Take& take) {
  const Index height = shape.out_height(), width = shape.out_width();
  const Index columns = std::max(kColumns, shape.columns), tiles = (width + columns - 1) / columns;
  const Index most = height / std::max(kRows, shape.rows);
  const Index wanted = (kTasks * threads + shape.planes * tiles - 1) / (shape.planes * tiles);
  const Index strips = std::clamp<Index>(wanted, 1, std::max<Index>(1, most));
  parallel_for(shape.planes * strips * tiles, threads, [&](Index task) {
    const Index plane = task / (strips * tiles), strip = task / tiles % strips, tile = task % tiles;
    const Index left = width * tile / tiles, right = width * (tile + 1) / tiles;
    slide_over<T>(shape, source, plane, height * strip / strips, height * (strip + 1) / strips, left, right,
                  [&](Index row, Row<T> found) { take(plane, row, left, right, found); });
  });
}

}  // namespace

void find_moments(const WindowShape& shape, const WindowSource& source, double* sums, double* deviations, int threads) {
  slide_everywhere<double>(shape, source, threads,
                           [&](Index plane, Index row, Index left, Index right, Row<double> found) {
                             const Index place = (plane * shape.out_height() + row) * shape.out_width() + left;
                             std::copy_n(found.sums, right - left, sums + place);
                             std::copy_n(found.deviations, right - left, deviations + place);
                           });
}

template <class T>
Index score_in(const WindowShape& shape, const WindowSource& source, T* correlations, FsScoreKind kind,
               const std::vector<FsScore>& templates, int threads) {
  const FsScoreFn score = chosen_isa().moments[sizeof(T) == 8].score[kind];
  const Index plane_size = shape.out_height() * shape.out_width();
  std::atomic<Index> doubtful = 0;
  slide_everywhere<T>(shape, source, threads, [&](Index plane, Index row, Index left, Index right, Row<T> moments) {
    Index found = 0;
    for (std::size_t t = 0; t < templates.size(); ++t) {
      const Index place = (static_cast<Index>(t) * shape.planes + plane) * plane_size + row * shape.out_width() + left;
      found += score(right - left, correlations + place, moments.sums, moments.deviations, &templates[t]);
    }
    if (found) doubtful += found;
  });
  return doubtful;
}

Index score_windows(const WindowShape& shape, const WindowSource& source, void* correlations, bool is_double,
                    FsScoreKind kind, const std::vector<FsScore>& templates, int threads) {
  if (is_double) return score_in(shape, source, static_cast<double*>(correlations), kind, templates, threads);
  return score_in(shape, source, static_cast<float*>(correlations), kind, templates, threads);
}

}  // namespace flipslide
