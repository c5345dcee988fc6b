#include "storing.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "isa.hpp"
#include "thread/pool.hpp"

namespace flipslide {

namespace {

// Numbers at a time, on their way through the caches; and those of a task.
constexpr Index kBlock = 2048, kTask = 1 << 16;

class Storing {
 public:
  Storing(const View& from, bool is_double, const View& to, FsType type, FsRounding rounding, FsOverflow overflow)
      : from_(from),
        to_(to),
        bytes_(is_double ? 8 : 4),
        whole_(chosen_isa().convert->whole[is_double]),
        fit_(chosen_isa().convert->fit[type]),
        rounding_(rounding),
        overflow_(overflow) {}

  Index width() const { return from_.ndim ? from_.shape[from_.ndim - 1] : 1; }
  Index rows() const {
    Index n = 1;
    for (int d = 0; d + 1 < from_.ndim; ++d) n *= from_.shape[d];
    return n;
  }

  // Columns first … last - 1 of a row.
  std::optional<double> store(Index row, Index first, Index last) const {
    Index at[2] = {0, 0};
    for (int d = from_.ndim - 1; d-- > 0; row /= from_.shape[d]) {
      at[0] += row % from_.shape[d] * from_.strides[d];
      at[1] += row % from_.shape[d] * to_.strides[d];
    }
    const Index steps[2] = {from_.ndim ? from_.strides[from_.ndim - 1] : 0, from_.ndim ? to_.strides[to_.ndim - 1] : 0};
    double neighbours[kBlock], whole[kBlock];
    for (Index i = first; i < last; i += kBlock) {
      const Index n = std::min(kBlock, last - i);
      const std::byte* values = from_.data + at[0] + i * steps[0];
      if (steps[0] != bytes_) values = gather(values, steps[0], n, reinterpret_cast<std::byte*>(neighbours));
      whole_(whole, values, n, rounding_);
      const Index beyond = fit_(to_.data + at[1] + i * steps[1], steps[1], whole, n, overflow_);
      if (beyond >= 0) return whole[beyond];
    }
    return {};
  }

 private:
  const std::byte* gather(const std::byte* from, Index step, Index n, std::byte* to) const {
    for (Index i = 0; i < n; ++i) std::memcpy(to + i * bytes_, from + i * step, static_cast<std::size_t>(bytes_));
    return to;
  }

  const View &from_, &to_;
  const Index bytes_;
  const FsWholeFn whole_;
  const FsFitFn fit_;
  const FsRounding rounding_;
  const FsOverflow overflow_;
};

}  // namespace

std::optional<double> store_whole(const View& from, bool is_double, const View& to, FsType type, FsRounding rounding,
                                  FsOverflow overflow, int threads) {
  const Storing storing(from, is_double, to, type, rounding, overflow);
  const Index rows = storing.rows(), width = storing.width();
  if (rows == 0 || width == 0) return {};
  // A task has some rows, or a piece of one.
  const Index pieces = (width + kTask - 1) / kTask, each = std::max<Index>(1, kTask / width);
  const Index strips = (rows + each - 1) / each, n_tasks = strips * pieces;
  std::atomic<Index> first_beyond = n_tasks;
  const auto run = [&](Index task) -> std::optional<double> {
    const Index strip = task / pieces, piece = task % pieces;
    for (Index row = strip * each; row < std::min(rows, (strip + 1) * each); ++row)
      if (const auto beyond = storing.store(row, width * piece / pieces, width * (piece + 1) / pieces)) return beyond;
    return {};
  };
  parallel_for(n_tasks, threads, [&](Index task) {
    if (!run(task)) return;
    Index before = first_beyond;
    while (task < before && !first_beyond.compare_exchange_weak(before, task)) {
    }
  });
  return first_beyond < n_tasks ? run(first_beyond) : std::nullopt;
}

}  // namespace flipslide
