// The core without Python: random problems, each method, against the sum as it is defined.
//
// This is what the sanitizers run (.ci/run sanitize). Every array is allocated on its own and
// to the byte, so a read or write beyond its end is found. `test_core seed` repeats a run,
// `test_core seed 100` takes fewer problems, none of them large.
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "methods/methods.hpp"
#include "fft/radices.hpp"
#include "planner/counts.hpp"
#include "planner/question.hpp"
#include "taps/cache.hpp"

#if defined(__aarch64__)
using Half = __fp16;
#else
using Half = _Float16;
#endif

namespace {

using namespace flipslide;

// Wide enough to hold every type's numbers, and exact sums of the integers used here.
using Number = std::complex<long double>;

// ------------------------------------------------------------------------------- chance

class Chance {
 public:
  explicit Chance(unsigned seed) : engine_(seed) {}
  Index between(Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(engine_); }
  bool one_in(Index n) { return between(1, n) == 1; }
  long double real() { return std::uniform_real_distribution<double>(-1, 1)(engine_); }

 private:
  std::mt19937_64 engine_;
};

// -------------------------------------------------------------------------------- types

constexpr Index kBytes[FS_N_TYPES] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 4, 8};
constexpr Index kComputeBytes[FS_N_COMPUTE] = {4, 8, 4, 8};

bool is_integer(FsType type) { return type < FS_T_F16; }
bool is_unsigned(FsType type) { return type == FS_T_BOOL || (type >= FS_T_U8 && type <= FS_T_U64); }

template <class T>
long double read_as(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return static_cast<long double>(value);
}

template <class T>
void write_as(std::byte* to, long double number) {
  const T value = static_cast<T>(number);
  std::memcpy(to, &value, sizeof(T));
}

long double read(FsType type, const std::byte* from) {
  switch (type) {
    case FS_T_BOOL:
    case FS_T_U8: return read_as<std::uint8_t>(from);
    case FS_T_I8: return read_as<std::int8_t>(from);
    case FS_T_I16: return read_as<std::int16_t>(from);
    case FS_T_I32: return read_as<std::int32_t>(from);
    case FS_T_I64: return read_as<std::int64_t>(from);
    case FS_T_U16: return read_as<std::uint16_t>(from);
    case FS_T_U32: return read_as<std::uint32_t>(from);
    case FS_T_U64: return read_as<std::uint64_t>(from);
    case FS_T_F16: return read_as<Half>(from);
    case FS_T_F32: return read_as<float>(from);
    default: return read_as<double>(from);
  }
}

void write(FsType type, std::byte* to, long double number) {
  switch (type) {
    case FS_T_BOOL:
    case FS_T_U8: return write_as<std::uint8_t>(to, number);
    case FS_T_I8: return write_as<std::int8_t>(to, number);
    case FS_T_I16: return write_as<std::int16_t>(to, number);
    case FS_T_I32: return write_as<std::int32_t>(to, number);
    case FS_T_I64: return write_as<std::int64_t>(to, number);
    case FS_T_U16: return write_as<std::uint16_t>(to, number);
    case FS_T_U32: return write_as<std::uint32_t>(to, number);
    case FS_T_U64: return write_as<std::uint64_t>(to, number);
    case FS_T_F16: return write_as<Half>(to, number);
    case FS_T_F32: return write_as<float>(to, number);
    default: return write_as<double>(to, number);
  }
}

void write_compute(FsCompute type, std::byte* to, long double number) {
  constexpr FsType same[FS_N_COMPUTE] = {FS_T_F32, FS_T_F64, FS_T_I32, FS_T_I64};
  write(same[type], to, number);
}

// What an integer type does with a number that it cannot hold.
long double wrapped(FsType type, long double exact) {
  const auto bits = static_cast<unsigned>(8 * kBytes[type]);
  auto low = static_cast<std::uint64_t>(static_cast<std::int64_t>(exact));
  if (bits == 64) return is_unsigned(type) ? static_cast<long double>(low) : exact;
  low &= (std::uint64_t(1) << bits) - 1;
  const bool negative = !is_unsigned(type) && (low >> (bits - 1));
  return static_cast<long double>(low) - (negative ? std::ldexp(1.0L, static_cast<int>(bits)) : 0.0L);
}

