#include "sums.hpp"

#include <memory>

#include "../thread/pool.hpp"
#include "planes.hpp"
#include "usual.hpp"

namespace flipslide {

namespace {

thread_local Workspace workspace;

Schedule schedule_of(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                     const Region* region = nullptr) {
  return make_schedule(c, c.microkernel, c.replays != nullptr, x, y, TapsFacts::of(w), bias != nullptr, region);
}

// Does the call, and notes its steps.
void note(const SumJob& job, Replay& replay) {
  if (job.s.taps.go_axis_by_axis || job.s.conjugates_x()) replay.give_up();
  const DoAndNote sink(job, replay);
  for (Index task = 0; task < job.s.n_tasks(); ++task) run_task(job, sink, task);
}

bool takes_both(const Schedule& s) { return s.takes_x && s.takes_y; }

// On one thread, and from the second time on by heart.
void run_small(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y) {
  ReplayBook& book = *c.replays;
  const Replay* known = book.find(x, y);
  if (known && known->is_usable()) return known->follow(c, x, w, bias, y, workspace.x, workspace.y);
  const Schedule schedule = schedule_of(c, x, w, bias, y);
  if (!takes_both(schedule))
    return with_usual(c, x, schedule.takes_x, y, schedule.takes_y, 1,
                      [&](const View& own_x, const View& own_y) { run_small(c, own_x, w, bias, own_y); });
  const SumJob job{schedule, c, x, w, static_cast<const std::byte*>(bias), y, workspace};
  if (!known && !book.is_full()) {
    auto made = std::make_unique<Replay>(c, schedule.format, x, y);
    if (made->is_usable()) {
      note(job, *made);
      made->finish();
      return book.add(std::move(made));
    }
  }
  for (Index task = 0; task < schedule.n_tasks(); ++task) run_task(job, Do(job), task);
}

}  // namespace

std::shared_ptr<ReplayBook> open_replays(const Problem& problem) {
  return is_replayed(problem) ? std::make_shared<ReplayBook>() : nullptr;
}

void run_sums(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y, int threads,
              std::uint64_t reach) {
  if (c.replays && w.factors.empty()) {
    parallel_for(1, 1, [&](Index) { run_small(c, x, w, bias, y); });
    return settle_all(c, x, w, bias, y, 1, false);
  }
  const Schedule schedule = schedule_of(c, x, w, bias, y);
  if (!takes_both(schedule))
    return with_usual(c, x, schedule.takes_x, y, schedule.takes_y, threads, [&](const View& own_x, const View& own_y) {
      run_sums(c, own_x, w, bias, own_y, threads, reach);
    });
  parallel_for(schedule.n_tasks(), is_small(c) ? 1 : threads, [&](Index task) {
    const SumJob job{schedule, c, x, w, static_cast<const std::byte*>(bias), y, workspace};
    if (schedule.elements_per_task > 0) {
      PlaneTask(job, task).run();
    } else {
      run_task(job, Do(job), task);
      settle_task(job, task);
    }
    workspace.trim();
  });
  if (schedule.elements_per_task > 0) settle_all(c, x, w, bias, y, threads, false);
}

void run_region(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                const Region& region) {
  const Schedule schedule = schedule_of(c, x, w, bias, y, &region);
  const SumJob job{schedule, c, x, w, static_cast<const std::byte*>(bias), y, workspace};
  const Index end = region.out + region.n_out;
  for (Index tile = 0; tile < schedule.n_tiles; ++tile) {
    Watch::look();
    for (Index first = region.out; first < end; first += schedule.channel_block)
      run_tile(job, Do(job), {region.batch, region.group, first, std::min(end, first + schedule.channel_block)}, tile);
  }
}

}  // namespace flipslide
