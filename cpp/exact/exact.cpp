#include "exact.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "../thread/pool.hpp"
#include "long_sum.hpp"

namespace flipslide {

namespace {

constexpr double kUnit = 0x1p-53;
// Outputs that are rounded in one go, and by one task.
constexpr Index kPiece = 512, kTask = 8192;

const FloatFormat& format_of(FsType type) { return type == FS_T_F16 ? kHalf : type == FS_T_F32 ? kSingle : kDouble; }

// The nearest number of half precision. Scaled by a power of two, numbers are one apart.
double round_to_half(double a) {
  if (!(std::abs(a) < 65520)) return std::isnan(a) ? a : std::copysign(HUGE_VAL, a);
  const int exponent = a == 0 ? kHalf.lowest : std::max(std::ilogb(a) - 10, kHalf.lowest);
  return std::ldexp(std::nearbyint(std::ldexp(a, -exponent)), exponent);
}

double round_to(FsType type, double a) {
  return type == FS_T_F16 ? round_to_half(a) : type == FS_T_F32 ? static_cast<double>(static_cast<float>(a)) : a;
}

bool are_same(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

double add_exactly(double a, double b, double& error) {
  const double sum = a + b, part = sum - a;
  error = (a - (sum - part)) + (b - part);
  return sum;
}

void add_to(FsExactSum& sum, double b) {
  double error;
  sum.high = add_exactly(sum.high, b, error);
  if (error != 0 && sum.low != 0) sum.error += 4 * kUnit * (std::abs(error) + std::abs(sum.low));
  sum.low += error;
}

// The nearest number of a type, if it is certain; a sum of nothing but zeros is +0. An odd last bit keeps a double that
// is not the sum itself away from ties of narrower formats (Boldo and Melquiond 2008).
bool decide(const FsExactSum& sum, FsType type, double& nearest) {
  double rest;
  const double whole = add_exactly(sum.high, sum.low, rest);
  if (!std::isfinite(whole) || !std::isfinite(rest) || !std::isfinite(sum.error)) return false;
  const double error = sum.error + 4 * kUnit * std::abs(rest);
  if (sum.error == 0 && (rest == 0 || type == FS_T_F64)) {
    nearest = whole == 0 ? 0 : round_to(type, whole);
    return true;
  }
  if (type == FS_T_F64) {
    const double below = whole + (rest - error), above = whole + (rest + error);
    nearest = below;
    return are_same(below, above) && below != 0;
  }
  if (std::abs(rest) > 2 * error && std::abs(whole) > 0x1p-1000) {
    std::int64_t bits;
    std::memcpy(&bits, &whole, sizeof bits);
    if (!(bits & 1)) bits += (rest > 0) == (whole > 0) ? 1 : -1;
    double odd;
    std::memcpy(&odd, &bits, sizeof odd);
    nearest = round_to(type, odd);
    return true;
  }
  const double reach = std::abs(rest) + error + 4 * kUnit * std::abs(whole);
  nearest = round_to(type, whole - reach);
  return are_same(nearest, round_to(type, whole + reach));
}

// Infinities and NaNs decide a sum alone. False: there are none.
bool add_specials(const double* x, const double* w, Index n, double bias, double& total) {
  bool found = !std::isfinite(bias);
  total = found ? bias : 0;
  for (Index i = 0; i < n; ++i)
    if (!std::isfinite(x[i]) || !std::isfinite(w[i])) {
      total += x[i] * w[i];
      found = true;
    }
  return found;
}

double sum_long(const double* x, const double* w, Index n, double bias, FsType type) {
  LongSum sum;
  for (Index i = 0; i < n; ++i) sum.add_product(x[i], w[i]);
  sum.add(bias);
  return sum.round(format_of(type));
}

// A dimension of y: an axis, or a loop whose number it makes up with others of its kind.
struct Dim {
  enum Of { nothing, axis, batch, group, out };
  Index size = 1, stride = 0;
  Of of = nothing;
  Index number = 0;  // of the axis; of the loop: how much a step adds to the place among all of its kind
};

class Rounder {
 public:
  Rounder(const ExactCall& call, int threads);
  void run(const double* sums, int threads) const;

 private:
  const ExactCall& call_;
  const Convolution& c_;
  const Extents extents_;
  const Terms terms_;
  const bool has_exact_products_;
  const bool loses_errors_;  // products may have errors that no double holds
  double gamma_;             // a sum is within gamma_·(Σ|w|·max|x| + |bias|)
  double grid_ = 0;          // every term is a multiple of this power of two; 0: there are none
  double most_sum_ = 0, most_bias_ = 0;
  std::vector<Dim> dims_;  // of y
  mutable std::atomic<Index> again_{0};

  // A thread's own.
  struct Work {
    Terms::Room room;
    std::vector<double> sums;
    std::vector<float> floats;
    std::vector<Index> uncertain;
  };

  // Some outputs along the last dimension.
  struct Piece {
    OutputPlace place;  // of the first one
    Index first, n;
    std::byte* y;        // of the whole row
    const double* sums;  // of the piece; null: none
  };

  void find_dims();
  void find_bound();
  void find_grid();
  const Dim& last() const { return dims_.back(); }
  void move(OutputPlace& place, const Dim& dim, Index to) const;
  double bias_of(const OutputPlace& place) const;
  void round_row(Index row, Index first, Index end, const double* sums, Work& work) const;
  Index length_of(const OutputPlace& place, Index first, Index end) const;
  void round_piece(Piece& piece, Work& work) const;
  double reach_of(const OutputPlace& place) const;
  void round_sums(const Piece& piece, float* to, Work& work) const;
  const double* snap(const double* sums, Index n, Work& work) const;
  void sum_all(Piece& piece, Work& work) const;
  double sum_again(const OutputPlace& place, Work& work) const;
  void store(const Piece& piece, const float* from) const;
};

Rounder::Rounder(const ExactCall& call, int threads)
    : call_(call),
      c_(call.c),
      extents_(call.c, call.x, call.c.method.transforms, threads),
      terms_(call.c, call.x, call.taps),
      has_exact_products_(call.result != FS_T_F64),
      loses_errors_(!has_exact_products_ && !(extents_.least() * call.taps.least > 0x1p-960)) {
  find_dims();
  find_bound();
  find_grid();
}

// Of loops of one kind the last one turns fastest.
void Rounder::find_dims() {
  dims_.resize(static_cast<std::size_t>(call_.y.ndim));
  for (int d = 0; d < call_.y.ndim; ++d)
    dims_[static_cast<std::size_t>(d)] = {call_.y.shape[d], call_.y.strides[d], Dim::nothing, 0};
  const auto name = [&](int d, Dim::Of of, Index number) {
    if (d < 0) return;
    dims_[static_cast<std::size_t>(d)].of = of;
    dims_[static_cast<std::size_t>(d)].number = number;
  };
  for (std::size_t a = 0; a < c_.slides.size(); ++a) name(c_.slides[a].axis.y_dim, Dim::axis, static_cast<Index>(a));
  const auto name_loops = [&](const std::vector<Loop>& loops, Dim::Of of) {
    Index step = 1;
    for (std::size_t i = loops.size(); i-- > 0; step *= loops[i].size) name(loops[i].y_dim, of, step);
  };
  name_loops(c_.batch_loops, Dim::batch);
  name_loops(c_.group_loops, Dim::group);
  name_loops(c_.out_loops, Dim::out);
}

// A direct sum is within γ·Σ|w|·max|x| over its window; a transform within γ·Σ|w|·√Σ|x|² over its tile, and where it
// summed directly again within the former. Four roundings are for the bias and for what the error itself is added to.
void Rounder::find_bound() {
  const double n_terms = static_cast<double>(c_.taps_per_channel * c_.n_in);
  double points = static_cast<double>(c_.parts);
  for (const Index n : c_.tile) points *= static_cast<double>(n);
  gamma_ = (n_terms + 2) * kUnit * (c_.parts == 2 ? 4 : 1) + 4 * kUnit;
  if (c_.method.transforms) gamma_ += c_.method.gamma(c_, c_.tile) * std::sqrt(points);
  gamma_ *= 1.01;
  for (const double sum : call_.taps.sums) most_sum_ = std::max(most_sum_, sum);
  for (Index i = 0; call_.bias && i < c_.n_channels() * c_.parts; ++i)
    most_bias_ = std::max(most_bias_, std::abs(call_.bias[i]));
}

// Products of multiples of two powers of two are multiples of their product.
void Rounder::find_grid() {
  double bias = HUGE_VAL, ignored = 0;
  const double products = extents_.least() * call_.taps.least;
  if (call_.bias) c_.isa.exact->extent_doubles(call_.bias, c_.n_channels() * c_.parts, &ignored, &bias);
  if (has_exact_products_ && products < HUGE_VAL) grid_ = std::min(products, bias);
}

void Rounder::move(OutputPlace& place, const Dim& dim, Index to) const {
  const auto turn = [&](Index& among) { among += (to - among / dim.number % dim.size) * dim.number; };
  if (dim.of == Dim::batch) return turn(place.batch);
  if (dim.of == Dim::group) return turn(place.group);
  if (dim.of == Dim::out) return turn(place.out);
  if (dim.of != Dim::axis) return;
  const Slide& slide = c_.slides[static_cast<std::size_t>(dim.number)];
  place.at[dim.number] = slide.y_reversed ? slide.axis.y - 1 - to : to;
}

double Rounder::bias_of(const OutputPlace& place) const {
  return call_.bias ? call_.bias[(place.group * c_.n_out + place.out) * c_.parts + place.part] : 0;
}

// A task is some whole rows, or a piece of a long one.
void Rounder::run(const double* sums, int threads) const {
  Index n_rows = 1;
  for (std::size_t d = 0; d + 1 < dims_.size(); ++d) n_rows *= dims_[d].size;
  const Index length = last().size, per_row = (length + kTask - 1) / kTask;
  const Index per_task = std::max<Index>(1, kTask / length);
  const bool is_quick = c_.products < (sums ? kWorthSharing : kWorthSharing / 16);
  parallel_for(per_row > 1 ? n_rows * per_row : (n_rows + per_task - 1) / per_task, is_quick ? 1 : threads,
               [&](Index task) {
                 Watch::look();
                 Work work;
                 if (per_row > 1) {
                   const Index first = task % per_row * kTask;
                   return round_row(task / per_row, first, std::min(length, first + kTask), sums, work);
                 }
                 for (Index row = task * per_task; row < std::min(n_rows, (task + 1) * per_task); ++row)
                   round_row(row, 0, length, sums, work);
               });
  outputs_redone() = again_;
}

void Rounder::round_row(Index row, Index first, Index end, const double* sums, Work& work) const {
  Piece piece{};
  piece.y = call_.y.data;
  Index rest = row;
  for (std::size_t d = dims_.size() - 1; d-- > 0; rest /= dims_[d].size) {
    move(piece.place, dims_[d], rest % dims_[d].size);
    piece.y += rest % dims_[d].size * dims_[d].stride;
  }
  for (piece.first = first; piece.first < end; piece.first += piece.n) {
    move(piece.place, last(), piece.first);
    piece.n = length_of(piece.place, piece.first, end);
    piece.sums = sums ? sums + (row * last().size + piece.first) * c_.parts : nullptr;
    round_piece(piece, work);
  }
}

// Outputs from the first on that share a bound.
Index Rounder::length_of(const OutputPlace& place, Index first, Index end) const {
  const Index most = std::min(kPiece, end - first);
  if (last().of == Dim::batch || last().of == Dim::group) return 1;
  if (last().of != Dim::axis) return most;
  const int a = static_cast<int>(last().number);
  const Index block = extents_.outputs_per_block(a), at = place.at[a] % block;
  const bool is_reversed = c_.slides[static_cast<std::size_t>(a)].y_reversed;
  return std::min(most, is_reversed ? at + 1 : block - at);
}

// Σ|w|·max|x| + |bias|, of all channels where they follow each other.
double Rounder::reach_of(const OutputPlace& place) const {
  Index block[kMaxAxes];
  for (int a = 0; a < static_cast<int>(c_.slides.size()); ++a) block[a] = place.at[a] / extents_.outputs_per_block(a);
  const bool all = last().of == Dim::out;
  const double sum = all ? most_sum_ : call_.taps.sums[static_cast<std::size_t>(place.group * c_.n_out + place.out)];
  return sum * extents_.most(place.batch, place.group, block) + most_bias_;
}

void Rounder::round_piece(Piece& piece, Work& work) const {
  if (!piece.sums) return sum_all(piece, work);
  const bool in_place = call_.result == FS_T_F32 && last().stride == kTypeBytes[FS_T_F32] * c_.parts &&
                        reinterpret_cast<std::uintptr_t>(piece.y) % alignof(float) == 0;
  work.floats.resize(kPiece * 2);
  float* to = in_place ? reinterpret_cast<float*>(piece.y + piece.first * last().stride) : work.floats.data();
  round_sums(piece, to, work);
  for (const Index i : work.uncertain) {
    OutputPlace place = piece.place;
    move(place, last(), piece.first + i / c_.parts);
    place.part = i % c_.parts;
    to[i] = static_cast<float>(sum_again(place, work));
  }
  if (!work.uncertain.empty()) again_ += std::ssize(work.uncertain);
  if (!in_place) store(piece, to);
}

// Sums of few bits are exact, and so are those that a transform leaves within half a step of their grid once they are
// rounded to it.
void Rounder::round_sums(const Piece& piece, float* to, Work& work) const {
  const Index n = piece.n * c_.parts;
  const double reach = reach_of(piece.place) * 1.01;
  double error = gamma_ * reach;
  const double* sums = piece.sums;
  if (grid_ > 0 && !c_.method.transforms && reach <= 0x1p53 * grid_) {
    error = 0;
  } else if (grid_ > 0 && error < 0.49 * grid_ && reach < 0x1p50 * grid_) {
    sums = snap(sums, n, work);
    error = 0;
  }
  work.uncertain.resize(static_cast<std::size_t>(n));
  if (call_.result == FS_T_F32) {
    const Index found = c_.isa.exact->round(to, sums, error, n, work.uncertain.data());
    return work.uncertain.resize(static_cast<std::size_t>(found));
  }
  work.uncertain.clear();
  for (Index i = 0; i < n; ++i) {
    const double below = round_to_half(sums[i] + 0.0 - error), above = round_to_half(sums[i] + 0.0 + error);
    to[i] = static_cast<float>(above);
    if (!are_same(below, above) || std::isnan(above)) work.uncertain.push_back(i);
  }
}

// Beside 1.5·2^52 steps doubles are a step apart.
const double* Rounder::snap(const double* sums, Index n, Work& work) const {
  work.sums.resize(kPiece * 2);
  const double shift = 0x1.8p52 * grid_;
  for (Index i = 0; i < n; ++i) work.sums[static_cast<std::size_t>(i)] = (sums[i] + shift) - shift;
  return work.sums.data();
}

void Rounder::store(const Piece& piece, const float* from) const {
  const Index part = kTypeBytes[call_.result];
  std::byte* to = piece.y + piece.first * last().stride;
  const FsStoreFn put = c_.isa.convert->store[FS_F32][call_.result];
  if (c_.parts == 1) return put(to, last().stride, from, piece.n);
  for (Index i = 0; i < piece.n; ++i) put(to + i * last().stride, part, from + 2 * i, 2);
}

void Rounder::sum_all(Piece& piece, Work& work) const {
  const Index part = kTypeBytes[call_.result];
  for (Index i = 0; i < piece.n; ++i) {
    move(piece.place, last(), piece.first + i);
    for (piece.place.part = 0; piece.place.part < c_.parts; ++piece.place.part) {
      const double sum = sum_again(piece.place, work);
      const float narrow = static_cast<float>(sum);
      std::byte* to = piece.y + (piece.first + i) * last().stride + piece.place.part * part;
      if (call_.result == FS_T_F64)
        std::memcpy(to, &sum, sizeof sum);
      else
        c_.isa.convert->store[FS_F32][call_.result](to, part, &narrow, 1);
    }
  }
  piece.place.part = 0;
}

double Rounder::sum_again(const OutputPlace& place, Work& work) const {
  const double *w = terms_.read(place, work.room), *x = work.room.x.data();
  const Index n = call_.taps.length;
  const double bias = bias_of(place);
  FsExactSum sum;
  double nearest;
  c_.isa.exact->sum[has_exact_products_ ? 0 : 1](x, w, n, &sum);
  if (loses_errors_) sum.error += static_cast<double>(n) * 0x1p-1068;
  if (call_.bias) add_to(sum, bias);
  if (decide(sum, call_.result, nearest) || add_specials(x, w, n, bias, nearest)) return nearest;
  return sum_long(x, w, n, bias, call_.result);
}

}  // namespace

void round_once(const ExactCall& call, const double* sums, int threads) {
  if (call.c.has_outputs()) Rounder(call, threads).run(sums, threads);
}

}  // namespace flipslide
