// A sum that is never rounded: a fixed-point number with a place for every bit that a product of two doubles may have
// (Kulisch 1971), in digits of 32 bits with room for carries.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace flipslide {

// Of a float format: bits of its significands, exponents of its lowest bit and beyond its largest number.
struct FloatFormat {
  int bits, lowest, highest;
};
inline constexpr FloatFormat kHalf{11, -24, 16}, kSingle{24, -149, 128}, kDouble{53, -1074, 1024};

class LongSum {
 public:
  void add(double a) { add_product(a, 1); }

  // Both are finite.
  void add_product(double a, double b) {
    const Parts left = parts_of(a), right = parts_of(b);
    const auto product = static_cast<unsigned __int128>(left.significand) * right.significand;
    if (product == 0) return;
    const int at = left.exponent + right.exponent - kLowest;
    const bool negative = std::signbit(a) != std::signbit(b);
    put(static_cast<std::uint64_t>(product), at, negative);
    put(static_cast<std::uint64_t>(product >> 64), at + 64, negative);
    if (++n_waiting_ == kMostWaiting) carry();
  }

  // The nearest number of a format, of two the even one; an infinity beyond its largest, and +0 where the sum is 0.
  double round(const FloatFormat& format) {
    carry();
    const bool negative = digits_[kDigits - 1] < 0;
    if (negative) negate();
    int top = kDigits - 1;
    while (top >= 0 && digits_[top] == 0) --top;
    if (top < 0) return 0;
    const int leading = 32 * top + 31 - __builtin_clz(static_cast<std::uint32_t>(digits_[top]));
    int last = leading - (format.bits - 1);
    if (last < format.lowest - kLowest) last = format.lowest - kLowest;
    std::uint64_t significand = bits_between(last, leading);
    if (bit(last - 1) && ((significand & 1) || any_below(last - 1))) ++significand;
    double nearest = std::ldexp(static_cast<double>(significand), last + kLowest);
    if (nearest >= std::ldexp(1.0, format.highest - 1) * 2) nearest = std::numeric_limits<double>::infinity();
    return negative ? -nearest : nearest;
  }

 private:
  // Products of the smallest doubles, and 2^64 times those of the largest ones.
  static constexpr int kLowest = -2148, kDigits = (2048 + 64 - kLowest + 31) / 32;
  // Each puts at most four parts of less than 2^32 into a digit.
  static constexpr std::int64_t kMostWaiting = std::int64_t(1) << 28;

  std::int64_t digits_[kDigits] = {};
  std::int64_t n_waiting_ = 0;

  struct Parts {
    std::uint64_t significand;
    int exponent;
  };

  static Parts parts_of(double a) {
    std::uint64_t bits;
    std::memcpy(&bits, &a, sizeof bits);
    const std::uint64_t fraction = bits & ((std::uint64_t(1) << 52) - 1);
    const int exponent = static_cast<int>(bits >> 52 & 0x7FF);
    return exponent == 0 ? Parts{fraction, -1074} : Parts{fraction | std::uint64_t(1) << 52, exponent - 1075};
  }

  void put(std::uint64_t value, int at, bool negative) {
    auto shifted = static_cast<unsigned __int128>(value) << (at % 32);
    for (int digit = at / 32; shifted != 0; ++digit, shifted >>= 32) {
      const auto part = static_cast<std::int64_t>(static_cast<std::uint32_t>(shifted));
      digits_[digit] += negative ? -part : part;
    }
  }

  // All digits but the last in [0, 2^32).
  void carry() {
    for (int d = 0; d + 1 < kDigits; ++d) {
      digits_[d + 1] += digits_[d] >> 32;
      digits_[d] &= 0xFFFFFFFF;
    }
    n_waiting_ = 0;
  }

  void negate() {
    for (std::int64_t& digit : digits_) digit = -digit;
    carry();
  }

  bool bit(int at) const { return at >= 0 && (digits_[at / 32] >> (at % 32) & 1); }

  std::uint64_t bits_between(int first, int last) const {
    std::uint64_t found = 0;
    for (int at = last; at >= first; --at) found = found << 1 | static_cast<std::uint64_t>(bit(at));
    return found;
  }

  bool any_below(int at) const {
    for (int d = 0; d < at / 32; ++d)
      if (digits_[d] != 0) return true;
    return at > 0 && (digits_[at / 32] & ((std::int64_t(1) << (at % 32)) - 1)) != 0;
  }
};

}  // namespace flipslide
