#include "pooling.hpp"

#include <cstring>
#include <memory>
#include <stdexcept>

#include "isa.hpp"
#include "thread/pool.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace flipslide {

namespace {

using Bytes = std::vector<std::byte>;

// While it lives, numbers too small to be normal count as what they are: the largest of samples is one of them.
class KeepDenormals {
#if defined(__x86_64__)
 public:
  KeepDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ & ~0x8040u); }
  ~KeepDenormals() { _mm_setcsr(before_); }
  KeepDenormals(const KeepDenormals&) = delete;
  KeepDenormals& operator=(const KeepDenormals&) = delete;

 private:
  unsigned before_;
#endif
};

// ------------------------------------------------------------------------------- types

struct Ordered {
  FsOrdered order;
  FsCompute compute;
};

constexpr Ordered kOrdered[FS_N_TYPES] = {{FS_O_I32, FS_I32}, {FS_O_I32, FS_I32}, {FS_O_I32, FS_I32},
                                          {FS_O_I32, FS_I32}, {FS_O_I64, FS_I64}, {FS_O_I32, FS_I32},
                                          {FS_O_I32, FS_I32}, {FS_O_I64, FS_I64}, {FS_O_U64, FS_I64},
                                          {FS_O_F32, FS_F32}, {FS_O_F32, FS_F32}, {FS_O_F64, FS_F64}};

// The array type whose numbers lie as those of a compute type do.
constexpr FsType kPlainType[FS_N_COMPUTE] = {FS_T_F32, FS_T_F64, FS_T_I32, FS_T_I64};

FsCompute mean_compute(FsType type) { return type == FS_T_F16 || type == FS_T_F32 ? FS_F32 : FS_F64; }

template <class T>
std::uint64_t image_of(T number) {
  std::uint64_t image = 0;
  std::memcpy(&image, &number, sizeof(number));
  return image;
}

// What no number of an array type is below, in the type that it is compared in.
std::uint64_t least(FsType type) {
  switch (type) {
    case FS_T_I8: return image_of(std::int32_t{std::numeric_limits<std::int8_t>::min()});
    case FS_T_I16: return image_of(std::int32_t{std::numeric_limits<std::int16_t>::min()});
    case FS_T_I32: return image_of(std::numeric_limits<std::int32_t>::min());
    case FS_T_I64: return image_of(std::numeric_limits<std::int64_t>::min());
    case FS_T_F16:
    case FS_T_F32: return image_of(-std::numeric_limits<float>::infinity());
    case FS_T_F64: return image_of(-std::numeric_limits<double>::infinity());
    default: return 0;
  }
}

// n numbers of 4 or 8 bytes.
void fill(std::byte* to, std::uint64_t number, Index bytes, Index n) {
  if (bytes == 4)
    std::fill_n(reinterpret_cast<std::uint32_t*>(to), n, static_cast<std::uint32_t>(number));
  else
    std::fill_n(reinterpret_cast<std::uint64_t*>(to), n, number);
}

// Memory for numbers that are all written before they are read.
class Scratch {
 public:
  std::byte* room(Index bytes) {
    if (bytes > size_) {
      memory_.reset(new std::byte[static_cast<std::size_t>(bytes)]);
      size_ = bytes;
    }
    return memory_.get();
  }
  std::byte* data() const { return memory_.get(); }

 private:
  std::unique_ptr<std::byte[]> memory_;
  Index size_ = 0;
};

// ----------------------------------------------------------------------------- geometry

// The samples of output m.
Stops samples_of(const PoolAxis& axis, Index m) {
  const Index start = axis.stride * m - axis.lo;
  const Index from = std::max(Index{0}, ceil_div(-start, axis.dilation));
  const Index to = std::min(axis.taps, floor_div(axis.n - 1 - start, axis.dilation) + 1);
  return {start + from * axis.dilation, std::max(Index{0}, to - from), from};
}

// The outputs that have sample i.
std::vector<Index> outputs_of(const PoolAxis& axis, Index i) {
  std::vector<Index> outputs;
  for (Index j = axis.taps; j-- > 0;) {
    const Index at = i + axis.lo - j * axis.dilation;
    if (at >= 0 && at % axis.stride == 0 && at / axis.stride < axis.count) outputs.push_back(at / axis.stride);
  }
  return outputs;
}

// How many terms the mean of output m has; padding is among them where it is counted.
Index count_terms(const PoolAxis& axis, Index m, bool padded) {
  if (!padded) return samples_of(axis, m).n;
  const Index room = axis.n + axis.hi - (axis.stride * m - axis.lo);
  return std::min(axis.taps, ceil_div(room, axis.dilation));
}

