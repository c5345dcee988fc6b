// A lock that is free in the child of every fork: the thread that forks holds all of them meanwhile, so that the
// child also finds whole what they guard.
//
// Never destroyed: threads may outlive the end of main. Locks are held one inside the other in the order of their
// making reversed, as a fork does: what guards memory (arena.cpp) is made when the library is loaded, before all
// others.
#pragma once

#include <mutex>

namespace flipslide {

class ForkLock {
 public:
  ForkLock();
  ForkLock(const ForkLock&) = delete;
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
  ForkLock* older_ = nullptr;

  static void hold_all();
  static void let_all_go();
};

using Hold = std::lock_guard<ForkLock>;

}  // namespace flipslide
