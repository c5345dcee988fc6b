#include "stream.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include "../fft/flush.hpp"
#include "../fft/matrix.hpp"

namespace flipslide {

namespace {

constexpr Index kPad = 64;  // numbers behind a row that vectors may touch
// Numbers between lines of spectra, so that those of one sum do not begin at the same place of a page: loads would wait
// for stores that only look alike.
constexpr Index kStagger = 96;

// Places in one piece of memory: counted first, then given out.
class Places {
 public:
  explicit Places(std::byte* base) : base_(base) {}
  template <class T>
  T* take(Index n) {
    T* at = base_ ? reinterpret_cast<T*>(base_ + used_) : nullptr;
    used_ += (n * static_cast<Index>(sizeof(T)) + 63) / 64 * 64;
    return at;
  }
  Index used() const { return used_; }

 private:
  std::byte* base_;
  Index used_ = 0;
};

template <class T>
struct Rows {
  T* data = nullptr;
  Index each = 0;
  T* operator[](Index row) const { return data + row * each; }
};

// A ring of frames for each channel; its length is a power of two and a multiple of every block.
template <class T>
struct Ring : Rows<T> {
  Index mask = 0;
  T* at(Index row, Index frame) const { return (*this)[row] + (frame & mask); }
};

template <class T>
using Real = std::conditional_t<std::is_same_v<T, std::uint64_t>, double, T>;

// From here on a transform might not be finite: the square root of what is, so that sums and products are.
template <class T>
double wild_limit() {
  return std::ldexp(1.0, std::numeric_limits<T>::max_exponent / 2);
}

// ------------------------------------------------------------------------------ levels

// What the levels share with the stream.
template <class T>
struct Shared {
  const StreamShape& shape;
  const InstructionSet& isa;
  Ring<T> x, y;
  Index* last_wild = nullptr;  // of each input: its last frame, or -1
  int taps_exponent = 0;       // the spectra are those of the taps times 2^-exponent
};

template <class T>
class Level {
 public:
  Level(const StreamLevel& plan, Shared<T>& shared)
      : plan_(plan),
        s_(shared),
        f_(shared.isa.butterflies[sizeof(T) == 8]),
        m_({plan.size}, f_, sizeof(T), true),
        passes_(m_, f_),
        line_(m_.line + kStagger),
        all_(static_cast<std::size_t>(m_.groups), 1) {
    make_units();
  }

  void carve_state(Places& places) {
    block_ = places.take<Index>(1);
    next_ = places.take<Index>(1);
    spectra_ = places.take<T>(s_.shape.inputs() * each_input());
    data_ = places.take<T>(m_.size());
    out_ = places.take<T>(plan_.size + kPad);
  }
  void carve_taps(Places& places, Index n_rows) {
    taps_ = places.take<T>(n_rows * each_input());
    sum_ = places.take<T>(m_.line);
    tame_ = places.take<T>((m_.along + 1) * f_.lanes + kPad);
  }

  void pack(const T* taps, Index n_rows);

  // After the step with this number, counted from 1.
  void end_step(Index number) {
    const Index steps = plan_.size / s_.shape.step, slot = number % steps;
    if (slot == 0) {
      *block_ = number / steps - 1;
      *next_ = 0;
    }
    if (*block_ < 0) return;
    const double due = plan_.is_spread ? static_cast<double>(slot + 1) / static_cast<double>(steps) : 1;
    while (*next_ < std::ssize(units_) && units_[static_cast<std::size_t>(*next_)].end <= due * total_ * (1 + 1e-12))
      run(units_[static_cast<std::size_t>((*next_)++)]);
  }
  void reset() { *block_ = -1; }

 private:
  enum Kind { load, analyse, mix, store };
  struct Unit {
    Kind kind;
    Index channel, part;
    double end;  // the work up to here
  };
  // Terms of one output: which input's spectra meet which taps' spectra.
  struct Term {
    Index in, taps;
  };