long double clipped(FsType type, long double exact) {
  const int bits = static_cast<int>(8 * kBytes[type]) - (is_unsigned(type) ? 0 : 1);
  const long double low = is_unsigned(type) ? 0.0L : -std::ldexp(1.0L, bits), high = std::ldexp(1.0L, bits) - 1;
  return exact < low ? low : exact > high ? high : exact;
}

// Half a unit in the last place of 1.
long double roundoff(FsType type) {
  switch (type) {
    case FS_T_F16: return std::ldexp(1.0L, -11);
    case FS_T_F32: return std::ldexp(1.0L, -24);
    default: return std::ldexp(1.0L, -53);
  }
}

// ------------------------------------------------------------------------------- arrays

// A strided array in a block of memory of just its size. Axes may lie in any order, backwards
// and with gaps between samples.
class Array {
 public:
  Array(Chance& chance, std::vector<Index> shape, FsType type, Index parts, bool plain)
      : type_(type), parts_(parts), shape_(std::move(shape)), strides_(shape_.size()) {
    std::vector<std::size_t> order(shape_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (!plain)
      for (std::size_t i = order.size(); i > 1; --i)
        std::swap(order[i - 1], order[static_cast<std::size_t>(chance.between(0, static_cast<Index>(i) - 1))]);
    Index step = kBytes[type] * parts, first = 0;
    bytes_ = step;
    for (std::size_t i = order.size(); i-- > 0;) {
      const Index n = shape_[order[i]];
      if (!plain && chance.one_in(4)) step *= 2;
      const bool backwards = !plain && n > 1 && chance.one_in(4);
      strides_[order[i]] = backwards ? -step : step;
      if (backwards) first += step * (n - 1);
      bytes_ += step * (n > 0 ? n - 1 : 0);
      step *= n > 0 ? n : 1;
    }
    memory_ = std::make_unique<std::byte[]>(static_cast<std::size_t>(bytes_));
    data_ = memory_.get() + first;
  }

  Array(const Array& of)
      : type_(of.type_), parts_(of.parts_), shape_(of.shape_), strides_(of.strides_), bytes_(of.bytes_) {
    memory_ = std::make_unique<std::byte[]>(static_cast<std::size_t>(bytes_));
    data_ = memory_.get() + (of.data_ - of.memory_.get());
    std::memcpy(memory_.get(), of.memory_.get(), static_cast<std::size_t>(bytes_));
  }

  View view() const {
    View view;
    view.data = data_;
    view.ndim = static_cast<int>(shape_.size());
    view.shape = shape_.data();
    view.strides = strides_.data();
    return view;
  }

  std::byte* at(const std::vector<Index>& index) const {
    std::byte* place = data_;
    for (std::size_t i = 0; i < index.size(); ++i) place += index[i] * strides_[i];
    return place;
  }
  Number get(const std::vector<Index>& index) const {
    const std::byte* place = at(index);
    return {read(type_, place), parts_ == 2 ? read(type_, place + kBytes[type_]) : 0.0L};
  }
  void set(const std::vector<Index>& index, Number number) {
    write(type_, at(index), number.real());
    if (parts_ == 2) write(type_, at(index) + kBytes[type_], number.imag());
  }

  const std::vector<Index>& shape() const { return shape_; }
  bool same_bytes(const Array& other) const {
    return std::memcmp(memory_.get(), other.memory_.get(), static_cast<std::size_t>(bytes_)) == 0;
  }

 private:
  FsType type_;
  Index parts_;
  std::vector<Index> shape_, strides_;
  Index bytes_ = 0;
  std::unique_ptr<std::byte[]> memory_;
  std::byte* data_ = nullptr;
};

// Calls visit(index) for every index of a box.
template <class Visit>
void for_each_index(const std::vector<Index>& sizes, Visit&& visit) {
  for (Index n : sizes)
    if (n == 0) return;
  std::vector<Index> index(sizes.size(), 0);
  for (;;) {
    visit(index);
    std::size_t d = sizes.size();
    while (d-- > 0 && ++index[d] == sizes[d]) index[d] = 0;
    if (d == std::size_t(-1)) return;
  }
}

// ---------------------------------------------------------------------------- a problem

struct Trial {
  Spec spec;
  Types types;
  std::vector<Index> x_shape, w_shape, y_shape;
  Number fill;
  bool has_bias, plain;
};

struct Kind {
  FsType x, w, y;
  FsCompute compute;
  bool is_complex, saturate;
};

constexpr Kind kKinds[] = {
    {FS_T_F32, FS_T_F32, FS_T_F32, FS_F32, false, false}, {FS_T_F64, FS_T_F64, FS_T_F64, FS_F64, false, false},
    {FS_T_I32, FS_T_I32, FS_T_I32, FS_I32, false, false}, {FS_T_I64, FS_T_I64, FS_T_I64, FS_I64, false, false},
    {FS_T_U8, FS_T_I8, FS_T_I32, FS_I32, false, false},   {FS_T_U8, FS_T_I16, FS_T_I64, FS_I64, false, false},
    {FS_T_I16, FS_T_I16, FS_T_I32, FS_I32, false, false}, {FS_T_I16, FS_T_I8, FS_T_I16, FS_I32, false, false},
    {FS_T_U8, FS_T_I16, FS_T_I16, FS_I32, false, false},  {FS_T_BOOL, FS_T_U8, FS_T_U16, FS_I32, false, false},
    {FS_T_I8, FS_T_I8, FS_T_I8, FS_I32, false, false},    {FS_T_U16, FS_T_U16, FS_T_U16, FS_I32, false, false},
    {FS_T_U8, FS_T_I8, FS_T_U8, FS_I64, false, true},     {FS_T_I16, FS_T_I16, FS_T_I16, FS_I64, false, true},
    {FS_T_F16, FS_T_F16, FS_T_F16, FS_F32, false, false}, {FS_T_U8, FS_T_F32, FS_T_F32, FS_F32, false, false},
    {FS_T_F32, FS_T_F64, FS_T_F64, FS_F64, false, false}, {FS_T_F32, FS_T_F32, FS_T_F32, FS_F32, true, false},
    {FS_T_F64, FS_T_F64, FS_T_F64, FS_F64, true, false},
};

int add_dim(std::vector<Index>& shape, Index size) {
  shape.push_back(size);
  return static_cast<int>(shape.size()) - 1;
}

Index nonzero(Chance& chance, Index most) { return chance.between(1, most) * (chance.one_in(3) ? -1 : 1); }

Axis small_axis(Chance& chance) {
  Axis axis{};
  axis.x = chance.between(1, 9);
  axis.w = chance.between(1, 4);
  axis.y = chance.one_in(40) ? 0 : chance.between(1, 8);
  axis.start = chance.between(-7, 7);
  axis.stride = nonzero(chance, 3);
  axis.dilation = nonzero(chance, 3);
  axis.up = chance.one_in(3) ? chance.between(2, 3) : 1;
  axis.boundary = static_cast<Boundary>(chance.between(0, 5));
  if (axis.boundary <= Boundary::constant && chance.one_in(20)) axis.x = 0;
  return axis;
}

// Long enough for an interior that is read where it lies, between two ends that are packed.
Axis long_axis(Chance& chance) {
  Axis axis = small_axis(chance);
  axis.x = chance.between(300, 700);
  axis.w = chance.between(1, 9);
  axis.up = 1;
  axis.stride = chance.one_in(4) ? 2 : 1;
  axis.start = chance.between(-6, 3);
  axis.y = (axis.x + chance.between(-20, 10)) / axis.stride;
  if (chance.one_in(4)) {
    axis.start += axis.stride * (axis.y - 1);
    axis.stride = -axis.stride;
  }
  return axis;
}

void add_loop(Trial& problem, Index size, bool in_x, bool in_w, bool in_y) {
  Loop loop{size, -1, -1, -1};
  if (in_x) loop.x_dim = add_dim(problem.x_shape, size);
  if (in_w) loop.w_dim = add_dim(problem.w_shape, size);
  if (in_y) loop.y_dim = add_dim(problem.y_shape, size);
  problem.spec.loops.push_back(loop);
}

void add_axis(Trial& problem, Axis axis) {
  axis.x_dim = add_dim(problem.x_shape, axis.x);
  axis.w_dim = add_dim(problem.w_shape, axis.w);
  axis.y_dim = add_dim(problem.y_shape, axis.y);
  problem.spec.axes.push_back(axis);
}

Trial random_problem(Chance& chance, bool is_long) {
  Trial problem{};
  const Kind& kind = kKinds[chance.between(0, static_cast<Index>(std::size(kKinds)) - 1)];
  problem.types = {kind.x, kind.w, kind.y, kind.compute, kind.is_complex, kind.saturate};
  problem.plain = is_long || chance.one_in(2);
  problem.has_bias = chance.one_in(2);
  if (chance.one_in(3)) add_loop(problem, chance.between(1, 3), true, false, true);                 // batch
  if (chance.one_in(4)) add_loop(problem, chance.between(1, 3), true, true, true);                  // group
  if (chance.one_in(2)) add_loop(problem, chance.between(1, is_long ? 4 : 13), false, true, true);  // out
  if (chance.one_in(2)) add_loop(problem, chance.between(1, 4), true, true, false);                 // in
  const Index n_axes = chance.between(1, is_long ? 2 : 3);
  for (Index a = 0; a + 1 < n_axes; ++a) add_axis(problem, small_axis(chance));
  add_axis(problem, is_long ? long_axis(chance) : small_axis(chance));
  const bool is_real_number = !is_integer(kind.x) || !is_integer(kind.w);
  problem.spec.conj_x = kind.is_complex && chance.one_in(2);
  problem.spec.conj_w = kind.is_complex && chance.one_in(2);
  problem.fill = is_real_number ? Number(chance.real(), kind.is_complex ? chance.real() : 0)
                                : Number(static_cast<long double>(chance.between(0, 9)), 0);
  // The compute type's own number, so that both sides see the same.
  std::byte rounded[8];
  const FsType part = kind.compute == FS_F32 ? FS_T_F32 : FS_T_F64;
  if (is_real_number) {
    write(part, rounded, problem.fill.real());
    const long double re = read(part, rounded);
    write(part, rounded, problem.fill.imag());
    problem.fill = {re, read(part, rounded)};
  }
  return problem;
}

// A call with enough work to be shared among threads, in more than one tile.
Trial shared_problem(Chance& chance, FsType type, FsCompute compute) {
  Trial problem{};
  problem.types = {type, type, type, compute, false, false};
  problem.has_bias = problem.plain = true;
  add_loop(problem, 2, true, false, true);
  add_loop(problem, 5, false, true, true);
  add_loop(problem, 3, true, true, false);
  Axis rows = small_axis(chance), columns = long_axis(chance);
  rows = {40, 3, 40, -1, 1, 1, 1, Boundary::mirror, 0, 0, 0};
  columns.stride = columns.dilation = 1;
  columns.start = -2;
  columns.y = columns.x;
  add_axis(problem, rows);
  add_axis(problem, columns);
  return problem;
}

// A layer of 3 x 3 taps, or of one tap and as many channels as go into panels: of more than a vector has lanes.
Trial square_problem(Chance& chance, FsType type, FsCompute compute, Index n_taps) {
  const Index fewest = n_taps == 1 ? 16 : 1, most = n_taps == 1 ? 40 : 20;
  Trial problem{};
  problem.types = {type, type, type, compute, false, false};
  problem.has_bias = chance.one_in(2);
  problem.plain = chance.one_in(2);
  add_loop(problem, chance.between(1, 3), true, false, true);
  add_loop(problem, chance.between(1, 2), true, true, true);
  add_loop(problem, chance.between(fewest, most), false, true, true);
  add_loop(problem, chance.between(fewest, most), true, true, false);
  for (int a = 0; a < 2; ++a) {
    Axis axis = small_axis(chance);
    axis.w = n_taps;
    axis.y = chance.between(1, 11);
    axis.stride = n_taps == 1 ? chance.between(1, 2) : 1;
    axis.up = 1;
    axis.dilation = chance.one_in(2) ? 1 : -1;
    add_axis(problem, axis);
  }
  return problem;
}

std::string describe(const Trial& problem) {
  std::string text = "types " + std::to_string(problem.types.x) + " " + std::to_string(problem.types.w) + " " +
                     std::to_string(problem.types.y) + (problem.types.is_complex ? " complex" : "") +
                     (problem.types.saturate ? " saturated" : "") + (problem.has_bias ? " bias" : "") +
                     (problem.plain ? " plain" : " strided");
  for (const Loop& loop : problem.spec.loops)
    text += "\n  loop of " + std::to_string(loop.size) + (loop.x_dim < 0 ? "" : " x") + (loop.w_dim < 0 ? "" : " w") +
            (loop.y_dim < 0 ? "" : " y");
  for (const Axis& axis : problem.spec.axes)
    text += "\n  axis x " + std::to_string(axis.x) + " w " + std::to_string(axis.w) + " y " + std::to_string(axis.y) +
            " start " + std::to_string(axis.start) + " stride " + std::to_string(axis.stride) + " dilation " +
            std::to_string(axis.dilation) + " up " + std::to_string(axis.up) + " boundary " +
            std::to_string(static_cast<int>(axis.boundary));
  return text;
}

// ---------------------------------------------------------------------- the definition

enum class Source { sample, fill, none };

// Where position i of an extended axis finds its sample, by walking: no formula is shared
// with the driver.
Source find_source(Index& i, Index n, Boundary boundary) {
  while (i < 0 || i >= n) {
    switch (boundary) {
      case Boundary::zero: return Source::none;
      case Boundary::constant: return Source::fill;
      case Boundary::edge: i = i < 0 ? 0 : n - 1; break;
      case Boundary::symmetric: i = i < 0 ? -1 - i : 2 * n - 1 - i; break;
      case Boundary::mirror: i = n == 1 ? 0 : i < 0 ? -i : 2 * (n - 1) - i; break;
      case Boundary::wrap: i += i < 0 ? n : -n; break;
    }
  }
  return Source::sample;
}

struct Sum {
  Number value = 0;
  long double magnitude = 0;
  Index n = 0;
};

// Numbers that are real are the usual ones, and far faster so.
long double magnitude(Number number) { return number.imag() == 0 ? std::fabs(number.real()) : std::abs(number); }

// One output: every channel that is summed over, every tap.
class Definition {
 public:
  Definition(const Trial& problem, const Array& x, const Array& w)
      : problem_(problem), x_(x), w_(w), in_x_(x.shape().size(), 0), in_w_(w.shape().size(), 0) {
    for (const Loop& loop : problem.spec.loops)
      if (loop.y_dim < 0) sizes_.push_back(loop.size);
    for (const Axis& axis : problem.spec.axes) sizes_.push_back(axis.w);
  }

