// Included before every file of the core where there is one thread and no exception: the library of WebAssembly then
// has no std::mutex, and locks guard nothing.
#pragma once

#ifdef __cplusplus
namespace std {

struct mutex {
  void lock() {}
  void unlock() {}
  bool try_lock() { return true; }
};

}  // namespace std

// WebAssembly's halves are stored and converted, never passed by value.
#define _Float16 __fp16
#endif