Index product(const std::vector<PoolAxis>& axes, std::size_t n_axes, Index PoolAxis::* size) {
  Index all = 1;
  for (std::size_t a = 0; a < n_axes; ++a) all *= axes[a].*size;
  return all;
}

Index count_outer(const View& view, int n_outer) {
  Index n = 1;
  for (int dim = 0; dim < n_outer; ++dim) n *= view.shape[dim];
  return n;
}

// Counts through the outer axes: where the rows of each turn begin, in bytes.
class Outer {
 public:
  Outer(const View& view, int n_axes, Index index) : view_(view), at_(static_cast<std::size_t>(n_axes)) {
    for (int dim = n_axes; dim-- > 0;) {
      at_[static_cast<std::size_t>(dim)] = index % view.shape[dim];
      offset += index % view.shape[dim] * view.strides[dim];
      index /= view.shape[dim];
    }
  }

  void next() {
    for (std::size_t dim = at_.size(); dim-- > 0;) {
      offset += view_.strides[dim];
      if (++at_[dim] < view_.shape[dim]) return;
      offset -= view_.strides[dim] * view_.shape[dim];
      at_[dim] = 0;
    }
  }

  Index offset = 0;

 private:
  View view_;
  std::vector<Index> at_;
};

// Counts through the rows of an array: where each lies along the leading axes.
class Odometer {
 public:
  Odometer(const std::vector<PoolAxis>& axes, Index PoolAxis::* size) : at_(axes.size() - 1) {
    for (std::size_t a = 0; a < at_.size(); ++a) sizes_.push_back(axes[a].*size);
  }

  void set(Index row) {
    for (std::size_t a = at_.size(); a-- > 0;) {
      at_[a] = row % sizes_[a];
      row /= sizes_[a];
    }
  }

  void next() {
    for (std::size_t a = at_.size(); a-- > 0;) {
      if (++at_[a] < sizes_[a]) return;
      at_[a] = 0;
    }
  }

  const std::vector<Index>& at() const { return at_; }

 private:
  std::vector<Index> at_, sizes_;
};

// How the rows of an array lie: `n` positions of `inner` neighbours, as numbers of a compute type.
class Reader {
 public:
  Reader(FsType type, FsCompute compute, const View& view, Index n, Index inner, bool channels_last)
      : load_(chosen_isa().convert->load[compute][type]),
        n_(n),
        inner_(inner),
        stride(view.strides[view.ndim - 1 - channels_last]),
        inner_stride_(channels_last ? view.strides[view.ndim - 1] : kTypeBytes[type]),
        bytes_(kComputeBytes[compute]) {
    const Index item = kTypeBytes[type];
    is_solid_ = (inner == 1 || inner_stride_ == item) && stride == inner * item;
    as_it_lies = is_solid_ && item == bytes_ && is_integer(type) == (compute == FS_I32 || compute == FS_I64);
  }

  // Where the row can be read: where it lies, or else in `scratch`.
  const std::byte* read(const std::byte* row, std::byte* scratch) const {
    if (as_it_lies) return row;
    if (is_solid_ || inner_ == 1)
      load_(scratch, row, is_solid_ && inner_ > 1 ? inner_stride_ : stride, n_ * inner_);
    else
      for (Index i = 0; i < n_; ++i) load_(scratch + i * inner_ * bytes_, row + i * stride, inner_stride_, inner_);
    return scratch;
  }

  FsLoadFn load() const { return load_; }

 private:
  FsLoadFn load_;
  Index n_, inner_;

 public:
  Index stride;
  bool as_it_lies;

 private:
  Index inner_stride_, bytes_;
  bool is_solid_;
};

// --------------------------------------------------------------------------- last axis

// The last axis where its samples are neighbours. They are dealt out to `stride` phases, p, p + stride …, so that each
// tap meets neighbours again, those from place[tap] on in the row that holds the phases. Where the stride is 1 and no
// padding is in the way, that is the row itself.
class Phases {
 public:
  explicit Phases(const PoolAxis& axis) : stride_(axis.stride) {
    const Index reach = (axis.taps - 1) * axis.dilation;
    in_place = axis.stride == 1 && axis.lo == 0 && axis.count + reach <= axis.n;
    std::vector<Index> begin(static_cast<std::size_t>(in_place ? 0 : std::min(axis.stride, reach + 1)), -1);
    for (Index j = 0; j < axis.taps; ++j) {
      const Index p = j * axis.dilation % stride_, shift = j * axis.dilation / stride_;
      if (in_place) {
        place.push_back(j * axis.dilation);
        continue;
      }
      Index& base = begin[static_cast<std::size_t>(p)];
      if (base < 0) base = add_phase(axis, p, axis.count + reach / stride_);
      place.push_back(base + shift);
    }
  }

