#include "extents.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../thread/pool.hpp"

namespace flipslide {

namespace {

// Blocks of an axis at most, and the least size of one along the last axis: looking at blocks costs little beside
// looking at samples.
constexpr Index kMostBlocks = 256, kMostInner = 4096, kLeastInner = 128;

Index block_of(Index n, bool is_inner) {
  const Index size =
      is_inner ? std::max(kLeastInner, (n + kMostInner - 1) / kMostInner) : (n + kMostBlocks - 1) / kMostBlocks;
  return std::max<Index>(1, size);
}

Index count_blocks(Index n, Index size) { return std::max<Index>(1, (n + size - 1) / size); }

// A row of numbers as floats, where they are, or as doubles.
class Reader {
 public:
  Reader(const Problem& p) : p_(p), load_(p.isa.convert->load[FS_F64][p.types.x]) {}

  void look(const std::byte* from, Index step, Index n, double& most, double& least) {
    if (p_.types.x == FS_T_F32 && step == 4)
      return p_.isa.exact->extent_floats(reinterpret_cast<const float*>(from), n, &most, &least);
    double some[256];
    for (Index i = 0; i < n; i += 256) {
      const Index count = std::min<Index>(256, n - i);
      load_(some, from + i * step, step, count);
      p_.isa.exact->extent_doubles(some, count, &most, &least);
    }
  }

