#include "cache.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "../thread/fork_lock.hpp"

namespace flipslide {

namespace {

constexpr std::size_t kMostBytes = std::size_t(64) << 20;
// Looking at each must cost little: of all, and of one convolution.
constexpr std::size_t kMostPlaces = 256;
constexpr std::ptrdiff_t kMostOfOne = 16;

// ------------------------------------------------------------------- the bytes of an array

// An array with items, as runs that lie evenly, in row-major order.
class Runs {
 public:
  Runs(const View& view, Index item_bytes)
      : view_(view), item_(item_bytes), outer_(view.ndim), run_(1), step_(item_bytes) {
    for (int d = 0; d < view_.ndim; ++d) n_items_ *= view_.shape[d];
    while (outer_ > 0 && (view.strides[outer_ - 1] == run_ * item_ || view.shape[outer_ - 1] == 1))
      run_ *= view.shape[--outer_];
    if (run_ != 1 || outer_ == 0) return;
    // None are neighbours: a run has a step.
    step_ = view.strides[--outer_];
    run_ = view.shape[outer_];
  }

  Index n_bytes() const { return n_items_ * item_; }

  void copy_to(std::byte* to) const {
    each(0, view_.data, [&](const std::byte* from) {
      if (step_ == item_)
        std::memcpy(to, from, static_cast<std::size_t>(run_ * item_));
      else
        for (Index i = 0; i < run_; ++i) std::memcpy(to + i * item_, from + i * step_, static_cast<std::size_t>(item_));
      to += run_ * item_;
      return true;
    });
  }

  bool are(const std::byte* kept) const {
    return each(0, view_.data, [&](const std::byte* from) {
      const std::byte* next = std::exchange(kept, kept + run_ * item_);
      if (step_ == item_) return std::memcmp(from, next, static_cast<std::size_t>(run_ * item_)) == 0;
      switch (item_) {
        case 1: return are_items<std::uint8_t>(from, next);
        case 2: return are_items<std::uint16_t>(from, next);
        case 4: return are_items<std::uint32_t>(from, next);
        case 8: return are_items<std::uint64_t>(from, next);
        default: return are_items<unsigned __int128>(from, next);
      }
    });
  }

 private:
  const View& view_;
  const Index item_;
  Index n_items_ = 1;
  int outer_;
  Index run_, step_;

  // Until visit(first byte of a run) is false.
  template <class Visit>
  bool each(int d, const std::byte* from, const Visit& visit) const {
    if (d == outer_) return visit(from);
    for (Index i = 0; i < view_.shape[d]; ++i)
      if (!each(d + 1, from + i * view_.strides[d], visit)) return false;
    return true;
  }

  template <class T>
  bool are_items(const std::byte* from, const std::byte* kept) const {
    constexpr Index kPiece = 64;
    for (Index i = 0; i < run_; i += kPiece) {
      T differs = 0;
      for (Index j = i; j < std::min(run_, i + kPiece); ++j)
        differs |= read<T>(from + j * step_) ^ read<T>(kept + j * item_);
      if (differs) return false;
    }
    return true;
  }

  template <class T>
  static T read(const std::byte* from) {
    T item;
    std::memcpy(&item, from, sizeof item);
    return item;
  }
};

// ------------------------------------------------------------------------------ what is kept

struct Kept {
  std::vector<std::byte> given;
  PackedTaps packed{};

  std::size_t n_bytes() const { return sizeof(Kept) + given.size() + packed.n_bytes(); }
};

std::shared_ptr<const Kept> keep(const Convolution& c, const View& w, Index item_bytes, int threads) {
  auto kept = std::make_shared<Kept>();
  const Runs runs(w, item_bytes);
  kept->given.resize(static_cast<std::size_t>(runs.n_bytes()));
  runs.copy_to(kept->given.data());
  std::vector<Index> strides(static_cast<std::size_t>(w.ndim));
  Index step = item_bytes;
  for (int d = w.ndim; d-- > 0; step *= w.shape[d]) strides[static_cast<std::size_t>(d)] = step;
  c.pack({kept->given.data(), w.ndim, w.shape, strides.data()}, kept->packed, threads);
  return kept;
}

// What all convolutions keep; the one used last comes first. What goes is destroyed when no lock is held.
class Store {
 public:
  using Shared = std::shared_ptr<const Kept>;

