// Our own threads: a handful of workers that take numbered tasks.
//
// Which thread takes which task never changes a result: a task owns its outputs. A worker
// waits about 50 microseconds for more before it sleeps. A second caller at the same time does
// its own work alone, and so does a call from inside a task. After a fork the child starts
// with an empty pool.
#pragma once

#include <cstdint>

namespace flipslide {

using TaskFn = void (*)(const void* context, std::int64_t task);

void run_tasks(std::int64_t n_tasks, int n_threads, TaskFn run, const void* context);

template <class Body>
void parallel_for(std::int64_t n_tasks, int n_threads, const Body& body) {
  run_tasks(
      n_tasks, n_threads, [](const void* context, std::int64_t task) { (*static_cast<const Body*>(context))(task); },
      &body);
}

// Threads that a call may use when it does not say: this thread's own setting, else the
// process's.
int thread_limit();
void set_process_threads(int n);
// 0 takes the setting back. Returns the one before.
int set_own_threads(int n);

}  // namespace flipslide
