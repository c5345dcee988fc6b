// Tables that are made once, kept while there is room, and shared with the calls that use them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>

#include "../thread/fork_lock.hpp"

namespace flipslide {

// Value::n_bytes() is what one takes. All together take at most kMostBytes, or are one: what was used least recently
// goes, and lives on until nobody uses it. Never destroyed: threads may outlive the end of main.
template <class Key, class Value>
class Tables {
 public:
  using Shared = std::shared_ptr<const Value>;

  template <class Make>
  Shared find(const Key& key, const Make& make) {
    const Hold hold(lock_);
    Place& place = places_[key];
    place.used = ++clock_;
    if (place.table) return place.table;
    place.table = make();
    bytes_ += place.table->n_bytes();
    Shared made = place.table;
    while (bytes_ > kMostBytes && places_.size() > 1) forget_oldest();
    return made;
  }

  // Returns how many bytes those were.
  std::size_t release() {
    const Hold hold(lock_);
    const std::size_t before = bytes_;
    places_.clear();
    bytes_ = 0;
    return before;
  }

 private:
  static constexpr std::size_t kMostBytes = std::size_t(16) << 20;
  struct Place {
    Shared table{};
    std::uint64_t used = 0;
  };
  ForkLock lock_;
  std::map<Key, Place> places_;
  std::size_t bytes_ = 0;
  std::uint64_t clock_ = 0;

  void forget_oldest() {
    const auto oldest = std::min_element(places_.begin(), places_.end(),
                                         [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    bytes_ -= oldest->second.table->n_bytes();
    places_.erase(oldest);
  }
};

// Forgets the tables of all transforms. Returns how many bytes those were.
std::size_t release_transforms();

}  // namespace flipslide
