#include "moments.hpp"

#include <algorithm>
#include <atomic>

#include "isa.hpp"
#include "thread/pool.hpp"

namespace flipslide {

namespace {

// Columns at a time, so that the rows of all levels stay in the second cache: 64 rows of 512 take half a megabyte.
constexpr Index kColumns = 512;

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

// Windows along the rows of a plane, as rows come: level l holds the last windows of 2^l rows, by their first row.
template <class T>
class Column {
 public:
  Column(Index rows, Index width, double samples, FsMergeFn merge)
      : rows_(rows), width_(width), samples_(samples), merge_(merge), parts_(parts_of(rows)) {
    const int levels = parts_.back().level + 1;
    Index total = 0;
    for (int level = 0; level < levels; ++level) {
      Index reach = level + 1 < levels ? Index(1) << level : 0;
      for (const Part& part : parts_)
        if (part.level == level) reach = std::max(reach, rows - (Index(1) << level) - part.start);
      kept_.push_back(reach + 1);
      first_.push_back(total);
      total += reach + 1;
    }
    memory_.resize(static_cast<std::size_t>((total + 2) * 2 * width));
    scratch_[0] = total;
    scratch_[1] = total + 1;
  }

  // Where the row with this number goes before `add`.
  Row<T> place(Index row) { return at(0, row); }

  // Row<T> `row` is in its place; the windows that end with it are made. `raw`: it has no deviations yet.
  void add(Index row, bool raw) {
    for (int level = 1; level < static_cast<int>(kept_.size()); ++level) {
      const Index half = Index(1) << (level - 1), first = row - 2 * half + 1;
      if (first < first_row_) return;
      combine(level - 1, at(level - 1, first), raw, level - 1, at(level - 1, first + half), raw, at(level, first),
              static_cast<double>(half), static_cast<double>(half));
    }
  }

  void begin(Index row) { first_row_ = row; }

  // The window of all rows whose first is `row`. Null deviations: a single row of raw samples.
  Row<T> window(Index row, bool raw) {
    Row<T> sum = at(parts_[0].level, row + parts_[0].start);
    Index samples = Index(1) << parts_[0].level;
    bool single = raw && parts_[0].level == 0;
    for (std::size_t p = 1; p < parts_.size(); ++p) {
      const Index more = Index(1) << parts_[p].level;
      const Row<T> next = at(parts_[p].level, row + parts_[p].start), to = line(scratch_[p % 2]);
      const FsMerge how = merge_of(static_cast<double>(samples) * samples_, static_cast<double>(more) * samples_);
      merge_(width_, sum.sums, single ? nullptr : sum.deviations, next.sums, next.deviations, to.sums, to.deviations,
             &how);
      sum = to;
      samples += more;
      single = false;
    }
    return single ? Row<T>{sum.sums, nullptr} : sum;
  }

 private:
  void combine(int level_a, Row<T> a, bool raw_a, int level_b, Row<T> b, bool raw_b, Row<T> to, double n_a,
               double n_b) {
    const FsMerge how = merge_of(n_a * samples_, n_b * samples_);
    merge_(width_, a.sums, raw_a && level_a == 0 ? nullptr : a.deviations, b.sums,
           raw_b && level_b == 0 ? nullptr : b.deviations, to.sums, to.deviations, &how);
  }

  Row<T> at(int level, Index row) {
    return line(first_[static_cast<std::size_t>(level)] + row % kept_[static_cast<std::size_t>(level)]);
  }
  Row<T> line(Index number) {
    T* start = memory_.data() + number * 2 * width_;
    return {start, start + width_};
  }

  Index rows_, width_;
  double samples_;
  FsMergeFn merge_;
  std::vector<Part> parts_;
  std::vector<Index> kept_, first_;
  std::vector<T> memory_;
  Index scratch_[2];
  Index first_row_ = 0;
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
        memory_(static_cast<std::size_t>(8 * width)) {}

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
    if (sum.deviations) return sum;
    Row<T> zero = line(3);
    std::fill_n(zero.deviations, out, T(0));
    return {sum.sums, zero.deviations};
  }

 private:
  void merge_at(Index n, Row<T> a, Index n_a, Row<T> b, Index n_b, Row<T> to) {
    const FsMerge how = merge_of(static_cast<double>(n_a) * samples_, static_cast<double>(n_b) * samples_);
    merge_(n, a.sums, a.deviations, b.sums, b.deviations, to.sums, to.deviations, &how);
  }

  static Row<T> shifted(Row<T> row, Index by) {
    return {row.sums + by, row.deviations ? row.deviations + by : nullptr};
  }

  Row<T> line(int number) {
    T* start = memory_.data() + number * 2 * width_;
    return {start, start + width_};
  }

  Index columns_, width_;
  double samples_;
  FsMergeFn merge_;
  std::vector<T> memory_;
};

// Rows first … last − 1 and columns left … right − 1 of the outputs of one plane, row by row to `take`.
template <class T, class Take>
void slide_over(const WindowShape& shape, const WindowSource& source, Index plane, Index first, Index last, Index left,
                Index right, const Take& take) {
  const FsMoments& moments = chosen_isa().moments[sizeof(T) == 8];
  const Index width = right - left + shape.columns - 1;
  const bool raw = !source.deviations;
  Column<T> column(shape.rows, width, source.samples, moments.merge);
  Line<T> line(shape.columns, width, source.samples * static_cast<double>(shape.rows), moments.merge);
  column.begin(first);
  const FsLoadFn load = chosen_isa().convert->load[sizeof(T) == 8 ? FS_F64 : FS_F32][source.type];
  for (Index row = first; row < last + shape.rows - 1; ++row) {
    const Row<T> to = column.place(row);
    load(to.sums, source.data + plane * source.strides[0] + row * source.strides[1] + left * source.strides[2],
         source.strides[2], width);
    if (!raw)
      std::copy_n(static_cast<const T*>(source.deviations) + (plane * shape.height + row) * shape.width + left, width,
                  to.deviations);
    column.add(row, raw);
    const Index top = row - shape.rows + 1;
    if (top >= first) take(top, line.slide(column.window(top, raw)));
  }
}

// Every output once, in tasks of some rows and columns. take(task's plane, row, left, right, moments).
template <class T, class Take>
void slide_everywhere(const WindowShape& shape, const WindowSource& source, int threads, const Take& take) {
  const Index height = shape.out_height(), width = shape.out_width();
  const Index tiles = (width + kColumns - 1) / kColumns, most = height / std::max(kRows, shape.rows);
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