 private:
  const Problem& p_;
  const FsLoadFn load_;
};

}  // namespace

Extents::Extents(const Convolution& c, const View& x, bool is_tiled, int threads)
    : c_(c), n_axes_(static_cast<int>(c.slides.size())) {
  Index total = c.n_batch * c.n_groups;
  for (int a = 0; a < n_axes_; ++a) {
    x_block_[a] = block_of(axis(a).x, a == n_axes_ - 1);
    n_x_[a] = count_blocks(axis(a).x, x_block_[a]);
    y_block_[a] = block_of(axis(a).y, a == n_axes_ - 1);
    n_y_[a] = count_blocks(axis(a).y, y_block_[a]);
    total *= n_x_[a];
  }
  largest_.assign(static_cast<std::size_t>(total), 0);
  look(x, threads);
  add_fill();
  for (const double most : largest_) most_ = std::max(most_, most);
  for (int a = 0; a < n_axes_; ++a) spread(a, is_tiled);
}

double Extents::most(Index batch, Index group, const Index* block) const {
  Index at = batch * c_.n_groups + group;
  for (int a = 0; a < n_axes_; ++a) at = at * n_y_[a] + block[a];
  return largest_[static_cast<std::size_t>(at)];
}

// A task is a block of the first axis, of an element of the batch and a group.
void Extents::look(const View& x, int threads) {
  const Index n_tasks = c_.n_batch * c_.n_groups * n_x_[0];
  Index inner = 1;
  for (int a = 1; a < n_axes_; ++a) inner *= n_x_[a];
  if (axis(0).x == 0) return;
  const Index at_once = std::max<Index>(1, n_tasks / 64);
  std::vector<double> least(static_cast<std::size_t>((n_tasks + at_once - 1) / at_once), HUGE_VAL);
  parallel_for(std::ssize(least), is_small(c_) ? 1 : threads, [&](Index chunk) {
    for (Index task = chunk * at_once; task < std::min(n_tasks, (chunk + 1) * at_once); ++task)
      look_at(x, task / n_x_[0], task % n_x_[0], largest_.data() + task * inner,
              least[static_cast<std::size_t>(chunk)]);
  });
  for (const double bit : least) least_ = std::min(least_, bit);
}

// Rows along the last axis, or of one axis alone a piece of it.
void Extents::look_at(const View& x, Index number, Index first_block, double* largest, double& least) const {
  const std::byte* base = x.data + locate(c_.batch_loops, &Loop::x_dim, number / c_.n_groups, x) +
                          locate(c_.group_loops, &Loop::x_dim, number % c_.n_groups, x);
  Reader reader(c_);
  const int last = n_axes_ - 1;
  Index low[kMaxAxes] = {}, high[kMaxAxes], at[kMaxAxes];
  for (int a = 0; a < n_axes_; ++a) high[a] = axis(a).x;
  low[0] = first_block * x_block_[0];
  high[0] = std::min(axis(0).x, low[0] + x_block_[0]);
  for (int a = 0; a < n_axes_; ++a)
    if (low[a] >= high[a]) return;
  const Index step = x.stride(axis(last).x_dim);
  for (Index in = 0; in < c_.n_in; ++in) {
    std::copy(low, low + n_axes_, at);
    for (int a = 0; a >= 0;) {
      const std::byte* row = base + locate(c_.in_loops, &Loop::x_dim, in, x);
      Index block = 0;
      for (a = 0; a < last; ++a) {
        row += at[a] * x.stride(axis(a).x_dim);
        if (a > 0) block = block * n_x_[a] + at[a] / x_block_[a];
      }
      if (last > 0) block *= n_x_[last];
      for (Index i = low[last]; i < high[last]; i += x_block_[last], ++block)
        for (Index part = 0; part < c_.parts; ++part)
          reader.look(row + i * step + part * kTypeBytes[c_.types.x], step, std::min(x_block_[last], high[last] - i),
                      largest[block], least);
      a = last;
      while (a-- > 0 && ++at[a] == high[a]) at[a] = low[a];
    }
  }
}

void Extents::add_fill() {
  const auto is_constant = [](const Slide& slide) { return slide.axis.boundary == Boundary::constant; };
  if (std::none_of(c_.slides.begin(), c_.slides.end(), is_constant)) return;
  double fill[2] = {0, 0}, most = 0;
  std::memcpy(fill, c_.fill.parts, sizeof fill);
  c_.isa.exact->extent_doubles(fill, c_.parts, &most, &least_);
  for (double& largest : largest_) largest = std::max(largest, most);
}

// The blocks of x that the outputs of a block read, and all of them where the boundary may send them anywhere. A tile
// of a transform reads no further than its own length to both sides.
void Extents::range_of(int a, Index block, bool is_tiled, Index& low, Index& high) const {
  const Axis& along = axis(a);
  const Index beside = is_tiled ? c_.tile[static_cast<std::size_t>(a)] : 0;
  const Index first = block * y_block_[a], end = std::min(along.y, first + y_block_[a]);
  const Index from = floor_div(along.start + along.stride * first, along.up) - beside;
  const Index to =
      floor_div(along.start + along.stride * (end - 1) + along.dilation * (along.w - 1), along.up) + beside;
  const bool is_inside = from >= 0 && to < along.x;
  const bool stays = along.boundary == Boundary::zero || along.boundary == Boundary::constant;
  low = is_inside || stays ? std::clamp<Index>(from, 0, along.x) / x_block_[a] : 0;
  high = is_inside || stays ? std::min(n_x_[a], std::clamp<Index>(to, -1, along.x - 1) / x_block_[a] + 1) : n_x_[a];
  if (is_inside || stays) high = to < 0 ? low : high;
}

// Blocks of x along an axis become blocks of outputs.
void Extents::spread(int a, bool is_tiled) {
  Index outer = c_.n_batch * c_.n_groups, inner = 1;
  for (int b = 0; b < a; ++b) outer *= n_y_[b];
  for (int b = a + 1; b < n_axes_; ++b) inner *= n_x_[b];
  std::vector<double> found(static_cast<std::size_t>(outer * n_y_[a] * inner), 0);
  for (Index o = 0; o < outer; ++o)
    for (Index block = 0; block < n_y_[a]; ++block) {
      Index low, high;
      range_of(a, block, is_tiled, low, high);
      double* to = found.data() + (o * n_y_[a] + block) * inner;
      for (Index from = low; from < high; ++from) {
        const double* some = largest_.data() + (o * n_x_[a] + from) * inner;
        for (Index i = 0; i < inner; ++i) to[i] = std::max(to[i], some[i]);
      }
    }
  largest_ = std::move(found);
}

}  // namespace flipslide
