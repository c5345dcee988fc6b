#include "usual.hpp"

#include <cstdlib>
#include <cstring>

#include "../thread/pool.hpp"

namespace flipslide {

namespace {

// Items that are copied side by side where rows become columns: their lines stay in the first-level cache.
constexpr Index kSideBySide = 16;
// Bytes of a task.
constexpr Index kTaskBytes = 64 << 10;

template <class T>
void copy_each(std::byte* to, Index to_step, const std::byte* from, Index from_step, Index n) {
  for (Index i = 0; i < n; ++i) std::memcpy(to + i * to_step, from + i * from_step, sizeof(T));
}

struct Pair {
  std::int64_t parts[2];
};

void copy_run(std::byte* to, Index to_step, const std::byte* from, Index from_step, Index n, Index bytes) {
  if (to_step == bytes && from_step == bytes)
    return static_cast<void>(std::memcpy(to, from, static_cast<std::size_t>(n * bytes)));
  switch (bytes) {
    case 1: return copy_each<std::int8_t>(to, to_step, from, from_step, n);
    case 2: return copy_each<std::int16_t>(to, to_step, from, from_step, n);
    case 4: return copy_each<std::int32_t>(to, to_step, from, from_step, n);
    case 8: return copy_each<std::int64_t>(to, to_step, from, from_step, n);
    default: return copy_each<Pair>(to, to_step, from, from_step, n);
  }
}

struct Dim {
  Index n, from, to;  // its places, and the bytes between them
};

// The dims of two arrays of one shape that have more than one place, those that lie nearest in `to` last; then the one
// that lies nearest in `from`, if it is another, is the last but one.
std::vector<Dim> dims_of(const View& from, const View& to) {
  std::vector<Dim> dims;
  for (int d = 0; d < to.ndim; ++d)
    if (to.shape[d] > 1) dims.push_back({to.shape[d], from.strides[d], to.strides[d]});
  std::stable_sort(dims.begin(), dims.end(),
                   [](const Dim& a, const Dim& b) { return std::abs(a.to) > std::abs(b.to); });
  if (dims.empty()) dims.push_back({1, 0, 0});
  const auto nearest = std::min_element(dims.begin(), dims.end(),
                                        [](const Dim& a, const Dim& b) { return std::abs(a.from) < std::abs(b.from); });
  if (nearest + 1 < dims.end()) std::rotate(nearest, nearest + 1, dims.end() - 1);
  return dims;
}

Index n_items(const View& view) {
  Index n = 1;
  for (int d = 0; d < view.ndim; ++d) n *= view.shape[d];
  return n;
}

}  // namespace

Lying::Lying(const View& view, Index item_bytes)
    : usual_strides(static_cast<std::size_t>(view.ndim)), own_strides(view.strides, view.strides + view.ndim) {
  const bool is_empty = n_items(view) == 0;
  Index step = item_bytes;
  for (auto d = static_cast<std::size_t>(view.ndim); d-- > 0; step *= view.shape[d]) {
    usual_strides[d] = step;
    if (is_empty || view.shape[d] == 1) own_strides[d] = step;
  }
  usual = {nullptr, view.ndim, view.shape, usual_strides.data()};
  own = {view.data, view.ndim, view.shape, own_strides.data()};
}

bool lies_usually(const View& view, Index item_bytes, Index part_bytes) {
  if (reinterpret_cast<Index>(view.data) % part_bytes != 0) return false;
  Index step = item_bytes;
  for (int d = view.ndim; d-- > 0; step *= view.shape[d])
    if (view.strides[d] != step) return false;
  return true;
}

void copy_items(const View& from, const View& to, Index item_bytes, int threads) {
  if (n_items(to) == 0) return;
  std::vector<Dim> dims = dims_of(from, to);
  const Dim last = dims.back();
  dims.pop_back();
  // Places of the last dim are copied for all of the last but one, some at a time.
  const Dim beside = dims.empty() ? Dim{1, 0, 0} : dims.back();
  if (!dims.empty()) dims.pop_back();
  const bool turns = std::abs(beside.from) < std::abs(last.from);
  const Index width = turns ? std::min(kSideBySide, last.n) : last.n, n_widths = ceil_div(last.n, width);
  const Index rows = std::clamp<Index>(kTaskBytes / (width * item_bytes), 1, beside.n),
              n_rows = ceil_div(beside.n, rows);
  Index n_tasks = n_rows * n_widths;
  for (const Dim& dim : dims) n_tasks *= dim.n;
  parallel_for(n_tasks, n_tasks > 4 ? threads : 1, [&](Index task) {
    const Index column = task % n_widths * width, row = task / n_widths % n_rows * rows;
    const Index n = std::min(width, last.n - column), end = std::min(beside.n, row + rows);
    const std::byte* source = from.data + column * last.from;
    std::byte* target = to.data + column * last.to;
    task /= n_widths * n_rows;
    for (auto dim = dims.rbegin(); dim != dims.rend(); task /= dim++->n) {
      source += task % dim->n * dim->from;
      target += task % dim->n * dim->to;
    }
    for (Index i = row; i < end; ++i)
      copy_run(target + i * beside.to, last.to, source + i * beside.from, last.from, n, item_bytes);
  });
}

Stand::Stand(const View& of, Index item_bytes) : lying_(of, item_bytes) {
  lying_.usual.data = static_cast<std::byte*>(memory_.reserve_bytes(n_items(of) * item_bytes));
}

}  // namespace flipslide