  // `row` dealt out into `to`, whose places without samples are left as they are.
  void deal(FsLoadFn load, const std::byte* row, Index row_stride, std::byte* to, Index bytes) const {
    for (const Phase& phase : phases_)
      load(to + phase.to * bytes, row + phase.sample * row_stride, stride_ * row_stride, phase.n);
  }

  bool in_place, has_gaps = false;
  std::vector<Index> place;
  Index size = 0;

 private:
  struct Phase {
    Index sample, n, to;
  };

  Index add_phase(const PoolAxis& axis, Index p, Index length) {
    const Index from = std::max(Index{0}, ceil_div(axis.lo - p, stride_));
    const Index to = std::min(length, floor_div(axis.n - 1 + axis.lo - p, stride_) + 1);
    const Index base = size;
    size += length;
    has_gaps = has_gaps || from > 0 || to < length;
    if (to > from) phases_.push_back({stride_ * from + p - axis.lo, to - from, base + from});
    return base;
  }

  Index stride_;
  std::vector<Phase> phases_;
};

// ----------------------------------------------------------------------------- forward

// A row of x that taps of the leading axes meet: where it begins, in bytes, and which one it is.
struct Met {
  Index offset, row;
};

struct Setting {
  const std::vector<PoolAxis>& axes;
  const std::vector<std::vector<Stops>>& stops;
  bool channels_last;
  FsType type;
  FsCompute compute;
  std::uint64_t blank;  // what stands where there is no sample
  View x;

  const PoolAxis& last() const { return axes.back(); }
  int n_outer() const { return x.ndim - static_cast<int>(axes.size()) - channels_last; }
  Index inner() const { return channels_last ? x.shape[x.ndim - 1] : 1; }
  Index rows() const { return product(axes, axes.size() - 1, &PoolAxis::count); }
  Index row_size() const { return last().count * inner(); }
  // About how many loads one row of outputs takes.
  Index work() const {
    return inner() * (last().n + last().taps * last().count) * product(axes, axes.size() - 1, &PoolAxis::taps);
  }
};

// What one task works with.
class Rows {
 public:
  explicit Rows(const Setting& setting)
      : odometer(setting.axes, &PoolAxis::count),
        set_(setting),
        last_(setting.last()),
        inner_(setting.inner()),
        bytes_(kComputeBytes[setting.compute]),
        reader_(setting.type, setting.compute, setting.x, last_.n, inner_, setting.channels_last),
        phases_(last_) {
    joined_.room(last_.n * inner_ * bytes_);
    picked_.room(last_.count * inner_ * bytes_);
    make_blank(1);
  }

  // Finds the rows of x that the leading taps meet, at the odometer's place.
  void meet() {
    met.assign(1, {0, 0});
    const Index* strides = set_.x.strides + set_.n_outer();
    for (std::size_t a = 0; a + 1 < set_.axes.size(); ++a) {
      const PoolAxis& axis = set_.axes[a];
      const Stops& stops = set_.stops[a][static_cast<std::size_t>(odometer.at()[a])];
      next_.clear();
      for (const Met& one : met)
        for (Index t = 0; t < stops.n; ++t) {
          const Index at = stops.first + t * axis.dilation;
          next_.push_back({one.offset + at * strides[a], one.row * axis.n + at});
        }
      met.swap(next_);
    }
  }

  // A row of outputs, in `to`.
  void join(FsJoinFn join, FsFoldFn fold, const std::byte* x, std::byte* to) {
    if (met.empty()) return fill(to, set_.blank, bytes_, last_.count * inner_);
    const std::byte* row = join_across(join, x, last_.is_still() ? to : joined_.data());
    if (last_.is_still()) {
      if (row != to) std::memcpy(to, row, size_of(last_.count * inner_));
    } else if (!set_.channels_last && last_.is_whole()) {
      fold(to, row, last_.n);
    } else if (set_.channels_last || is_sparse()) {
      join_channels(join, row, to);
    } else {
      join_along(join, row, to);
    }
  }