  const StreamLevel plan_;
  Shared<T>& s_;
  const FsButterflies& f_;
  const Matrix m_;
  const Passes<T> passes_;
  const Index line_;
  const std::vector<char> all_;
  std::vector<Unit> units_;
  double total_ = 0;
  std::vector<std::vector<Term>> terms_;
  std::vector<const void*> from_, by_;
  Index *block_ = nullptr, *next_ = nullptr;
  T *spectra_ = nullptr, *data_ = nullptr, *out_ = nullptr, *taps_ = nullptr, *sum_ = nullptr, *tame_ = nullptr;

  // [block][partition][line]
  Index each_input() const { return m_.blocks * plan_.count * line_; }
  T* line_of(T* spectra, Index channel, Index block, Index partition) const {
    return spectra + channel * each_input() + (block * plan_.count + partition) * line_;
  }

  void add_units(Kind kind, Index channel, Index parts, double work) {
    for (Index part = 0; part < parts; ++part) units_.push_back({kind, channel, part, total_ += work});
  }

  void make_units() {
    terms_.resize(static_cast<std::size_t>(s_.shape.outputs()));
    std::size_t most = 0;
    for (const StreamPath& path : s_.shape.paths) {
      auto& terms = terms_[static_cast<std::size_t>(path.out)];
      terms.push_back({path.in, path.taps});
      most = std::max(most, terms.size());
    }
    from_.resize(most * static_cast<std::size_t>(plan_.count));
    by_.resize(from_.size());
    // Work in vectors of points that are moved: a transform moves each about twice for every three levels.
    const double points = static_cast<double>(m_.line), levels = std::log2(static_cast<double>(plan_.size));
    for (Index in = 0; in < s_.shape.inputs(); ++in) {
      add_units(load, in, m_.groups, points * levels / 2);
      add_units(analyse, in, m_.blocks, points * levels / 2);
    }
    for (Index out = 0; out < s_.shape.outputs(); ++out) {
      const auto n =
          static_cast<double>(terms_[static_cast<std::size_t>(out)].size()) * static_cast<double>(plan_.count);
      if (n == 0) continue;
      add_units(mix, out, m_.blocks, points * (levels / 2 + 2 * n));
      add_units(store, out, m_.groups, points * levels / 2);
    }
  }

  void run(const Unit& unit) {
    switch (unit.kind) {
      case load: return load_group(unit.channel, unit.part);
      case analyse: return analyse_block(unit.channel, unit.part);
      case mix: return mix_block(unit.channel, unit.part);
      case store: return store_group(unit.channel, unit.part);
    }
  }

  void load_group(Index in, Index g) {
    T* group = data_ + g * m_.group;
    const bool has_wild = s_.last_wild[in] >= (*block_ - 1) * plan_.size;
    for (Index half = 0; half < 2; ++half) {
      const T* from = s_.x.at(in, (*block_ - 1 + half) * plan_.size) + g * f_.lanes;
      has_wild ? load_tame(from, group + half * f_.lanes)
               : f_.load_rows(from, m_.across, m_.along, group + half * f_.lanes, m_.point, 0);
    }
    passes_.forward_along(group);
  }

  void load_tame(const T* from, T* to) {
    const T limit = static_cast<T>(wild_limit<T>());
    for (Index r = 0; r < m_.along; ++r)
      for (Index l = 0; l < f_.lanes; ++l) {
        const T value = from[r * m_.across + l];
        tame_[r * f_.lanes + l] = std::abs(value) < limit ? value : T(0);
      }
    f_.load_rows(tame_, f_.lanes, m_.along, to, m_.point, 0);
  }

  void analyse_block(Index in, Index b) {
    T* line = line_of(spectra_, in, b, *block_ % plan_.count);
    passes_.transpose(data_, all_, b, line);
    passes_.forward_across(line);
  }

  void mix_block(Index out, Index b) {
    Index n = 0;
    for (const Term& term : terms_[static_cast<std::size_t>(out)])
      for (Index p = 0; p < plan_.count; ++p, ++n) {
        const Index slot = (*block_ - p + plan_.count) % plan_.count;
        from_[static_cast<std::size_t>(n)] = line_of(spectra_, term.in, b, slot);
        by_[static_cast<std::size_t>(n)] = line_of(taps_, term.taps, b, p);
      }
    s_.isa.streaming->mix[sizeof(T) == 8](sum_, from_.data(), by_.data(), n, m_.across);
    passes_.inverse_across(sum_);
    passes_.transpose_back(sum_, all_, b, data_);
  }