  Sum at(const std::vector<Index>& m) {
    Sum sum;
    for_each_index(sizes_, [&](const std::vector<Index>& turn) { add_term(sum, m, turn); });
    return sum;
  }

 private:
  void add_term(Sum& sum, const std::vector<Index>& m, const std::vector<Index>& turn) {
    std::size_t next = 0;
    for (const Loop& loop : problem_.spec.loops) {
      const Index number = loop.y_dim < 0 ? turn[next++] : m[static_cast<std::size_t>(loop.y_dim)];
      if (loop.x_dim >= 0) in_x_[static_cast<std::size_t>(loop.x_dim)] = number;
      if (loop.w_dim >= 0) in_w_[static_cast<std::size_t>(loop.w_dim)] = number;
    }
    bool is_filled = false;
    for (const Axis& axis : problem_.spec.axes) {
      const Index j = turn[next++];
      const Index position = axis.start + axis.stride * m[static_cast<std::size_t>(axis.y_dim)] + axis.dilation * j;
      if (position % axis.up != 0) return;
      Index i = position / axis.up;
      const Source source = find_source(i, axis.x, axis.boundary);
      if (source == Source::none) return;
      if (source == Source::fill)
        is_filled = true;
      else
        in_x_[static_cast<std::size_t>(axis.x_dim)] = i;
      in_w_[static_cast<std::size_t>(axis.w_dim)] = j;
    }
    Number sample = is_filled ? problem_.fill : x_.get(in_x_), tap = w_.get(in_w_);
    if (problem_.spec.conj_x) sample = std::conj(sample);
    if (problem_.spec.conj_w) tap = std::conj(tap);
    sum.value += tap * sample;
    sum.magnitude += magnitude(tap) * magnitude(sample);
    ++sum.n;
  }