  // The same by picks, whose places go to `which`.
  void pick(FsPickFn pick, const std::byte* x, std::byte* to, Index* which) {
    if (met.empty()) {
      fill(to, set_.blank, bytes_, last_.count * inner_);
      std::fill(which, which + last_.count * inner_, Index{-1});
    } else if (set_.channels_last || is_sparse()) {
      pick_channels(pick, x, to, which);
    } else {
      pick_along(pick, x, to, which);
    }
  }

  Odometer odometer;
  std::vector<Met> met;

 private:
  // Whether phases would be so short that a look at each output alone is less work.
  bool is_sparse() const { return last_.count < last_.stride; }

  std::size_t size_of(Index n) const { return static_cast<std::size_t>(n * bytes_); }

  // Phases of so many rows, blank where no sample ever comes.
  void make_blank(Index n_rows) {
    if (n_rows <= blank_rows_ || phases_.size == 0) return;
    dealt_.room(phases_.size * n_rows * bytes_);
    if (phases_.has_gaps) fill(dealt_.data(), set_.blank, bytes_, phases_.size * n_rows);
    blank_rows_ = n_rows;
  }

  // The r-th row that is met, as numbers of the compute type.
  const std::byte* read(const std::byte* x, std::size_t r) {
    return reader_.read(x + met[r].offset, loaded_.data() + r * size_of(last_.n * inner_));
  }

  void make_room() {
    if (!reader_.as_it_lies) loaded_.room(static_cast<Index>(met.size()) * last_.n * inner_ * bytes_);
  }

  const std::byte* join_across(FsJoinFn join, const std::byte* x, std::byte* to) {
    make_room();
    pointers_.clear();
    for (std::size_t r = 0; r < met.size(); ++r) pointers_.push_back(read(x, r));
    if (met.size() == 1) return static_cast<const std::byte*>(pointers_[0]);
    join(to, pointers_.data(), static_cast<Index>(met.size()), last_.n * inner_);
    return to;
  }

  void join_along(FsJoinFn join, const std::byte* row, std::byte* to) {
    if (!phases_.in_place) {
      const FsLoadFn load = chosen_isa().convert->load[set_.compute][kPlainType[set_.compute]];
      phases_.deal(load, row, bytes_, dealt_.data(), bytes_);
      row = dealt_.data();
    }
    pointers_.clear();
    for (const Index place : phases_.place) pointers_.push_back(row + place * bytes_);
    join(to, pointers_.data(), last_.taps, last_.count);
  }

  void join_channels(FsJoinFn join, const std::byte* row, std::byte* to) {
    const Index step = inner_ * bytes_;
    for (const Stops& stops : set_.stops.back()) {
      pointers_.clear();
      for (Index t = 0; t < stops.n; ++t) pointers_.push_back(row + (stops.first + t * last_.dilation) * step);
      if (stops.n)
        join(to, pointers_.data(), stops.n, inner_);
      else
        fill(to, set_.blank, bytes_, inner_);
      to += step;
    }
  }

  void pick_channels(FsPickFn pick, const std::byte* x, std::byte* to, Index* which) {
    make_room();
    rows_.clear();
    for (std::size_t r = 0; r < met.size(); ++r) rows_.push_back(read(x, r));
    const Index step = inner_ * bytes_;
    for (const Stops& stops : set_.stops.back()) {
      pointers_.clear();
      base_.clear();
      for (std::size_t r = 0; r < met.size(); ++r)
        for (Index t = 0; t < stops.n; ++t) {
          const Index at = stops.first + t * last_.dilation;
          pointers_.push_back(rows_[r] + at * step);
          base_.push_back(met[r].row * last_.n + at);
        }
      if (stops.n) {
        pick(to, picked_.data(), pointers_.data(), static_cast<Index>(pointers_.size()), inner_);
        bytes_ == 4 ? look_up<std::int32_t>(which, inner_, 0) : look_up<std::int64_t>(which, inner_, 0);
      } else {
        fill(to, set_.blank, bytes_, inner_);
        std::fill(which, which + inner_, Index{-1});
      }
      to += step;
      which += inner_;
    }
  }

  // The places of picked rows.
  template <class T>
  void look_up(Index* which, Index n, Index step) const {
    const T* number = reinterpret_cast<const T*>(picked_.data());
    for (Index i = 0; i < n; ++i) which[i] = base_[static_cast<std::size_t>(number[i])] + i * step;
  }

