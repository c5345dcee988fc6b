#include "blocks.hpp"

#include <cstring>

namespace flipslide {

namespace {

// 16 turns of 512 channels by 9 taps are 290 KB: what is near. A single level is a row of taps.
constexpr Index kTurns = 16, kTurnsOfRow = 1024;

template <class T>
T read(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
void write(T* to, T value) {
  std::memcpy(to, &value, sizeof value);
}

// Squares of 16 bytes by as many rows. The compiler makes shuffles of registers of them.
template <class T>
struct Square {
  static constexpr int n = 16 / static_cast<int>(sizeof(T));
  typedef T Row __attribute__((vector_size(16)));
  Row rows[n];

  void turn() {
    if constexpr (n == 4) {
      const Row a = __builtin_shufflevector(rows[0], rows[2], 0, 4, 1, 5);
      const Row b = __builtin_shufflevector(rows[0], rows[2], 2, 6, 3, 7);
      const Row c = __builtin_shufflevector(rows[1], rows[3], 0, 4, 1, 5);
      const Row d = __builtin_shufflevector(rows[1], rows[3], 2, 6, 3, 7);
      rows[0] = __builtin_shufflevector(a, c, 0, 4, 1, 5);
      rows[1] = __builtin_shufflevector(a, c, 2, 6, 3, 7);
      rows[2] = __builtin_shufflevector(b, d, 0, 4, 1, 5);
      rows[3] = __builtin_shufflevector(b, d, 2, 6, 3, 7);
    } else {
      const Row a = __builtin_shufflevector(rows[0], rows[1], 0, 2);
      rows[1] = __builtin_shufflevector(rows[0], rows[1], 1, 3);
      rows[0] = a;
    }
  }
};

// A row of n taps of each channel, `step` bytes apart, to places that are `to_step` taps apart.
template <int block, class T>
struct BlockRow {
  const std::byte* const* from;
  Index offset;  // of its first tap
  Index n, step;
  T* to;
  Index to_step;

  void put_single(Index i) const {
    for (int r = 0; r < block; ++r) write(to + i * to_step * block + r, read<T>(from[r] + offset + i * step));
  }

  // Channels are neighbours in w.
  void put_together() const {
    const std::byte* at = from[0] + offset;
    T* taps = to;
    for (Index i = 0; i < n; ++i, at += step, taps += to_step * block) std::memcpy(taps, at, block * sizeof(T));
  }

  // Taps are; a last square begins among those of the one before.
  void put_squares() const {
    constexpr Index width = Square<T>::n;
    for (Index done = 0; done < n; done += width) {
      const Index i = std::min(done, n - width);
      for (int first = 0; first < block; first += static_cast<int>(width)) {
        Square<T> square;
        for (int r = 0; r < width; ++r)
          std::memcpy(&square.rows[r], from[first + r] + offset + i * step, sizeof square.rows[r]);
        square.turn();
        for (int q = 0; q < width; ++q)
          std::memcpy(to + (i + q) * to_step * block + first, &square.rows[q], sizeof square.rows[q]);
      }
    }
  }

  void put(bool is_together) const {
    constexpr Index width = Square<T>::n;
    if (is_together) return put_together();
    if (block == 1 && step == sizeof(T) && to_step == 1) {
      std::memcpy(to, from[0] + offset, static_cast<std::size_t>(n) * sizeof(T));
      return;
    }
    if constexpr (block >= width)
      if (step == sizeof(T) && n >= width) return put_squares();
    for (Index i = 0; i < n; ++i) put_single(i);
  }
};

}  // namespace

TapOrder::TapOrder(const Problem& p, const View& w) {
  Index to = 1;
  for (std::size_t a = p.slides.size(); a-- > 0;) {
    const Slide& slide = p.slides[a];
    add(slide.axis.w, w.stride(slide.axis.w_dim) * (slide.w_reversed ? -1 : 1), to);
    to *= slide.axis.w;
  }
  for (std::size_t i = p.in_loops.size(); i-- > 0;) {
    add(p.in_loops[i].size, w.stride(p.in_loops[i].w_dim), to);
    to *= p.in_loops[i].size;
  }
  if (levels_.empty()) levels_.push_back({to, 0, 1});
  n_taps_ = to;
  join();
  choose_turns();
  put_neighbours_last(kTypeBytes[p.types.w]);
}

// The next outer level. Steps back through w become steps back through the taps.
void TapOrder::add(Index n, Index from, Index to) {
  if (n == 1) return;
  if (from < 0) {
    first_from_ += (n - 1) * from;
    first_to_ += (n - 1) * to;
    from = -from;
    to = -to;
  }
  levels_.insert(levels_.begin(), {n, from, to});
}

void TapOrder::join() {
  for (std::size_t i = levels_.size() - 1; i-- > 0;) {
    Level& inner = levels_[i + 1];
    if (levels_[i].from != inner.n * inner.from || levels_[i].to != inner.n * inner.to) continue;
    inner.n *= levels_[i].n;
    levels_.erase(levels_.begin() + static_cast<Index>(i));
  }
}

void TapOrder::choose_turns() { at_once_ = levels_.size() > 1 ? kTurns : kTurnsOfRow; }

void TapOrder::put_neighbours_last(Index bytes) {
  const auto found =
      std::find_if(levels_.begin(), levels_.end(), [&](const Level& level) { return level.from == bytes; });
  if (found == levels_.end() || found + 1 == levels_.end()) return;
  std::rotate(found, found + 1, levels_.end());
  // What some turns leave are no neighbours any more.
  at_once_ = n_turns();
}

Index TapOrder::first_tap(Index first_turn, Index end_turn) const {
  const Index step = levels_.front().to, each = n_taps(1);
  return step < 0 ? n_taps_ - end_turn * each : first_turn * each;
}

template <int block, class T>
void TapOrder::copy_block(const std::byte* const* from, T* to, Index first_turn, Index end_turn) const {
  bool is_together = block > 1;
  for (int r = 1; r < block; ++r) is_together = is_together && from[r] == from[0] + r * static_cast<Index>(sizeof(T));
  const auto walk = [&](const auto& self, std::size_t depth, Index at, Index tap, Index first, Index end) -> void {
    const Level& level = levels_[depth];
    at += first * level.from;
    tap += first * level.to;
    if (depth + 1 == levels_.size())
      return BlockRow<block, T>{from, at, end - first, level.from, to + tap * block, level.to}.put(is_together);
    for (Index i = first; i < end; ++i, at += level.from, tap += level.to)
      self(self, depth + 1, at, tap, 0, levels_[depth + 1].n);
  };
  walk(walk, 0, first_from_, first_to_, first_turn, end_turn);
}

template <class T>
void TapOrder::copy(const std::byte* const* from, int block, T* to, Index first_turn, Index end_turn) const {
  switch (block) {
    case 1: return copy_block<1>(from, to, first_turn, end_turn);
    case 2: return copy_block<2>(from, to, first_turn, end_turn);
    case 4: return copy_block<4>(from, to, first_turn, end_turn);
    default: return copy_block<8>(from, to, first_turn, end_turn);
  }
}

template void TapOrder::copy(const std::byte* const*, int, std::uint32_t*, Index, Index) const;
template void TapOrder::copy(const std::byte* const*, int, std::uint64_t*, Index, Index) const;

}  // namespace flipslide
