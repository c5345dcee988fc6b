// The pool and the locks where there is one thread: tasks run one after another. In place of thread/pool.cpp and
// thread/fork_lock.cpp.
#include "../thread/fork_lock.hpp"
#include "../thread/pool.hpp"

namespace flipslide {

ForkLock::ForkLock() {}

void run_tasks(std::int64_t n_tasks, int, TaskFn run, const void* context) {
  for (std::int64_t task = 0; task < n_tasks; ++task) run(context, task);
}

void Watch::look() {}
int thread_limit() { return 1; }
void set_process_threads(int) {}
int set_own_threads(int) { return 0; }

}  // namespace flipslide

// Nothing that a thread leaves behind is ever cleaned up: the page ends, and all of it.
extern "C" int __cxa_thread_atexit(void (*)(void*), void*, void*) { return 0; }

// A throw ends the program: nobody is there to catch it.
extern "C" void* __cxa_allocate_exception(unsigned long) { __builtin_trap(); }
extern "C" void __cxa_throw(void*, void*, void (*)(void*)) { __builtin_trap(); }