  // Each row that is met has phases of its own.
  void pick_along(FsPickFn pick, const std::byte* x, std::byte* to, Index* which) {
    make_room();
    make_blank(static_cast<Index>(met.size()));
    pointers_.clear();
    base_.clear();
    for (std::size_t r = 0; r < met.size(); ++r) {
      const std::byte* row = phases_.in_place ? read(x, r) : deal(x, r);
      for (std::size_t j = 0; j < phases_.place.size(); ++j) {
        pointers_.push_back(row + phases_.place[j] * bytes_);
        base_.push_back(met[r].row * last_.n + static_cast<Index>(j) * last_.dilation - last_.lo);
      }
    }
    pick(to, picked_.data(), pointers_.data(), static_cast<Index>(pointers_.size()), last_.count);
    bytes_ == 4 ? finish_pick<std::int32_t>(to, which) : finish_pick<std::int64_t>(to, which);
  }

  const std::byte* deal(const std::byte* x, std::size_t r) {
    std::byte* to = dealt_.data() + r * size_of(phases_.size);
    phases_.deal(reader_.load(), x + met[r].offset, reader_.stride, to, bytes_);
    return to;
  }

  template <class T>
  void finish_pick(const std::byte* made, Index* which) const {
    look_up<T>(which, last_.count, last_.stride);
    const T* number = reinterpret_cast<const T*>(made);
    const T blank = static_cast<T>(set_.blank);
    for (Index m = 0; m < last_.count; ++m)
      if (number[m] == blank) which[m] = first_place(m);
  }

  // Where the largest is the least number of all, padding may have been picked.
  Index first_place(Index m) const {
    const Stops& stops = set_.stops.back()[static_cast<std::size_t>(m)];
    return stops.n ? met[0].row * last_.n + stops.first : -1;
  }

  const Setting& set_;
  const PoolAxis& last_;
  Index inner_, bytes_;
  Reader reader_;
  Phases phases_;
  std::vector<Met> next_;
  std::vector<const void*> pointers_;
  std::vector<const std::byte*> rows_;
  std::vector<Index> base_;
  Scratch loaded_, joined_, dealt_, picked_;
  Index blank_rows_ = 0;
};

constexpr Index kPiece = 100000;   // samples that one task reads at least
constexpr double kAlone = 100000;  // fewer are no work for a second thread

// finish(rows, where they begin, row) for every row of outputs, in pieces that are tasks.
template <class Finish>
void for_rows(const Setting& setting, int threads, const Finish& finish) {
  const Index n_rows = setting.rows(), all = count_outer(setting.x, setting.n_outer()) * n_rows;
  if (all == 0 || setting.row_size() == 0) return;
  const Index piece = std::max(Index{1}, kPiece / std::max(Index{1}, setting.work()));
  const bool alone = static_cast<double>(all) * static_cast<double>(setting.work()) < kAlone;
  parallel_for(ceil_div(all, piece), alone ? 1 : threads, [&](Index task) {
    [[maybe_unused]] const KeepDenormals keep;
    Rows rows(setting);
    const Index from = task * piece, to = std::min(all, from + piece);
    Outer outer(setting.x, setting.n_outer(), from / n_rows);
    Index left = n_rows - from % n_rows;
    rows.odometer.set(from % n_rows);
    for (Index row = from; row < to; ++row, rows.odometer.next()) {
      rows.meet();
      finish(rows, setting.x.data + outer.offset, row);
      if (--left == 0) {
        left = n_rows;
        outer.next();
      }
    }
  });
}

// Where rows of outputs are made, and their way into an array of another type.
class Writer {
 public:
  Writer(const Setting& setting, FsType type, const View& y)
      : y_(y), type_bytes_(kTypeBytes[type]), bytes_(kComputeBytes[setting.compute]), n_(setting.row_size()) {
    if (type_bytes_ != bytes_) store_ = chosen_isa().convert->store[setting.compute][type];
  }

  template <class Make>
  void write(Index row, const Make& make) const {
    std::byte* to = y_.data + row * n_ * type_bytes_;
    if (!store_) return make(to);
    thread_local Scratch made;
    make(made.room(n_ * bytes_));
    store_(to, type_bytes_, made.data(), n_);
  }

 private:
  View y_;
  Index type_bytes_, bytes_, n_;
  FsStoreFn store_ = nullptr;
};

}  // namespace

Pooling::Pooling(std::vector<PoolAxis> axes, bool channels_last)
    : axes_(std::move(axes)), channels_last_(channels_last) {
  for (const PoolAxis& axis : axes_) {
    std::vector<Stops>& stops = stops_.emplace_back();
    for (Index m = 0; m < axis.count; ++m) stops.push_back(samples_of(axis, m));
  }
}

