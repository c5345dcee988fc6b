#include "fork_lock.hpp"

#include <pthread.h>

namespace flipslide {

namespace {

constinit std::mutex list_lock;
constinit ForkLock* newest = nullptr;

}  // namespace

ForkLock::ForkLock() {
  static const int registered = pthread_atfork(hold_all, let_all_go, let_all_go);
  (void)registered;
  const std::lock_guard<std::mutex> hold(list_lock);
  older_ = newest;
  newest = this;
}

void ForkLock::hold_all() {
  list_lock.lock();
  for (ForkLock* l = newest; l; l = l->older_) l->lock();
}

void ForkLock::let_all_go() {
  for (ForkLock* l = newest; l; l = l->older_) l->unlock();
  list_lock.unlock();
}

}  // namespace flipslide
