// Our own threads: a handful of workers that take numbered tasks, never more than there are processors for. Where the
// system has no more to give, the call runs on those that there are.
//
// Which thread takes which task never changes a result: a task owns its outputs. A worker
// waits about 50 microseconds for more before it sleeps. A second caller at the same time does
// its own work alone, and so does a call from inside a task. After a fork the child starts
// with an empty pool.
#pragma once

#include <cstdint>
#include <exception>

namespace flipslide {

using TaskFn = void (*)(const void* context, std::int64_t task);

void run_tasks(std::int64_t n_tasks, int n_threads, TaskFn run, const void* context);

template <class Body>
void parallel_for(std::int64_t n_tasks, int n_threads, const Body& body) {
  run_tasks(
      n_tasks, n_threads, [](const void* context, std::int64_t task) { (*static_cast<const Body*>(context))(task); },
      &body);
}

// What a call ends with that is asked to end: see Watch.
struct Interrupted : std::exception {
  const char* what() const noexcept override { return "interrupted"; }
};

// While it lives, this thread asks between tasks, about ten times a second, whether its call should end.
class Watch {
 public:
  using Ask = bool (*)(void* context);
  Watch(Ask ask, void* context);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // Throws Interrupted if this thread has a watch that says so. Costs a few nanoseconds.
  static void look();

 private:
  const Ask ask_;
  void* const context_;
  Watch* const before_;
  std::int64_t last_;
};

// Threads that a call may use when it does not say: this thread's own setting, else the
// process's.
int thread_limit();
void set_process_threads(int n);
// 0 takes the setting back. Returns the one before.
int set_own_threads(int n);

}  // namespace flipslide