  const Trial& problem_;
  const Array &x_, &w_;
  std::vector<Index> sizes_, in_x_, in_w_;
};

// -------------------------------------------------------------------------- the checking

Array random_array(Chance& chance, const std::vector<Index>& shape, FsType type, const Trial& problem) {
  Array array(chance, shape, type, problem.types.is_complex ? 2 : 1, problem.plain);
  const auto number = [&] {
    const Index most = type == FS_T_BOOL ? 1 : 99;
    return is_integer(type) ? static_cast<long double>(chance.between(is_unsigned(type) ? 0 : -99, most))
                            : chance.real();
  };
  for_each_index(shape, [&](const std::vector<Index>& index) {
    const long double re = number();
    array.set(index, {re, number()});
  });
  return array;
}

// The channels that have a bias of their own: groups first, then the outputs of a group.
Index bias_index(const Trial& problem, const std::vector<Index>& m) {
  Index index = 0;
  for (bool is_group : {true, false})
    for (const Loop& loop : problem.spec.loops)
      if (loop.y_dim >= 0 && loop.w_dim >= 0 && (loop.x_dim >= 0) == is_group)
        index = index * loop.size + m[static_cast<std::size_t>(loop.y_dim)];
  return index;
}

std::vector<Number> random_bias(Chance& chance, const Trial& problem) {
  Index n = 1;
  for (const Loop& loop : problem.spec.loops)
    if (loop.y_dim >= 0 && loop.w_dim >= 0) n *= loop.size;
  std::vector<Number> bias;
  for (Index i = 0; i < n; ++i) {
    // Sixteenths: exact in every floating type.
    const bool whole = problem.types.compute >= FS_I32;
    const auto draw = [&] { return static_cast<long double>(chance.between(-50, 50)) / (whole ? 1 : 16); };
    const long double re = draw();
    bias.push_back({re, problem.types.is_complex ? draw() : 0});
  }
  return bias;
}

Fill make_fill(const Trial& problem) {
  Fill fill;
  write_compute(problem.types.compute, fill.parts[0], problem.fill.real());
  write_compute(problem.types.compute, fill.parts[1], problem.fill.imag());
  fill.magnitude = problem.types.compute >= FS_I32 ? static_cast<std::uint64_t>(problem.fill.real()) : 0;
  return fill;
}

std::vector<std::byte> bias_bytes(const Trial& problem, const std::vector<Number>& bias) {
  const Index part = kComputeBytes[problem.types.compute], parts = problem.types.is_complex ? 2 : 1;
  std::vector<std::byte> bytes(bias.size() * static_cast<std::size_t>(part * parts));
  for (std::size_t i = 0; i < bias.size(); ++i)
    for (Index p = 0; p < parts; ++p)
      write_compute(problem.types.compute, bytes.data() + (static_cast<Index>(i) * parts + p) * part,
                    p == 0 ? bias[i].real() : bias[i].imag());
  return bytes;
}

// |computed - exact| <= gamma sum |w||x|, as Plan.error_bound has it; nothing for integers.
bool is_right(const Types& types, Number computed, const Sum& sum, long double allowed) {
  if (is_integer(types.y)) {
    const long double exact = sum.value.real();
    return computed.real() == (types.saturate ? clipped(types.y, exact) : wrapped(types.y, exact));
  }
  const long double terms = static_cast<long double>(sum.n + 2) * (types.is_complex ? 4 : 1);
  const long double u = roundoff(types.compute == FS_F32 ? FS_T_F32 : FS_T_F64);
  const long double bound = (terms * u / (1 - terms * u) + 2 * roundoff(types.y)) * sum.magnitude;
  return std::abs(computed - sum.value) <= bound + allowed + std::ldexp(1.0L, -24) * (types.y == FS_T_F16);
}

// What tiles may add to that: three transforms' roundings of sum |w| times the norm of a tile, or gamma sum |w| times
// the largest sample.
long double tile_error(const Trial& problem, const Method& method, const std::vector<Index>& tile) {
  if (tile.empty()) return 0;
  const auto largest = [&](FsType type) { return is_integer(type) ? 99.0L : problem.types.is_complex ? 1.5L : 1.0L; };
  long double taps = 1, points = 1;
  for (const Axis& axis : problem.spec.axes) taps *= static_cast<long double>(axis.w);
  for (const Loop& loop : problem.spec.loops) taps *= static_cast<long double>(loop.y_dim < 0 ? loop.size : 1);
  for (const Index n : tile) points *= static_cast<long double>(n);
  const long double x = std::max(largest(problem.types.x), std::abs(problem.fill));
  if (!method.takes_any_tile())
    return method.gamma(Problem(problem.spec, problem.types, {}), tile) * taps * largest(problem.types.w) * x;
  const long double u = roundoff(problem.types.compute == FS_F32 ? FS_T_F32 : FS_T_F64);
  return (21 * std::log2(points) + 8) * u * taps * largest(problem.types.w) * x *
         std::sqrt((problem.types.is_complex ? 2 : 1) * points);
}

// Tiles for a transform: between the taps' span and all that is needed. Empty where none applies.
std::vector<Index> random_tile(Chance& chance, const Trial& problem) {
  std::vector<Index> tile;
  for (const Loop& loop : problem.spec.loops)
    if (loop.y_dim < 0 && loop.size > 1) return {};
  if (problem.spec.conj_x) return {};
  for (const Axis& axis : problem.spec.axes) {
    if (std::abs(axis.stride) != 1 || axis.up != 1) return {};
    const Index span = std::abs(axis.dilation) * (axis.w - 1) + 1;
    tile.push_back(next_fft_size((span + chance.between(0, std::max<Index>(0, axis.y - 1)) + 1) / 2) * 2);
  }
  return tile;
}

// The bound may refuse what would have fitted, and never the other way round.
bool bound_holds(const Trial& problem, const Bound& bound, const Sum& sum) {
  const Types& types = problem.types;
  if (!is_integer(types.x) || !is_integer(types.w)) return true;
  const long double exact = sum.value.real();
  if (std::abs(exact) > static_cast<long double>(bound.magnitude)) return false;
  return !bound.fits || types.saturate || exact == wrapped(types.y, exact);
}

int fail(const Trial& problem, const Method& method, const std::string& what) {
  std::printf("FAILED %s: %s\n%s\n", method.name, what.c_str(), describe(problem).c_str());
  return 1;
}

// What the definition says of every output, in the order of for_each_index.
std::vector<Sum> defined_sums(const Trial& problem, const Array& x, const Array& w, const std::vector<Number>& bias) {
  std::vector<Sum> sums;
  Definition definition(problem, x, w);
  for_each_index(problem.y_shape, [&](const std::vector<Index>& m) {
    Sum sum = definition.at(m);
    if (problem.has_bias) {
      const Number b = bias[static_cast<std::size_t>(bias_index(problem, m))];
      sum.value += b;
      sum.magnitude += magnitude(b);
    }
    sums.push_back(sum);
  });
  return sums;
}

int check_method(const Trial& problem, const Method& method, const Array& x, const Array& w, const Array& blank,
                 const std::vector<Number>& bias, const std::vector<Sum>& sums, const std::vector<Index>& tile = {}) {
  // Sums of these few small integers are far below it; every fourth is summed directly all the same.
  const std::uint64_t most_reach = problem.x_shape[0] % 4 ? std::uint64_t(1) << 30 : 0;
  Convolution convolution(Problem(problem.spec, problem.types, make_fill(problem)), method, tile);
  if (convolution.rounds()) convolution.most_reach = most_reach;
  const long double allowed = tile_error(problem, method, tile);
  PackedTaps taps;
  convolution.pack(w.view(), taps, 3);
  const std::vector<std::byte> packed_bias = bias_bytes(problem, bias);
  const void* bias_data = problem.has_bias ? packed_bias.data() : nullptr;
  const Array y = blank, again = blank;
  convolution.run(x.view(), taps, bias_data, y.view(), 1);
  convolution.run(x.view(), taps, bias_data, again.view(), 3);
  if (!y.same_bytes(again)) return fail(problem, method, "three threads gave other bits than one");
  const TapsCache keeper;
  for (int times = 0; times < 3; ++times)
    if (const SharedTaps kept = keeper.find(convolution, w.view(), 3)) {
      const Array found = blank;
      convolution.run(x.view(), *kept, bias_data, found.view(), 1);
      if (!y.same_bytes(found)) return fail(problem, method, "kept taps gave other bits");
    }

  const Bound bound = convolution.bound(x.view(), taps, problem.has_bias ? 50 : 0, problem.has_bias, 3);
  int n_wrong = 0;
  std::size_t next = 0;
  for_each_index(problem.y_shape, [&](const std::vector<Index>& m) {
    const Sum& sum = sums[next++];
    n_wrong += !is_right(problem.types, y.get(m), sum, allowed) || !bound_holds(problem, bound, sum);
  });
  return n_wrong == 0 ? 0 : fail(problem, method, std::to_string(n_wrong) + " outputs are not the definition's");
}

int check(Chance& chance, const Trial& problem) {
  const Array x = random_array(chance, problem.x_shape, problem.types.x, problem);
  const Array w = random_array(chance, problem.w_shape, problem.types.w, problem);
  // Random before, so that an output that is never written shows.
  const Array blank = random_array(chance, problem.y_shape, problem.types.y, problem);
  const std::vector<Number> bias = random_bias(chance, problem);
  const std::vector<Sum> sums = defined_sums(problem, x, w, bias);
  int n_failed = 0;
  const std::vector<Index> any = random_tile(chance, problem);
  const Question question(Problem(problem.spec, problem.types, make_fill(problem)), is_integer(problem.types.y));
  for (const Method* method : methods()) {
    if (method->separates != Separate::never || !method->refuses(question).empty()) continue;
    if (!method->transforms) {
      n_failed += check_method(problem, *method, x, w, blank, bias, sums);
    } else if (!method->takes_any_tile()) {
      for (const Estimate& estimate : method->estimate(question, {}, 10))
        n_failed += check_method(problem, *method, x, w, blank, bias, sums, estimate.tile);
    } else if (!any.empty()) {
      n_failed += check_method(problem, *method, x, w, blank, bias, sums, any);
    }
  }
  return n_failed;
}

}  // namespace

