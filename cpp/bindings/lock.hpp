// Work without the interpreter's lock, and calls of Python from inside the core.
//
// A thread that asks for the lock while the interpreter ends is ended where it stands (pthread_exit), which unwinds its
// stack like an exception; destructors of C++ would meet that without the lock. So it sleeps there instead, until the
// process is gone.
#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <exception>
#include <thread>
#include <type_traits>

#include "../thread/pool.hpp"

namespace flipslide {

[[noreturn]] inline void sleep_for_good() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

inline void take_lock(PyThreadState* state) {
  try {
    PyEval_RestoreThread(state);
  } catch (...) {
    sleep_for_good();
  }
}

// A new reference, or null with an error set.
inline PyObject* call_python(PyObject* function, PyObject* const* arguments, std::size_t n) {
  try {
    return PyObject_Vectorcall(function, arguments, n, nullptr);
  } catch (...) {
    sleep_for_good();
  }
}

// Whether a signal's handler raised an error, as that of Ctrl-C does. The lock is not held.
inline bool has_signal(void* state) {
  take_lock(static_cast<PyThreadState*>(state));
  const bool found = PyErr_CheckSignals() != 0;
  PyEval_SaveThread();
  return found;
}

// The result of work(), which the user can interrupt; other threads run Python meanwhile.
template <class Work>
auto without_lock(const Work& work) -> decltype(work()) {
  if constexpr (std::is_void_v<decltype(work())>) {
    without_lock([&] {
      work();
      return true;
    });
  } else {
    PyThreadState* state = PyEval_SaveThread();
    decltype(work()) result{};
    std::exception_ptr failure;
    try {
      const Watch watch(has_signal, state);
      result = work();
    } catch (...) {
      failure = std::current_exception();
    }
    take_lock(state);
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const Interrupted&) {
      throw nanobind::python_error();
    }
    return result;
  }
}

}  // namespace flipslide