void Pooling::largest(FsType type, const View& x, const View& y, Index* which, int threads) const {
  const auto [order, compute] = kOrdered[type];
  const Setting setting{axes_, stops_, channels_last_, type, compute, least(type), x};
  const Writer writer(setting, type, y);
  const FsJoinFn join = chosen_isa().reduce->largest[order];
  const FsFoldFn fold = chosen_isa().reduce->fold_largest[order];
  const FsPickFn pick = chosen_isa().reduce->pick[order];
  for_rows(setting, threads, [&](Rows& rows, const std::byte* from, Index row) {
    writer.write(row, [&](std::byte* to) {
      which ? rows.pick(pick, from, to, which + row * setting.row_size()) : rows.join(join, fold, from, to);
    });
  });
}

// -------------------------------------------------------------------------------- means

namespace {

// What sums are divided by: the product of one number for each axis, that of the last one spread over its row.
class Counts {
 public:
  Counts(const std::vector<PoolAxis>& axes, bool padded, FsCompute compute, Index inner) {
    for (const PoolAxis& axis : axes) {
      std::vector<double>& counts = counts_.emplace_back();
      // A window without samples has the sum 0, and that is its mean.
      for (Index m = 0; m < axis.count; ++m)
        counts.push_back(static_cast<double>(std::max(Index{1}, count_terms(axis, m, padded))));
    }
    for (const double count : counts_.back())
      for (Index c = 0; c < inner; ++c) compute == FS_F32 ? append(static_cast<float>(count)) : append(count);
  }

  const void* of_row() const { return row_.data(); }

  double scale(const std::vector<Index>& at) const {
    double scale = 1;
    for (std::size_t a = 0; a < at.size(); ++a) scale *= counts_[a][static_cast<std::size_t>(at[a])];
    return scale;
  }

 private:
  template <class T>
  void append(T number) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&number);
    row_.insert(row_.end(), bytes, bytes + sizeof(number));
  }

  std::vector<std::vector<double>> counts_;
  Bytes row_;
};

}  // namespace

void Pooling::mean(FsType x_type, FsType y_type, const View& x, const View& y, bool padded, int threads) const {
  const FsCompute compute = mean_compute(x_type);
  const Setting setting{axes_, stops_, channels_last_, x_type, compute, 0, x};
  const Writer writer(setting, y_type, y);
  const Counts counts(axes_, padded, compute, setting.inner());
  const FsReduce& reduce = *chosen_isa().reduce;
  for_rows(setting, threads, [&](Rows& rows, const std::byte* from, Index row) {
    writer.write(row, [&](std::byte* to) {
      rows.join(reduce.sum[compute], reduce.fold_sum[compute], from, to);
      reduce.divide[compute](to, to, counts.of_row(), counts.scale(rows.odometer.at()), setting.row_size());
    });
  });
}

// --------------------------------------------------------------------------------- back

namespace {

// The way back along the last axis where its samples are neighbours: for each phase of them, the shifts at which the
// taps find outputs in a row of dy that has zeros around it.
struct Spread {
  struct Phase {
    Index sample, n, from;  // n samples from `sample` on, `stride` apart; under tap 0 the first has output `from`
    std::vector<Index> shifts;
  };
  std::vector<Phase> phases;
  Index before = 0, after = 0;

  Spread(const PoolAxis& axis, bool channels_last) {
    for (Index p = 0; p < axis.stride && !channels_last; ++p) add_phase(axis, p);
  }

  void add_phase(const PoolAxis& axis, Index p) {
    const Index from = std::max(Index{0}, ceil_div(axis.lo - p, axis.stride));
    const Index to = floor_div(axis.n - 1 + axis.lo - p, axis.stride) + 1;
    if (to <= from) return;
    Phase phase{axis.stride * from + p - axis.lo, to - from, from, {}};
    for (Index j = axis.taps; j-- > 0;)
      if (j * axis.dilation % axis.stride == p) phase.shifts.push_back(j * axis.dilation / axis.stride);
    if (!phase.shifts.empty()) before = std::max(before, phase.shifts.front());
    after = std::max(after, to - axis.count);
    phases.push_back(std::move(phase));
  }
};

class MeanBack {
 public:
  MeanBack(const std::vector<PoolAxis>& axes, bool channels_last, FsType dy_type, FsType dx_type, const View& dy,
           const View& dx, bool padded)
      : axes_(axes),
        last_(axes.back()),
        channels_last_(channels_last),
        compute_(mean_compute(dy_type)),
        bytes_(kComputeBytes[compute_]),
        x_bytes_(kTypeBytes[dx_type]),
        inner_(channels_last ? dy.shape[dy.ndim - 1] : 1),
        dy_(dy),
        dx_(dx),
        n_outer_(dy.ndim - static_cast<int>(axes.size()) - channels_last),
        y_rows_(product(axes, axes.size() - 1, &PoolAxis::count)),
        x_rows_(product(axes, axes.size() - 1, &PoolAxis::n)),
        spread_(last_, channels_last),
        width_((spread_.before + last_.count + spread_.after) * inner_),
        counts_(axes, padded, compute_, inner_),
        reader_(dy_type, compute_, dy, last_.count, inner_, channels_last),
        store_(chosen_isa().convert->store[compute_][dx_type]) {
    for (const PoolAxis& axis : axes_) {
      auto& outputs = outputs_.emplace_back();
      for (Index i = 0; i < axis.n; ++i) outputs.push_back(outputs_of(axis, i));
    }
  }