  void store_group(Index out, Index g) {
    passes_.inverse_along(data_ + g * m_.group);
    f_.store_rows(data_ + g * m_.group, m_.point, m_.along, out_ + g * f_.lanes, m_.across, 0);
    if (g < m_.groups - 1) return;
    scale_by(out_, plan_.size, s_.taps_exponent);
    T* to = s_.y.at(out, *block_ * plan_.size + plan_.offset);
    if (s_.shape.rounds)
      for (Index i = 0; i < plan_.size; ++i) to[i] += std::nearbyint(out_[i]);
    else
      for (Index i = 0; i < plan_.size; ++i) to[i] += out_[i];
  }
};

// Tap q of a partition stands at size - q, so that the tile's first half is what is asked for.
template <class T>
void Level<T>::pack(const T* taps, Index n_rows) {
  const Index size = plan_.size;
  std::vector<T> tile(static_cast<std::size_t>(2 * size + kPad));
  for (Index row = 0; row < n_rows; ++row)
    for (Index p = 0; p < plan_.count; ++p) {
      std::fill(tile.begin(), tile.end(), T(0));
      const Index first = plan_.offset + p * size, n = std::clamp<Index>(s_.shape.n_taps - first, 0, size);
      for (Index q = 0; q < n; ++q) tile[static_cast<std::size_t>(size - q)] = taps[row * s_.shape.n_taps + first + q];
      scale_by(tile.data(), 2 * size, -s_.taps_exponent);
      for (T& tap : tile) tap /= static_cast<T>(size);
      for (Index g = 0; g < m_.groups; ++g) {
        T* group = data_ + g * m_.group;
        for (Index half = 0; half < 2; ++half)
          f_.load_rows(tile.data() + half * size + g * f_.lanes, m_.across, m_.along, group + half * f_.lanes, m_.point,
                       0);
        passes_.forward_along(group);
      }
      for (Index b = 0; b < m_.blocks; ++b) {
        T* line = line_of(taps_, row, b, p);
        passes_.transpose(data_, all_, b, line);
        passes_.forward_across(line);
      }
    }
}

// ------------------------------------------------------------------------------ stream

// A large piece lies in large pages, where the system has them: spectra are read from end to end in every call.
constexpr std::size_t kPage = std::size_t(1) << 21;

struct Aligned {
  std::align_val_t to;
  void operator()(std::byte* p) const { ::operator delete(p, to); }
};
using Block = std::unique_ptr<std::byte, Aligned>;

Block allocate(Index bytes) {
  const auto size = static_cast<std::size_t>(bytes);
  const std::align_val_t to{size < 2 * kPage ? 64 : kPage};
  auto* made = static_cast<std::byte*>(::operator new(size, to));
#if defined(__linux__)
  if (size >= 2 * kPage) madvise(made, size, MADV_HUGEPAGE);
#endif
  std::memset(made, 0, size);
  return Block(made, Aligned{to});
}

template <class T>
class StreamOf : public Stream {
  static constexpr bool is_float = !std::is_same_v<T, std::uint64_t>;

 public:
  StreamOf(const StreamShape& shape, const T* taps, Index n_rows)
      : Stream(shape), isa_(chosen_isa()), shared_{shape_, isa_, {}, {}, nullptr, 0} {
    if constexpr (is_float)
      for (const StreamLevel& level : shape_.levels) levels_.push_back(std::make_unique<Level<T>>(level, shared_));
    terms_.resize(static_cast<std::size_t>(shape_.outputs()));
    for (const StreamPath& path : shape_.paths) terms_[static_cast<std::size_t>(path.out)].push_back(path);
    x_rows_.resize(static_cast<std::size_t>(shape_.x_rows));
    y_rows_.resize(static_cast<std::size_t>(shape_.y_rows));
    lay_out(n_rows);
    pack(taps, n_rows);
    reset();
  }

