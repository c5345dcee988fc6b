// What becomes of numbers too small to be normal: on many processors each of them costs a hundred times a normal one.
#pragma once

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace flipslide {

// While it lives, this thread's operands and results too small to be normal are zero.
class Flushed {
#if defined(__x86_64__)
 public:
  Flushed() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~Flushed() { _mm_setcsr(before_); }

 private:
  const unsigned before_;
#else
 public:
  Flushed() {}  // not unused where it does nothing
#endif

 public:
  Flushed(const Flushed&) = delete;
  Flushed& operator=(const Flushed&) = delete;
};

}  // namespace flipslide