int main(int argc, char** argv) {
  Chance chance(argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 20240229u);
  const int n_small = argc > 2 ? std::atoi(argv[2]) : 3000, n_long = n_small / 25;
  int n_problems = 0, n_failed = 0;
  const auto try_one = [&](const Trial& problem) {
    ++n_problems;
    n_failed += check(chance, problem) > 0;
  };
  for (int i = 0; i < n_small; ++i) try_one(random_problem(chance, false));
  for (int i = 0; i < n_long; ++i) try_one(random_problem(chance, true));
  for (int i = 0; i < n_long; ++i)
    for (const auto& [type, compute] : {std::pair(FS_T_F16, FS_F32), {FS_T_F32, FS_F32}, {FS_T_F64, FS_F64}})
      for (const Index n_taps : {1, 3}) try_one(square_problem(chance, type, compute, n_taps));
  if (argc <= 2) {
    try_one(shared_problem(chance, FS_T_F32, FS_F32));
    try_one(shared_problem(chance, FS_T_I64, FS_I64));
    for (int i = 0; i < 4; ++i)
      for (FsType type : {FS_T_I16, FS_T_U8}) try_one(shared_problem(chance, type, FS_I32));
  }
  std::printf("%d passed, %d failed\n", n_problems - n_failed, n_failed);
  return n_failed == 0 ? 0 : 1;
}