  void process(const View& x, const View& y) override {
    if (busy_.test_and_set(std::memory_order_acquire))
      throw std::runtime_error("this stream is in a call on another thread; a thread needs a stream of its own");
    find_rows(x, x_rows_);
    find_rows(y, y_rows_);
    take(
        x.shape[x.ndim - 1],
        [&](Index in, Index frame, Index first, Index n) {
          const Index row = in / shape_.stride, x_step = x.strides[x.ndim - 1], part = row % shape_.x_parts;
          const std::byte* from = x_rows_[static_cast<std::size_t>(row / shape_.x_parts)] + first * x_step;
          isa_.convert->load[shape_.compute][shape_.x_type](ring_at(in, frame), from + part * kTypeBytes[shape_.x_type],
                                                            x_step * shape_.stride, n);
        },
        [&](Index out, Index q, T* from, Index n) {
          const Index row = out / shape_.up, y_step = y.strides[y.ndim - 1], part = row % shape_.y_parts;
          std::byte* to = y_rows_[static_cast<std::size_t>(row / shape_.y_parts)] + q * y_step;
          put(to + part * kTypeBytes[shape_.y_type], y_step * shape_.up, from, n);
        });
    busy_.clear(std::memory_order_release);
  }

  void reset() override {
    std::memset(state_, 0, static_cast<std::size_t>(state_bytes_));
    std::fill(shared_.last_wild, shared_.last_wild + shape_.inputs(), Index(-1));
    for (auto& level : levels_) level->reset();
  }

  void follow(const Stream& stream) override {
    const auto& other = static_cast<const StreamOf&>(stream);
    reset();
    const Index longest = longest_block() * shape_.stride, reach = shape_.n_taps * shape_.stride + 2 * longest;
    *position_ = std::max<Index>(0, (other.position() - reach) / longest - 1) * longest;
    take(
        other.position() - position(),
        [&](Index in, Index frame, Index, Index n) {
          const T* from = other.shared_.x.at(in, frame);
          std::copy(from, from + n, ring_at(in, frame));
        },
        [](Index, Index, T*, Index) {});
  }

 private:
  const InstructionSet& isa_;
  Shared<T> shared_;
  std::vector<std::unique_ptr<Level<Real<T>>>> levels_;
  std::vector<std::vector<StreamPath>> terms_;
  std::vector<std::byte*> x_rows_, y_rows_;
  Block memory_{nullptr, Aligned{std::align_val_t(64)}}, taps_memory_{nullptr, Aligned{std::align_val_t(64)}};
  Rows<T> recent_;           // the head's samples: its history, then the step that comes in
  Rows<std::uint8_t> wild_;  // which steps of x have wild samples
  T *taps_ = nullptr, *sums_ = nullptr;
  std::int64_t* whole_ = nullptr;
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;

  Index history() const { return shape_.head; }

  Index longest_block() const {
    Index longest = shape_.step;
    for (const StreamLevel& level : shape_.levels) longest = std::max(longest, level.size);
    return longest;
  }

  void carve_state(Places& places) {
    const Index longest = longest_block();
    Index due = longest;
    for (const StreamLevel& level : shape_.levels) due = std::max(due, level.offset + level.size + shape_.step);
    position_ = places.take<Index>(1);
    shared_.last_wild = places.take<Index>(shape_.inputs());
    carve_ring(places, shared_.x, shape_.inputs(), shape_.n_taps + 5 * longest);
    carve_ring(places, shared_.y, shape_.outputs(), due + shape_.step);
    recent_.each = history() + shape_.step + kPad;
    recent_.data = places.take<T>(shape_.inputs() * recent_.each);
    wild_.each = (shared_.x.mask + 1) / shape_.step;
    wild_.data = places.take<std::uint8_t>(shape_.inputs() * wild_.each);
    for (auto& level : levels_) level->carve_state(places);
  }

  static void carve_ring(Places& places, Ring<T>& ring, Index rows, Index length) {
    ring.mask = static_cast<Index>(std::bit_ceil(static_cast<std::uint64_t>(length))) - 1;
    ring.each = ring.mask + 1 + kPad;
    ring.data = places.take<T>(rows * ring.each);
  }

  void carve_taps(Places& places, Index n_rows) {
    taps_ = places.take<T>(n_rows * shape_.n_taps);
    sums_ = places.take<T>(shape_.step + kPad);
    whole_ = places.take<std::int64_t>(shape_.step + kPad);
    for (auto& level : levels_) level->carve_taps(places, n_rows);
  }

