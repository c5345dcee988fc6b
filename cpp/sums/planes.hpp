// Tiles of layers whose groups have few channels, such as depthwise ones: every element of the batch and every group
// finds its samples, taps and outputs at the same places, so that a task decides once what is copied where.
#pragma once

#include "tiles.hpp"

namespace flipslide {

// Takes down what is to be copied for every element, in bytes from the first sample, window, output and result of one.
// What stands in the place of samples is written once and stays.
class ListCopies : public Do {
 public:
  ListCopies(const SumJob& job, const std::byte* x, const std::byte* y, const void* results)
      : Do(job), x_(x), y_(y), results_(static_cast<const std::byte*>(results)) {
    job.work.into_window.clear();
    job.work.out_of_results.clear();
  }

  void load(const std::byte* to, const std::byte* from, Index step, Index n) const {
    job_.work.into_window.push_back({to - job_.work.x.reserve<std::byte>(0), from - x_, step, n});
  }

  void load_part(std::byte*, const std::byte* to, Index to_step, const std::byte* from, Index from_step,
                 Index n) const {
    for (Index i = 0; i < n; ++i) load(to + i * to_step, from + i * from_step, 0, 1);
  }

  void store(const std::byte* to, Index step, const std::byte* from, Index n) const {
    job_.work.out_of_results.push_back({to - y_, from - results_, step, n});
  }

 private:
  const std::byte *x_, *y_, *results_;
};

class PlaneTask {
 public:
  PlaneTask(const SumJob& job, Index number) : job(job), s(job.s) {
    const Index n_tiles = s.n_tiles;
    find_tile(s, *s.pieces.data(), number % n_tiles, low, extent);
    first = number / n_tiles * s.elements_per_task;
    end = std::min(s.n_elements(), first + s.elements_per_task);
  }

  void run() {
    const TaskPlace one = place_of(first);
    TileShape shape = shape_packed(job, low, extent);
    const bool widens = widen_rows(shape);
    in_place = s.y_in_place && shape.rows_per_run == 1 && !widens;
    FsTile tile = tile_of(job, shape, one, low, extent, in_place);
    if (widens) tile.streams = 0;
    const ListCopies list(job, x_of(job, one), y_of(job, one), tile.y);
    tile.x = pack_x(job, list, shape, x_of(job, one), 0, job.c.n_in);
    if (!in_place) store_y(job, list, shape, one, tile, y_of(job, one), low, extent);
    tile.taps = job.work.taps.data();
    tile.n_taps = s.w_taps();
    for (Index e = first; e < end; ++e) sum(place_of(e), tile);
  }

 private:
  const SumJob& job;
  const Schedule& s;
  Index low[kMaxAxes], extent[kMaxAxes];
  Index first, end;  // elements
  bool in_place = false;

  // Rows that share what they load are whole vectors, whose last lanes are thrown away.
  bool widen_rows(TileShape& shape) const {
    const Index lanes = job.c.isa.butterflies[s.bytes == 8].lanes;
    if (!s.shares_rows || shape.rows_per_run > 1 || shape.length >= lanes) return false;
    shape.length = lanes;
    return true;
  }

  TaskPlace place_of(Index element) const {
    return {element / job.c.n_groups, element % job.c.n_groups, 0, job.c.n_out};
  }

  void sum(const TaskPlace& place, FsTile& tile) const {
    const Do sink(job);
    const std::byte* x = x_of(job, place);
    std::byte *y = y_of(job, place), *window = job.work.x.reserve<std::byte>(0);
    for (const Copy& copy : job.work.into_window)
      if (s.format.copies_x && copy.step == s.format.x_bytes)
        std::memcpy(window + copy.to, x + copy.from, static_cast<std::size_t>(copy.n * copy.step));
      else
        sink.load(window + copy.to, x + copy.from, copy.step, copy.n);
    const Index channel = place.group * job.c.n_out;
    tile.w = job.w.data + channel * s.w_taps() * s.part_bytes;
    if (job.bias) tile.bias = job.bias + channel * s.bytes;
    if (in_place) tile.y = y;
    sink.compute(tile, place, false, in_place);
    for (const Copy& copy : job.work.out_of_results)
      sink.store(y + copy.to, copy.step, static_cast<const std::byte*>(tile.y) + copy.from, copy.n);
  }
};

}  // namespace flipslide