  // Of one convolution.
  std::vector<Shared> all_of(std::uint64_t number) {
    const Hold hold(lock_);
    std::vector<Shared> found;
    for (const Place& place : places_)
      if (place.number == number) found.push_back(place.kept);
    return found;
  }

  void use(const Shared& kept) {
    const Hold hold(lock_);
    const auto found =
        std::find_if(places_.begin(), places_.end(), [&](const Place& place) { return place.kept == kept; });
    if (found != places_.end()) std::rotate(places_.begin(), found, found + 1);
  }

  void add(std::uint64_t number, const Shared& kept) {
    const auto is_own = [&](const Place& place) { return place.number == number; };
    std::vector<Place> gone;
    const Hold hold(lock_);
    if (std::count_if(places_.begin(), places_.end(), is_own) == kMostOfOne)
      drop(std::find_if(places_.rbegin(), places_.rend(), is_own).base() - 1, gone);
    places_.insert(places_.begin(), {number, kept});
    bytes_ += kept->n_bytes();
    while (bytes_ > kMostBytes || places_.size() > kMostPlaces) drop(places_.end() - 1, gone);
  }

  // Returns how many bytes those were.
  template <class Is>
  std::size_t remove(const Is& is) {
    std::vector<Place> gone;
    const Hold hold(lock_);
    const std::size_t before = bytes_;
    for (std::size_t i = places_.size(); i-- > 0;)
      if (is(places_[i].number)) drop(places_.begin() + static_cast<std::ptrdiff_t>(i), gone);
    return before - bytes_;
  }

  std::size_t n_bytes() {
    const Hold hold(lock_);
    return bytes_;
  }

 private:
  struct Place {
    std::uint64_t number;
    Shared kept;
  };
  ForkLock lock_;
  std::vector<Place> places_;
  std::size_t bytes_ = 0;

  void drop(std::vector<Place>::iterator place, std::vector<Place>& gone) {
    bytes_ -= place->kept->n_bytes();
    gone.push_back(std::move(*place));
    places_.erase(place);
  }
};

// Never destroyed: threads may outlive the end of main.
Store& store() {
  static Store& made = *new Store;
  return made;
}

std::atomic<std::uint64_t> n_keepers{0};

}  // namespace

TapsCache::TapsCache() : number_(n_keepers++) {}

TapsCache::~TapsCache() {
  store().remove([this](std::uint64_t number) { return number == number_; });
}

SharedTaps TapsCache::find(const Convolution& c, const View& w, int threads) const {
  const Index item_bytes = kTypeBytes[c.types.w] * (c.types.is_complex ? 2 : 1);
  const auto share = [](const Store::Shared& kept) { return SharedTaps(kept, &kept->packed); };
  const Runs runs(w, item_bytes);
  if (!fits_ || runs.n_bytes() == 0) return nullptr;
  const auto known = store().all_of(number_);
  for (const Store::Shared& kept : known)
    if (runs.are(kept->given.data())) {
      if (kept != known.front()) store().use(kept);
      return share(kept);
    }
  if (!was_seen(w, item_bytes)) return nullptr;
  const Store::Shared made = keep(c, w, item_bytes, threads);
  fits_ = made->n_bytes() <= kMostBytes;
  if (fits_) store().add(number_, made);
  return share(made);
}

bool TapsCache::was_seen(const View& w, Index item_bytes) const {
  constexpr Index kItems = 16;
  std::uint64_t mixed = 1;
  Index n = 1;
  for (int d = 0; d < w.ndim; ++d) n *= w.shape[d];
  for (Index i = 0; i < kItems && n > 0; ++i) {
    Index at = i * (n - 1) / (kItems - 1);
    const std::byte* from = w.data;
    for (int d = w.ndim; d-- > 0; at /= w.shape[d]) from += at % w.shape[d] * w.strides[d];
    std::uint64_t item = 0;
    std::memcpy(&item, from, static_cast<std::size_t>(std::min<Index>(item_bytes, sizeof item)));
    mixed = ((mixed ^ item) * 0x9E3779B97F4A7C15);
    mixed ^= mixed >> 32;
  }
  for (const auto& seen : seen_)
    if (seen.load(std::memory_order_relaxed) == mixed) return true;
  seen_[turn_.fetch_add(1, std::memory_order_relaxed) % kMostTurns].store(mixed, std::memory_order_relaxed);
  return false;
}

std::size_t kept_bytes() { return store().n_bytes(); }

std::size_t release_taps() {
  return store().remove([](std::uint64_t) { return true; });
}

}  // namespace flipslide