  void lay_out(Index n_rows) {
    Places counted(nullptr), counted_taps(nullptr);
    carve_state(counted);
    carve_taps(counted_taps, n_rows);
    state_bytes_ = counted.used();
    taps_bytes_ = counted_taps.used();
    memory_ = allocate(state_bytes_);
    taps_memory_ = allocate(taps_bytes_);
    Places places(memory_.get()), taps_places(taps_memory_.get());
    carve_state(places);
    carve_taps(taps_places, n_rows);
    state_ = memory_.get();
  }

  void pack(const T* taps, Index n_rows) {
    std::copy(taps, taps + n_rows * shape_.n_taps, taps_);
    if constexpr (is_float) {
      T most = 0;
      for (Index i = 0; i < n_rows * shape_.n_taps; ++i) most = std::max(most, std::abs(taps[i]));
      shared_.taps_exponent = unusual_exponent(most);
      for (auto& level : levels_) level->pack(taps, n_rows);
    }
  }

  static void find_rows(const View& view, std::vector<std::byte*>& rows) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      auto rest = static_cast<Index>(row);
      rows[row] = view.data;
      for (int dim = view.ndim - 2; dim >= 0; --dim) {
        rows[row] += rest % view.shape[dim] * view.strides[dim];
        rest /= view.shape[dim];
      }
    }
  }

  T* ring_at(Index in, Index frame) const { return shared_.x.at(in, frame); }

  // n samples of each row. load(in, frame, first, n) puts those from the first-th on, a stride apart, into the ring;
  // save(out, q, numbers, n) takes outputs from the q-th of this call on, `up` apart.
  template <class Load, class Save>
  void take(Index n, const Load& load, const Save& save) {
    const Index begin = position(), q_begin = outputs_after(begin), whole = shape_.step * shape_.stride;
    for (Index at = begin; at < begin + n;) {
      const Index some = std::min(begin + n - at, whole - at % whole);
      for (Index in = 0; in < shape_.inputs(); ++in) take_input(in, at, some, at - begin, load);
      give_outputs(outputs_after(at), outputs_after(at + some), q_begin, save);
      at += some;
      *position_ = at;
      if (at % whole == 0) end_step(at / whole);
    }
  }

  // The samples of one input among those from position `at` on.
  template <class Load>
  void take_input(Index in, Index at, Index some, Index done, const Load& load) {
    const Index phase = in % shape_.stride;
    const Index skipped = (phase - at % shape_.stride + shape_.stride) % shape_.stride;
    if (skipped >= some) return;
    const Index n = (some - skipped + shape_.stride - 1) / shape_.stride, frame = (at + skipped) / shape_.stride;
    load(in, frame, done + skipped, n);
    const T* from = ring_at(in, frame);
    std::copy(from, from + n, recent_[in] + history() + frame % shape_.step);
    if constexpr (is_float) {
      if (levels_.empty() || !isa_.streaming->has_wild[sizeof(T) == 8](from, wild_limit<T>(), n)) return;
      shared_.last_wild[in] = frame + n - 1;
      wild_[in][(frame & shared_.x.mask) / shape_.step] = 1;
    }
  }

  // Outputs q_from to q_to, all in one step.
  template <class Save>
  void give_outputs(Index q_from, Index q_to, Index q_begin, const Save& save) {
    for (Index out = 0; out < shape_.outputs(); ++out) {
      const Index phase = out % shape_.up, skipped = (phase - q_from % shape_.up + shape_.up) % shape_.up;
      if (skipped >= q_to - q_from) continue;
      const Index q = q_from + skipped, n = (q_to - q + shape_.up - 1) / shape_.up;
      save(out, q - q_begin, sum(out, q / shape_.up, n), n);
    }
  }

