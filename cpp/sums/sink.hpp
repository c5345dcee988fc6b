// Whatever a tile does to memory it does through a sink. `Do` does it; `DoAndNote` also notes it, so that a small call
// can be replayed. A sum that writes otherwise takes no sink and cannot be noted: see `note` in sums.cpp.
#pragma once

#include "job.hpp"
#include "replay.hpp"

namespace flipslide {

// Numbers of 1, 2, 4 or 8 bytes.
inline void move_parts(std::byte* to, Index to_step, const std::byte* from, Index from_step, Index n, Index bytes) {
  const auto move = [&]<class T>(T) {
    for (Index i = 0; i < n; ++i) std::memcpy(to + i * to_step, from + i * from_step, sizeof(T));
  };
  switch (bytes) {
    case 1: return move(std::int8_t{});
    case 2: return move(std::int16_t{});
    case 4: return move(std::int32_t{});
    default: return move(std::int64_t{});
  }
}

class Do {
 public:
  explicit Do(const SumJob& job) : job_(job) {}

  // ---- packed x

  void clear(std::byte* at, Index n_bytes) const { std::memset(at, 0, static_cast<std::size_t>(n_bytes)); }

  void fill(std::byte* at, Index part) const {
    std::memcpy(at, job_.c.fill.parts[part], static_cast<std::size_t>(job_.s.format.x_bytes));
  }

  // Numbers, `step` bytes apart in x, become neighbours.
  void load(std::byte* to, const std::byte* from, Index step, Index n) const { job_.s.format.load(to, from, step, n); }

  // One part of each number; `apart` has room for n.
  void load_part(std::byte* apart, std::byte* to, Index to_step, const std::byte* from, Index from_step,
                 Index n) const {
    const Index part = job_.s.format.x_bytes;
    load(apart, from, from_step, n);
    move_parts(to, to_step, apart, part, n, part);
  }

  // ---- sums

  void compute(const FsTile& tile, const TaskPlace&, bool, bool y_in_place) const {
    job_.s.format.run[y_in_place](&tile);
  }

  // ---- y, from scratch memory

  void store(std::byte* to, Index step, const std::byte* from, Index n) const {
    const FsConvert& convert = *job_.c.isa.convert;
    const Types& types = job_.c.types;
    (types.saturate ? convert.store_saturated[types.y] : convert.store[types.compute][types.y])(to, step, from, n);
  }

  void store_part(std::byte* apart, std::byte* to, Index to_step, const std::byte* from, Index n) const {
    move_parts(apart, job_.s.part_bytes, from, job_.s.bytes, n, job_.s.part_bytes);
    store(to, to_step, apart, n);
  }

 protected:
  const SumJob& job_;
};

class DoAndNote : public Do {
 public:
  DoAndNote(const SumJob& job, Replay& replay) : Do(job), replay_(replay) {}

  void clear(std::byte* at, Index n_bytes) const {
    Do::clear(at, n_bytes);
    replay_.clear(in_window(at), n_bytes);
  }

  void fill(std::byte* at, Index part) const {
    Do::fill(at, part);
    replay_.fill(in_window(at), part);
  }

  void load(std::byte* to, const std::byte* from, Index step, Index n) const {
    Do::load(to, from, step, n);
    replay_.load(in_window(to), from - job_.x.data, step, n);
  }

  void load_part(std::byte* apart, std::byte* to, Index to_step, const std::byte* from, Index from_step,
                 Index n) const {
    Do::load_part(apart, to, to_step, from, from_step, n);
    for (Index i = 0; i < n; ++i)
      replay_.load(in_window(to + i * to_step), from + i * from_step - job_.x.data, kTypeBytes[job_.c.types.x], 1);
  }

  void compute(const FsTile& tile, const TaskPlace& place, bool x_in_place, bool y_in_place) const {
    Do::compute(tile, place, x_in_place, y_in_place);
    const auto *x = static_cast<const std::byte*>(tile.x), *w = static_cast<const std::byte*>(tile.w);
    replay_.compute(tile, x_in_place, x_in_place ? x - job_.x.data : 0, y_in_place,
                    y_in_place ? static_cast<std::byte*>(tile.y) - job_.y.data : 0, w - job_.w.data,
                    (place.group * job_.c.n_out + place.first_channel) * job_.s.bytes);
  }

  void store(std::byte* to, Index step, const std::byte* from, Index n) const {
    Do::store(to, step, from, n);
    replay_.store(to - job_.y.data, step, in_results(from), n);
  }

  void store_part(std::byte* apart, std::byte* to, Index to_step, const std::byte* from, Index n) const {
    Do::store_part(apart, to, to_step, from, n);
    for (Index i = 0; i < n; ++i)
      replay_.store(to + i * to_step - job_.y.data, kTypeBytes[job_.c.types.y], in_results(from + i * job_.s.bytes), 1);
  }

 private:
  Replay& replay_;

  Index in_window(const std::byte* at) const { return at - job_.work.x.reserve<std::byte>(0); }
  Index in_results(const std::byte* at) const { return at - job_.work.y.reserve<std::byte>(0); }
};

}  // namespace flipslide
