#include "pool.hpp"

#include <pthread.h>
#if defined(__linux__)
#include <sched.h>
#endif
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace flipslide {

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kSpin = std::chrono::microseconds(50);

std::atomic<int> process_threads{1};
thread_local int own_threads = 0;
thread_local bool inside_task = false;

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Milliseconds, from a clock that is read in a few nanoseconds where there is one.
std::int64_t coarse_time() {
#if defined(CLOCK_MONOTONIC_COARSE)
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * std::int64_t(1000) + now.tv_nsec / 1'000'000;
#else
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
#endif
}

// That this process may run on.
int count_processors() {
#if defined(__linux__)
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) == 0) return CPU_COUNT(&usable);
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

thread_local Watch* watch = nullptr;

// One call's tasks. Threads take the next number until none is left.
struct Job {
  std::int64_t n_tasks;
  TaskFn run;
  const void* context;
  std::atomic<std::int64_t> next{0};
  std::mutex failure_lock{};
  std::exception_ptr failure{};

  void work() {
    inside_task = true;
    for (std::int64_t task; (task = next.fetch_add(1)) < n_tasks;) {
      try {
        Watch::look();
        run(context, task);
      } catch (...) {
        const std::lock_guard<std::mutex> hold(failure_lock);
        failure = std::current_exception();
        next = n_tasks;
      }
    }
    inside_task = false;
  }
};

class Pool {
 public:
  // Held by the caller whose job runs.
  std::mutex busy;

  void run(Job& job, int helpers) {
    {
      const std::lock_guard<std::mutex> hold(lock_);
      if (n_workers_ < helpers) start_workers(std::min(helpers, count_processors() - 1));
      job_ = &job;
      seats_ = helpers;
      generation_.fetch_add(1);
    }
    wake_.notify_all();
    job.work();
    // No worker joins from here on; those that did hold a reference to the job.
    {
      const std::lock_guard<std::mutex> hold(lock_);
      job_ = nullptr;
    }
    const auto deadline = Clock::now() + kSpin;
    while (working_.load() != 0 && Clock::now() < deadline) relax();
    std::unique_lock<std::mutex> hold(lock_);
    done_.wait(hold, [this] { return working_.load() == 0; });
  }

 private:
  // Detached: a worker owns nothing but its place in the queue, and the process may end at any time (the pool itself
  // is never destroyed).
  void start_workers(int wanted) {
    try {
      for (; n_workers_ < wanted; ++n_workers_) std::thread([this] { serve(); }).detach();
    } catch (const std::exception&) {
      // No thread, or no memory for its stack, is to be had now.
    }
  }

  void serve() {
    std::uint64_t seen = 0;
    for (;;) {
      const auto deadline = Clock::now() + kSpin;
      while (generation_.load() == seen && Clock::now() < deadline) relax();
      Job* job = nullptr;
      {
        std::unique_lock<std::mutex> hold(lock_);
        wake_.wait(hold, [&] { return generation_.load() != seen; });
        seen = generation_.load();
        if (job_ && seats_ > 0) {
          job = job_;
          --seats_;
          working_.fetch_add(1);
        }
      }
      if (!job) continue;
      job->work();
      const std::lock_guard<std::mutex> hold(lock_);
      if (working_.fetch_sub(1) == 1) done_.notify_one();
    }
  }

  std::mutex lock_;
  std::condition_variable wake_, done_;
  Job* job_ = nullptr;
  int seats_ = 0;
  int n_workers_ = 0;
  std::atomic<int> working_{0};
  std::atomic<std::uint64_t> generation_{0};
};

// The child of a fork has none of the parent's workers, and locks may have been held: it
// forgets the old pool (a leak of a few hundred bytes) and makes its own when it needs one.
std::atomic<Pool*> the_pool{nullptr};

void forget_pool() {
  the_pool = nullptr;
  inside_task = false;
}

Pool& pool() {
  static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
  (void)registered;
  if (Pool* found = the_pool.load()) return *found;
  Pool* made = new Pool;
  Pool* expected = nullptr;
  if (the_pool.compare_exchange_strong(expected, made)) return *made;
  delete made;
  return *expected;
}

}  // namespace

void run_tasks(std::int64_t n_tasks, int n_threads, TaskFn run, const void* context) {
  if (n_threads > n_tasks) n_threads = (int)n_tasks;
  if (n_threads <= 1 || inside_task) {
    for (std::int64_t task = 0; task < n_tasks; ++task) {
      Watch::look();
      run(context, task);
    }
    return;
  }
  Job job{n_tasks, run, context};
  Pool& shared = pool();
  const std::unique_lock<std::mutex> mine(shared.busy, std::try_to_lock);
  if (mine.owns_lock())
    shared.run(job, n_threads - 1);
  else
    job.work();
  if (job.failure) std::rethrow_exception(job.failure);
}

Watch::Watch(Ask ask, void* context) : ask_(ask), context_(context), before_(watch), last_(coarse_time()) {
  watch = this;
}

Watch::~Watch() { watch = before_; }

void Watch::look() {
  constexpr std::int64_t kInterval = 100;  // milliseconds
  if (!watch) return;
  const std::int64_t now = coarse_time();
  if (now - watch->last_ < kInterval) return;
  watch->last_ = now;
  if (watch->ask_(watch->context_)) throw Interrupted();
}

int thread_limit() { return own_threads > 0 ? own_threads : process_threads.load(); }

void set_process_threads(int n) { process_threads = n; }

int set_own_threads(int n) {
  const int before = own_threads;
  own_threads = n;
  return before;
}

}  // namespace flipslide

// For threadpoolctl, which finds them by name in the loaded library (src/flipslide/threads.py).
extern "C" {
__attribute__((visibility("default"))) int flipslide_get_num_threads() { return flipslide::process_threads.load(); }
__attribute__((visibility("default"))) void flipslide_set_num_threads(int n) {
  flipslide::set_process_threads(n < 1 ? 1 : n);
}
}