  // n outputs from a frame on: the head and what the levels have left in the ring. Whole vectors are summed, though
  // some of their samples are yet to come: those are zeros, and belong to other outputs.
  T* sum(Index out, Index frame, Index n) {
    const Index lanes = vector_lanes(), first = frame % shape_.step / lanes * lanes;
    const Index end = (frame % shape_.step + n + lanes - 1) / lanes * lanes;
    const auto& terms = terms_[static_cast<std::size_t>(out)];
    std::fill(sums_ + first, sums_ + end, T(0));
    for (const StreamPath& path : terms) {
      const Index tap = std::max(shape_.first, path.begin), n_taps = std::min(shape_.head, path.end) - tap;
      if (n_taps <= 0) continue;
      isa_.streaming->fir[shape_.compute == FS_I64 ? 2 : shape_.compute](
          sums_ + first, recent_[path.in] + history() + first - tap, taps_ + path.taps * shape_.n_taps + tap, n_taps,
          end - first);
    }
    T* to = sums_ + frame % shape_.step;
    if (!levels_.empty()) {
      const T* late = shared_.y.at(out, frame);
      for (Index i = 0; i < n; ++i) to[i] += late[i];
      if constexpr (is_float)
        for (const StreamPath& path : terms) add_wild(path, frame, n, to);
    }
    return to;
  }

  Index vector_lanes() const { return sizeof(T) == 4 ? isa_.butterflies[0].lanes : isa_.butterflies[1].lanes; }

  // Samples that the levels left out, by the taps that they have.
  void add_wild(const StreamPath& path, Index frame, Index n, T* to) const {
    const Index oldest = std::max<Index>(0, frame - (shape_.n_taps - 1));
    if (shared_.last_wild[path.in] < oldest) return;
    const Index newest = std::min(frame + n - 1 - shape_.head, shared_.last_wild[path.in]);
    for (Index step = newest / shape_.step; step >= oldest / shape_.step && newest >= 0; --step)
      if (wild_[path.in][step & (wild_.each - 1)]) add_wild_step(path, step, frame, n, to);
  }

  void add_wild_step(const StreamPath& path, Index step, Index frame, Index n, T* to) const {
    const T limit = static_cast<T>(wild_limit<T>());
    const T* taps = taps_ + path.taps * shape_.n_taps;
    for (Index p = step * shape_.step; p < (step + 1) * shape_.step; ++p) {
      const T value = *ring_at(path.in, p);
      if (value < limit && value > -limit) continue;
      const Index low = std::max(frame, p + std::max(shape_.head, path.begin)),
                  high = std::min(frame + n, p + path.end);
      for (Index at = low; at < high; ++at) to[at - frame] += taps[at - p] * value;
    }
  }

  void put(std::byte* to, Index step, T* from, Index n) const {
    if (shape_.saturates) return isa_.convert->store_saturated[shape_.y_type](to, step, from, n);
    if (!shape_.rounds) return isa_.convert->store[shape_.compute][shape_.y_type](to, step, from, n);
    isa_.convert->round(whole_, from, n);
    isa_.convert->store[FS_I64][shape_.y_type](to, step, whole_, n);
  }

  // Step `number`, counted from 1, is complete.
  void end_step(Index number) {
    const Index next = number * shape_.step;
    for (Index out = 0; out < shape_.outputs(); ++out) {
      T* used = shared_.y.at(out, next - shape_.step);
      std::fill(used, used + shape_.step, T(0));
    }
    for (Index in = 0; in < shape_.inputs(); ++in) {
      T* row = recent_[in];
      std::copy(row + shape_.step, row + shape_.step + history(), row);
      std::fill(row + history(), row + history() + shape_.step, T(0));
      wild_[in][(next & shared_.x.mask) / shape_.step] = 0;
      T* coming = ring_at(in, next);
      std::fill(coming, coming + shape_.step, T(0));
    }
    if (levels_.empty()) return;
    const Flushed flushed;
    for (auto& level : levels_) level->end_step(number);
  }
};

}  // namespace

std::unique_ptr<Stream> Stream::make(const StreamShape& shape, const void* taps, Index n_rows) {
  switch (shape.compute) {
    case FS_F32: return std::make_unique<StreamOf<float>>(shape, static_cast<const float*>(taps), n_rows);
    case FS_F64: return std::make_unique<StreamOf<double>>(shape, static_cast<const double*>(taps), n_rows);
    default: return std::make_unique<StreamOf<std::uint64_t>>(shape, static_cast<const std::uint64_t*>(taps), n_rows);
  }
}

}  // namespace flipslide