  void run(int threads) {
    const Index outer = count_outer(dy_, n_outer_);
    const Index row = last_.n * inner_;
    if (outer == 0 || row == 0 || x_rows_ == 0) return;
    shares_.reset(new std::byte[static_cast<std::size_t>(outer * y_rows_ * width_ * bytes_)]);
    if (static_cast<double>(outer) * static_cast<double>(x_rows_) * static_cast<double>(row) < kAlone) threads = 1;
    for_pieces(outer * y_rows_, width_, threads, [this](Index from, Index to) { share(from, to); });
    for_pieces(outer * x_rows_, row, threads, [this](Index from, Index to) { collect(from, to); });
  }

 private:
  template <class Body>
  static void for_pieces(Index rows, Index row_size, int threads, const Body& body) {
    const Index piece = std::max(Index{1}, kPiece / std::max(Index{1}, row_size));
    parallel_for(ceil_div(rows, piece), threads, [&](Index task) {
      [[maybe_unused]] const KeepDenormals keep;
      body(task * piece, std::min(rows, (task + 1) * piece));
    });
  }

  // Rows of dy, divided, with zeros around them.
  void share(Index from, Index to) {
    Scratch read;
    read.room(last_.count * inner_ * bytes_);
    Odometer odometer(axes_, &PoolAxis::count);
    odometer.set(from % y_rows_);
    for (Index row = from; row < to; ++row, odometer.next()) {
      const std::byte* source = dy_.data + Outer(dy_, n_outer_, row / y_rows_).offset;
      for (std::size_t a = 0; a < odometer.at().size(); ++a)
        source += odometer.at()[a] * dy_.strides[n_outer_ + static_cast<int>(a)];
      std::byte* share = shares_.get() + row * width_ * bytes_;
      fill(share, 0, bytes_, spread_.before);
      chosen_isa().reduce->divide[compute_](share + spread_.before * bytes_, reader_.read(source, read.data()),
                                            counts_.of_row(), counts_.scale(odometer.at()), last_.count * inner_);
      fill(share + (spread_.before + last_.count) * bytes_, 0, bytes_, spread_.after);
    }
  }

  struct Work {
    std::vector<Index> met, next;
    std::vector<const void*> pointers;
    Scratch sum, out;
  };

  // Rows of dx.
  void collect(Index from, Index to) {
    Work scratch;
    scratch.sum.room(width_ * bytes_);
    scratch.out.room(last_.n * inner_ * bytes_);
    Odometer odometer(axes_, &PoolAxis::n);
    odometer.set(from % x_rows_);
    for (Index row = from; row < to; ++row, odometer.next()) {
      meet(scratch, odometer.at());
      const std::byte* shares = shares_.get() + row / x_rows_ * y_rows_ * width_ * bytes_;
      std::byte* const dx = dx_.data + row * last_.n * inner_ * x_bytes_;
      scratch.pointers.clear();
      for (const Index met : scratch.met) scratch.pointers.push_back(shares + met * width_ * bytes_);
      const std::byte* summed = sum(scratch.pointers, scratch.sum.data(), width_);
      channels_last_ ? spread_channels(scratch, summed, dx) : spread_along(scratch, summed, dx);
    }
  }

  // Rows of dy that have samples of this row of dx.
  void meet(Work& scratch, const std::vector<Index>& at) const {
    scratch.met.assign(1, 0);
    for (std::size_t a = 0; a < at.size(); ++a) {
      scratch.next.clear();
      for (const Index one : scratch.met)
        for (const Index m : outputs_[a][static_cast<std::size_t>(at[a])])
          scratch.next.push_back(one * axes_[a].count + m);
      scratch.met.swap(scratch.next);
    }
  }

