#include "replay.hpp"

#include <algorithm>
#include <cstring>

namespace flipslide {

namespace {

bool is_aligned(const View& view, Index bytes) { return reinterpret_cast<Index>(view.data) % bytes == 0; }

}  // namespace

// ------------------------------------------------------------------------------- noting

Replay::Replay(const Convolution& of, const Format& format, const View& x, const View& y)
    : x_strides_(x.strides, x.strides + x.ndim),
      y_strides_(y.strides, y.strides + y.ndim),
      format_(format),
      sum_bytes_(kComputeBytes[of.types.compute]),
      store_(of.types.saturate ? of.isa.convert->store_saturated[of.types.y]
                               : of.isa.convert->store[of.types.compute][of.types.y]),
      x_alignment_(format.copies_x ? format.x_bytes : 1),
      y_alignment_(format.copies_y ? format.y_bytes : 1),
      is_usable_(is_aligned(x, x_alignment_) && is_aligned(y, y_alignment_)) {}

void Replay::count_step() {
  if (++n_steps_ > kMostSteps) give_up();
}

void Replay::clear(Index to, Index bytes) {
  count_step();
  if (!is_usable_) return;
  next_.blanks.push_back({to, bytes, kZero});
  packed_bytes_ = std::max(packed_bytes_, to + bytes);
}

void Replay::fill(Index to, Index part) {
  count_step();
  if (!is_usable_) return;
  next_.blanks.push_back({to, format_.x_bytes, part});
  packed_bytes_ = std::max(packed_bytes_, to + format_.x_bytes);
}

void Replay::load(Index to, Index from, Index step, Index n) {
  count_step();
  if (!is_usable_) return;
  append(next_.loads, {to, from, n, 1, 0, 0, step});
  packed_bytes_ = std::max(packed_bytes_, to + n * format_.x_bytes);
}

void Replay::store(Index to, Index step, Index from, Index n) {
  count_step();
  if (!is_usable_) return;
  append(stages_.back().stores, {to, from, n, 1, 0, 0, step});
  result_bytes_ = std::max(result_bytes_, from + n * sum_bytes_);
}

void Replay::compute(const FsTile& tile, bool x_in_place, Index x, bool y_in_place, Index y, Index w, Index bias) {
  n_steps_ += static_cast<std::size_t>(tile.n_runs + tile.n_taps);
  count_step();
  if (!is_usable_) return;
  next_.tile = tile;
  next_.taps.assign(tile.taps, tile.taps + tile.n_taps);
  next_.runs.assign(tile.runs, tile.runs + tile.n_runs);
  next_.x_in_place = x_in_place;
  next_.y_in_place = y_in_place;
  next_.x = x;
  next_.y = y;
  next_.w = w;
  next_.bias = bias;
  if (!y_in_place) result_bytes_ = std::max(result_bytes_, tile.y_channel * tile.n_out * sum_bytes_);
  stages_.push_back(std::move(next_));
  next_ = Stage();
}

// Rows that follow each other at one distance are one step.
void Replay::append(std::vector<Rows>& rows, const Rows& row) {
  if (!rows.empty()) {
    Rows& last = rows.back();
    const Index to_pitch = row.to - (last.to + (last.n_rows - 1) * last.to_pitch);
    const Index from_pitch = row.from - (last.from + (last.n_rows - 1) * last.from_pitch);
    const bool is_next = last.n_rows == 1 || (to_pitch == last.to_pitch && from_pitch == last.from_pitch);
    if (is_next && row.n == last.n && row.step == last.step) {
      last.to_pitch = to_pitch;
      last.from_pitch = from_pitch;
      ++last.n_rows;
      return;
    }
  }
  rows.push_back(row);
}

// Neighbouring zeros are one piece; many pieces are one, from the first to the last, under what is loaded later.
void Replay::join(std::vector<Blank>& blanks) {
  constexpr std::size_t kMostPieces = 4;
  const auto fills =
      std::stable_partition(blanks.begin(), blanks.end(), [](const Blank& b) { return b.part == kZero; });
  std::vector<Blank> joined, rest(fills, blanks.end());
  blanks.erase(fills, blanks.end());
  std::sort(blanks.begin(), blanks.end(), [](const Blank& a, const Blank& b) { return a.to < b.to; });
  for (const Blank& blank : blanks)
    if (!joined.empty() && joined.back().to + joined.back().bytes == blank.to)
      joined.back().bytes += blank.bytes;
    else
      joined.push_back(blank);
  if (joined.size() > kMostPieces) {
    const Index first = joined.front().to, end = joined.back().to + joined.back().bytes;
    joined.assign(1, {first, end - first, kZero});
  }
  joined.insert(joined.end(), rest.begin(), rest.end());
  blanks = std::move(joined);
}

bool Replay::finish() {
  if (!is_usable_) stages_.clear();
  for (Stage& stage : stages_) {
    join(stage.blanks);
    stage.tile.taps = stage.taps.data();
    stage.tile.runs = stage.runs.data();
  }
  return is_usable_;
}

std::size_t Replay::n_bytes() const {
  std::size_t n = sizeof(Replay) + stages_.capacity() * sizeof(Stage);
  for (const Stage& stage : stages_)
    n += stage.blanks.capacity() * sizeof(Blank) + (stage.loads.capacity() + stage.stores.capacity()) * sizeof(Rows) +
         stage.taps.capacity() * sizeof(Index) + stage.runs.capacity() * sizeof(FsRun);
  return n;
}

// ---------------------------------------------------------------------------- following

bool Replay::lies_alike(const View& view, const std::vector<Index>& strides) {
  for (int d = 0; d < view.ndim; ++d)
    if (view.strides[d] != strides[static_cast<std::size_t>(d)] && view.shape[d] > 1) return false;
  return true;
}

bool Replay::fits(const View& x, const View& y) const {
  return is_aligned(x, x_alignment_) && is_aligned(y, y_alignment_) && lies_alike(x, x_strides_) &&
         lies_alike(y, y_strides_);
}

void Replay::follow(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                    Scratch& packed, Scratch& results) const {
  std::byte* const window = packed.reserve<std::byte>(packed_bytes_ + 64);
  std::byte* const computed = results.reserve<std::byte>(result_bytes_);
  for (const Stage& stage : stages_) {
    for (const Blank& blank : stage.blanks)
      if (blank.part == kZero)
        std::memset(window + blank.to, 0, static_cast<std::size_t>(blank.bytes));
      else
        std::memcpy(window + blank.to, c.fill.parts[blank.part], static_cast<std::size_t>(blank.bytes));
    for (const Rows& rows : stage.loads) {
      std::byte* to = window + rows.to;
      const std::byte* from = x.data + rows.from;
      const bool is_copy = format_.copies_x && rows.step == format_.x_bytes;
      for (Index row = 0; row < rows.n_rows; ++row, to += rows.to_pitch, from += rows.from_pitch)
        if (is_copy)
          std::memcpy(to, from, static_cast<std::size_t>(rows.n * format_.x_bytes));
        else
          format_.load(to, from, rows.step, rows.n);
    }
    FsTile tile = stage.tile;
    tile.x = (stage.x_in_place ? x.data : window) + stage.x;
    tile.y = (stage.y_in_place ? y.data : computed) + stage.y;
    tile.w = w.data + stage.w;
    tile.bias = bias ? static_cast<const std::byte*>(bias) + stage.bias : nullptr;
    format_.run[stage.y_in_place](&tile);
    for (const Rows& rows : stage.stores) {
      std::byte* to = y.data + rows.to;
      const std::byte* from = computed + rows.from;
      for (Index row = 0; row < rows.n_rows; ++row, to += rows.to_pitch, from += rows.from_pitch)
        store_(to, rows.step, from, rows.n);
    }
  }
}

}  // namespace flipslide