  // The sum of some rows, in `to`, or the only one where it lies.
  const std::byte* sum(const std::vector<const void*>& rows, std::byte* to, Index n) const {
    if (rows.size() == 1) return static_cast<const std::byte*>(rows[0]);
    if (rows.empty())
      fill(to, 0, bytes_, n);
    else
      chosen_isa().reduce->sum[compute_](to, rows.data(), static_cast<Index>(rows.size()), n);
    return to;
  }

  void spread_along(Work& scratch, const std::byte* summed, std::byte* dx) const {
    if (last_.is_whole()) {
      std::uint64_t share = 0;
      std::memcpy(&share, summed + spread_.before * bytes_, static_cast<std::size_t>(bytes_));
      fill(scratch.out.data(), share, bytes_, last_.n);
      return store_(dx, x_bytes_, scratch.out.data(), last_.n);
    }
    for (const Spread::Phase& phase : spread_.phases) {
      scratch.pointers.clear();
      for (const Index shift : phase.shifts)
        scratch.pointers.push_back(summed + (spread_.before + phase.from - shift) * bytes_);
      const std::byte* made = sum(scratch.pointers, scratch.out.data(), phase.n);
      store_(dx + phase.sample * x_bytes_, last_.stride * x_bytes_, made, phase.n);
    }
  }

  void spread_channels(Work& scratch, const std::byte* summed, std::byte* dx) const {
    for (const std::vector<Index>& outputs : outputs_.back()) {
      scratch.pointers.clear();
      for (const Index m : outputs) scratch.pointers.push_back(summed + m * inner_ * bytes_);
      store_(dx, x_bytes_, sum(scratch.pointers, scratch.out.data(), inner_), inner_);
      dx += inner_ * x_bytes_;
    }
  }

  const std::vector<PoolAxis>& axes_;
  const PoolAxis& last_;
  bool channels_last_;
  FsCompute compute_;
  Index bytes_, x_bytes_, inner_;
  View dy_, dx_;
  int n_outer_;
  Index y_rows_, x_rows_;
  Spread spread_;
  Index width_;
  Counts counts_;
  Reader reader_;
  FsStoreFn store_;
  std::vector<std::vector<std::vector<Index>>> outputs_;
  std::unique_ptr<std::byte[]> shares_;
};

template <class T>
void scatter(const std::byte* dy, const Index* which, std::byte* dx, Index outputs, Index width, Index block,
             Index samples) {
  const T* from = reinterpret_cast<const T*>(dy);
  T* to = reinterpret_cast<T*>(dx);
  for (Index m = 0; m < outputs; ++m)
    for (Index c = 0; c < block; ++c) {
      const Index at = which[m * width + c];
      if (at >= samples || at < -1) throw std::out_of_range("indices");
      if (at >= 0) to[at * width + c] += from[m * width + c];
    }
}

constexpr decltype(&scatter<float>) kScatter[FS_N_COMPUTE] = {scatter<float>, scatter<double>, scatter<std::uint32_t>,
                                                              scatter<std::uint64_t>};

}  // namespace

void Pooling::mean_back(FsType dy_type, FsType dx_type, const View& dy, const View& dx, bool padded,
                        int threads) const {
  MeanBack(axes_, channels_last_, dy_type, dx_type, dy, dx, padded).run(threads);
}

void Pooling::largest_back(FsCompute type, const View& dy, const Index* which, const View& dx, int threads) const {
  const Index outputs = product(axes_, axes_.size(), &PoolAxis::count);
  const Index samples = product(axes_, axes_.size(), &PoolAxis::n);
  const Index width = channels_last_ ? dy.shape[dy.ndim - 1] : 1, block = std::min(width, Index{64});
  const Index outer = count_outer(dy, dy.ndim - static_cast<int>(axes_.size()) - channels_last_);
  const Index blocks = block ? ceil_div(width, block) : 0, bytes = kComputeBytes[type];
  const double work = static_cast<double>(outer) * static_cast<double>(outputs * width);
  parallel_for(outer * blocks, work < kAlone ? 1 : threads, [&](Index task) {
    [[maybe_unused]] const KeepDenormals keep;
    const Index index = task / blocks, first = task % blocks * block;
    const Index y_at = index * outputs * width + first, x_at = index * samples * width + first;
    kScatter[type](dy.data + y_at * bytes, which + y_at, dx.data + x_at * bytes, outputs, width,
                   std::min(block, width - first), samples);
  });
}

}  // namespace flipslide
