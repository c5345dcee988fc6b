#include "tilings.hpp"

#include <bit>
#include <cmath>
#include <numeric>

#include "../layout.hpp"
#include "matrix.hpp"
#include "radices.hpp"
#include "transform.hpp"

namespace flipslide {

namespace {

// Pieces of a tile that threads share.
constexpr double kPieces = 64;
// Sizes tried on one axis, and combinations tried on several: 450 random calls lost nothing by these, some up to 20 %
// by half as many. Moving a point costs as much as some levels, which counts where sizes are shortlisted.
constexpr std::size_t kMostSingle = 10;
constexpr double kMostListed = 600, kMoveLevels = 5;

double as_double(Index n) { return static_cast<double>(n); }

// Whether neighbours along the last axis are not neighbours in memory, as arrays usually lie.
bool is_strided(const Spec& spec) {
  const int last = spec.axes.back().x_dim;
  return std::any_of(spec.loops.begin(), spec.loops.end(), [&](const Loop& loop) { return loop.x_dim > last; }) ||
         std::any_of(spec.axes.begin(), spec.axes.end(), [&](const Axis& axis) { return axis.x_dim > last; });
}

// Whether x or y is not of the type that is transformed.
bool is_converted(const Types& types) {
  return types.compute >= FS_I32 || !same_bits(types.x, types.compute) || !same_bits(types.y, types.compute);
}

Index at_least_one(Index n) { return std::max<Index>(1, n); }

}  // namespace

TileSetting::TileSetting(const Question& q)
    : q(q),
      item(q.sums_integers() ? 8 : kComputeBytes[q.types.compute]),
      lanes(4 * q.isa.butterflies[0].lanes / item),
      unit(q.types.is_complex ? 1 : 2),
      n_axes(static_cast<int>(q.slides.size())),
      batch(as_double(at_least_one(q.n_batch))),
      group(as_double(at_least_one(q.n_groups))),
      out(as_double(at_least_one(q.n_out))),
      is_rounded(q.sums_integers()),
      is_strided(flipslide::is_strided(q.spec)),
      is_far(q.is_far()),
      is_converted(flipslide::is_converted(q.types)) {}

// ------------------------------------------------------------------------------- counts
//
// Taps usually come again, and then their spectra are kept (taps/cache.hpp): a call that has new ones takes
// longer, by up to half of what a tile takes.

namespace {

enum Step { kCall, kTile, kRow, kLevel, kOdd, kAcross };
enum OverlapStep { kFar = kAcross + 1, kMove, kStream, kPages, kAgain, kStrided, kWhole };
enum FftStep {
  kCollide = kAcross + 1,
  kFftFar,
  kFftMove,
  kFftStream,
  kFftPages,
  kFftAgain,
  kFftStrided,
  kFftWhole,
  kJoin
};

// What moving numbers takes, from rows to lanes and back, with the product.
void count_moves(const TileSetting& s, double vectors, double* move) {
  enum { kMoved, kStreamed, kPaged, kStridden = kPaged + 2, kRounded };
  move[kMoved] = vectors;
  // Rows of a tile of several axes begin on pages of their own.
  move[s.n_axes > 1 ? kPaged : kStreamed] = s.is_far ? vectors : 0;
  move[kStridden] = s.is_strided ? vectors : 0;
  move[kRounded] = s.is_rounded ? vectors : 0;
}

// How often points double in a tile, and the levels of factors 3 and 5, which take longer.
double levels_of(double points) { return std::log2(points) + 1; }
double odd_of(double points) {
  const auto n = static_cast<Index>(points);
  return std::log2(as_double(n / (n & -n)));
}

// Each lane has a tile of its own.
Counts count_overlap(const TileSetting& s, const Tiling& t) {
  Counts counts;
  const double tasks = s.group * std::ceil(t.blocks * s.batch / as_double(s.lanes)), times = tasks * (1 + s.out) / 2;
  const double held = t.points * as_double(2 * s.lanes * s.item) * (s.out > 1 ? 2 : 1);
  const double points = t.points * times, levels = points * levels_of(t.points);
  const double rows = std::floor(t.points * as_double(s.unit) / as_double(t.tile[s.n_axes - 1]));
  counts.call[kCall] = 1;
  counts.work[kTile] = tasks;
  counts.work[kRow] = rows * as_double(s.lanes) * times;
  counts.work[kLevel] = levels;
  counts.work[kOdd] = points * odd_of(t.points);
  // Only the last axis is contiguous, the others work across the cache.
  counts.work[kAcross] = s.n_axes > 1 ? levels : 0;
  counts.work[kFar] = held > kCacheBytes ? levels : 0;
  count_moves(s, points, &counts.work[kMove]);
  counts.work[kAgain] = s.out > 1 ? tasks * t.points * s.out : 0;
  counts.tasks = tasks * t.points * s.out >= kOverlapWorthSharing ? tasks : 1;
  return counts;
}

// Vectors of a matrix whose both sides are filled up to whole vectors (fft.cpp).
double fft_vectors(const TileSetting& s, const Tiling& t) {
  const double lanes = as_double(s.lanes);
  if (s.n_axes > 1) {
    const double along = as_double(t.tile[s.n_axes - 1] / s.unit);
    return std::ceil(std::floor(t.points / along) / lanes) * std::ceil(along / lanes) * lanes;
  }
  // As square as the factors allow; half a vector too much on each side, on average.
  const bool fits = static_cast<Index>(t.points) % (s.lanes * s.lanes) == 0;
  const double over = 1 + (fits ? 0 : lanes / 2 / std::sqrt(t.points));
  return t.points / lanes * over * over;
}

// One tile, whose lanes are neighbours.
Counts count_fft(const TileSetting& s, const Tiling& t) {
  Counts counts;
  const double tiles = s.group * s.batch * t.blocks, times = tiles * (1 + s.out) / 2;
  const double one = fft_vectors(s, t), vectors = one * times, levels = vectors * levels_of(t.points);
  const double held = one * as_double(2 * s.lanes * s.item) * (s.out > 1 ? 2 : 1);
  counts.call[kCall] = 1;
  counts.work[kTile] = tiles;
  counts.work[kRow] =
      s.n_axes > 1 ? std::floor(t.points * as_double(s.unit) / as_double(t.tile[s.n_axes - 1])) * times : 0;
  counts.work[kLevel] = levels;
  counts.work[kOdd] = vectors * odd_of(t.points);
  counts.work[kAcross] = s.n_axes > 2 ? levels : 0;
  // Rows a multiple of 4 KB apart meet in the first-level cache.
  const bool collides = s.n_axes > 2 && t.tile[s.n_axes - 2] * 2 * s.lanes * s.item % 4096 == 0;
  counts.work[kCollide] = collides ? vectors : 0;
  // Between the two transforms squares are transposed, and back.
  counts.work[kFftFar] = held > kCacheBytes ? vectors : 0;
  count_moves(s, vectors, &counts.work[kFftMove]);
  counts.work[kFftAgain] = s.out > 1 ? tiles * one * s.out : 0;
  // The last tile is shared as well where a thread would have none.
  const bool in_pieces = static_cast<Index>(tiles) % kUsualThreads != 0 && tiles < 8 * kUsualThreads;
  counts.joint[kJoin] = in_pieces ? 1 + 2 * s.out : 0;
  const bool is_shared = tiles * t.points * as_double(s.unit) >= kFftWorthSharing;
  counts.tasks = !is_shared ? 1 : in_pieces ? kPieces : tiles;
  return counts;
}

// Rows of a tile of several axes that are not read or written where they lie are put together in pieces.
double rows_bytes(const TileSetting& s) { return as_double(s.lanes * kStretch * (2 / s.unit) * s.item); }

// For tiles that are done again.
double taps_as_they_lie(const TileSetting& s) { return reserved(as_double(packed_bytes(s.q, false))); }

// Complex points along each axis.
void fold(const TileSetting& s, const Tiling& t, Index* n) {
  std::copy(t.tile, t.tile + s.n_axes, n);
  n[s.n_axes - 1] /= s.unit;
}

Memory overlap_memory(const TileSetting& s, const Tiling& t) {
  Index n[kMaxAxes], step[kMaxAxes];
  fold(s, t, n);
  const Index tile = lane_steps(n, s.n_axes, s.lanes, step), taps = (s.q.slides.back().overhang() + 1) * (2 / s.unit);
  const auto bytes = [&](Index numbers) { return reserved(as_double(numbers * s.item)); };
  Memory memory;
  memory.scratch = bytes(tile) * (s.out > 1 ? 2 : 1) + reserved(rows_bytes(s));
  memory.shared = reserved(s.group * s.out * t.points * as_double(2 * s.item)) + bytes(taps) + taps_as_they_lie(s);
  memory.holders = static_cast<Index>(s.group * std::ceil(t.blocks * s.batch / as_double(s.lanes)));
  return memory;
}

Memory fft_memory(const TileSetting& s, const Tiling& t) {
  Index n[kMaxAxes];
  fold(s, t, n);
  const MatrixSize matrix(sides_of(n, s.n_axes, s.lanes), s.lanes);
  const Index last = t.tile[s.n_axes - 1], parts = 2 / s.unit;
  const bool is_split = s.n_axes == 1;
  // Room beside a tile of one axis, where samples and outputs are converted.
  const Index staged = is_split && s.is_converted ? last * parts : 0;
  const Index taps = is_split ? (s.q.slides.back().overhang() + 1) * parts : (s.lanes + 1) * last * parts;
  const auto bytes = [&](Index numbers) { return reserved(as_double(numbers * s.item)); };
  const double tiles = s.group * t.blocks * s.batch;
  Memory memory;
  memory.scratch = bytes(matrix.size()) * (s.out > 1 ? 2 : 1) + bytes(staged);
  memory.shared = reserved(s.group * s.out * as_double(matrix.size() * s.item)) + (is_split ? bytes(taps) : 0) +
                  taps_as_they_lie(s);
  memory.holders = tiles >= kUsualThreads ? static_cast<Index>(tiles) : 1;
  memory.piece = bytes(matrix.line) + (is_split ? 0 : bytes(taps) + reserved(rows_bytes(s)));
  return memory;
}

}  // namespace

const Transforms kOverlap{1 << 15, count_overlap, overlap_memory};
const Transforms kFft{1 << 28, count_fft, fft_memory};

// -------------------------------------------------------------------------------- sizes

namespace {

// What one axis of a tile may have: points, and how many tiles the axis then needs.
struct Sizes {
  std::vector<Index> points, pieces;
};

constexpr Index kMostPoints = 1 << 28;

// Products of 2, 3 and 5 with few odd factors.
const std::vector<Index>& good_sizes() {
  static const std::vector<Index> sizes = [] {
    std::vector<Index> found;
    for (const Index odd : {1, 3, 5, 9, 15, 25})
      for (int twos = 0; twos < 29; ++twos) found.push_back(odd << twos);
    std::sort(found.begin(), found.end());
    return found;
  }();
  return sizes;
}

Index next_size(Index n) { return n > kMostPoints ? kMostPoints : next_fft_size(n); }

Index whole_of(const Axis& axis) { return whole_tile(axis.dilation * (axis.w - 1), axis); }

// How many tiles of n samples an axis needs.
Index pieces_of(const Axis& axis, Index n, Index whole) {
  return n >= whole ? 1 : at_least_one(ceil_div(axis.y, n - axis.dilation * (axis.w - 1)));
}

// Candidates that are `unit` times products of 2, 3 and 5: all outputs in one tile, also one that fills the lanes, or
// in two or three; and what lies between the span of the taps and 24 times that.
std::vector<Index> candidates_of(const Axis& axis, Index unit, Index lanes, Index window) {
  const Index span = axis.dilation * (axis.w - 1) + 1, whole = ceil_div(std::max(span, window), unit);
  std::vector<Index> found{next_size(whole)};
  for (const Index k : {Index(1), lanes, lanes * lanes})
    if (whole >= 4 * k) found.push_back(k * next_size(ceil_div(whole, k)));
  for (const Index n : {2, 3}) found.push_back(next_size(ceil_div(ceil_div(axis.y, n) + span - 1, unit)));
  const std::vector<Index>& sizes = good_sizes();
  const auto low = std::lower_bound(sizes.begin(), sizes.end(), span * 5 / 4 / unit + 1);
  const auto high = std::lower_bound(low, sizes.end(), std::min(whole, 24 * span / unit + 64));
  const auto n = high - low;
  for (auto i = decltype(n){0}; i < n; i += 1 + n / 10) found.push_back(low[i]);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  for (Index& points : found) points *= unit;
  std::erase_if(found, [&](Index points) { return points < span || points > kMostPoints; });
  return found;
}

// The `most` candidates that promise most, with the smallest for the memory's sake.
Sizes sizes_of(const Axis& axis, Index unit, Index lanes, std::size_t most) {
  const Index window = whole_of(axis);
  if (axis.w == 1) return {{unit}, {pieces_of(axis, unit, window)}};
  const std::vector<Index> all = candidates_of(axis, unit, lanes, window);
  std::vector<std::pair<double, std::size_t>> promise;
  for (std::size_t i = 0; i < all.size(); ++i)
    promise.push_back(
        {as_double(all[i] * pieces_of(axis, all[i], window)) * (std::log2(as_double(all[i])) + kMoveLevels), i});
  std::stable_sort(promise.begin(), promise.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::vector<std::size_t> kept;
  if (!all.empty()) kept.push_back(0);
  for (std::size_t i = 0; i < std::min(most, promise.size()); ++i)
    if (promise[i].second) kept.push_back(promise[i].second);
  std::sort(kept.begin(), kept.end());
  Sizes sizes;
  for (const std::size_t i : kept) {
    sizes.points.push_back(all[i]);
    sizes.pieces.push_back(pieces_of(axis, all[i], window));
  }
  return sizes;
}

// More of one axis than of several.
std::vector<Sizes> options_of(const TileSetting& s) {
  const auto most = s.n_axes == 1 ? kMostSingle : static_cast<std::size_t>(std::pow(kMostListed, 1.0 / s.n_axes));
  std::vector<Sizes> options;
  for (int a = 0; a < s.n_axes; ++a)
    options.push_back(
        sizes_of(s.q.slides[static_cast<std::size_t>(a)].axis, a == s.n_axes - 1 ? s.unit : 1, s.lanes, most));
  return options;
}

Tiling tiling_of(const TileSetting& s, const std::vector<Index>& tile) {
  Tiling t{{}, 1.0 / as_double(s.unit), 1};
  for (int a = 0; a < s.n_axes; ++a) {
    const Axis& axis = s.q.slides[static_cast<std::size_t>(a)].axis;
    t.tile[a] = tile[static_cast<std::size_t>(a)];
    t.points *= as_double(t.tile[a]);
    t.blocks *= as_double(pieces_of(axis, t.tile[a], whole_of(axis)));
  }
  return t;
}

// A combination of the options, with what it costs on the usual number of threads.
struct Priced {
  double time;
  Tiling tiling;
};

// The cheapest of all combinations that the memory allows, so many at most, in order.
class Cheapest {
 public:
  Cheapest(const Transforms& by, const TileSetting& s, const PerStep& prices, std::size_t most)
      : by_(by), s_(s), prices_(prices), most_(most), options_(options_of(s)) {
    list(0, Tiling{{}, 1.0 / as_double(s.unit), 1});
  }
  const std::vector<Priced>& found() const { return found_; }

 private:
  const Transforms& by_;
  const TileSetting& s_;
  const PerStep& prices_;
  const std::size_t most_;
  const std::vector<Sizes> options_;
  const double allowed_ = s_.q.scratch_bytes();
  std::vector<Priced> found_;

  void list(int a, const Tiling& t) {
    if (a == s_.n_axes) return consider({by_.count(s_, t).priced(prices_).on(kUsualThreads), t});
    const Sizes& sizes = options_[static_cast<std::size_t>(a)];
    for (std::size_t i = 0; i < sizes.points.size() && sizes.points[i] <= by_.most_points; ++i) {
      Tiling next = t;
      next.tile[a] = sizes.points[i];
      next.points *= as_double(sizes.points[i]);
      next.blocks *= as_double(sizes.pieces[i]);
      list(a + 1, next);
    }
  }

  // Memory is asked for last: it takes as long as the rest.
  void consider(const Priced& priced) {
    const auto is_less = [](const Priced& a, const Priced& b) { return a.time < b.time; };
    if (found_.size() == most_ && !is_less(priced, found_.back())) return;
    if (by_.memory(s_, priced.tiling).of(kUsualThreads) > allowed_) return;
    if (found_.size() == most_) found_.pop_back();
    found_.insert(std::upper_bound(found_.begin(), found_.end(), priced, is_less), priced);
  }
};

}  // namespace

std::vector<Estimate> rank_tilings(const Transforms& by, const Question& q, const PerStep& prices, int most) {
  const TileSetting s(q);
  const Cheapest cheapest(by, s, prices, static_cast<std::size_t>(most));
  std::vector<Estimate> found;
  for (const Priced& priced : cheapest.found())
    found.push_back({by.count(s, priced.tiling).priced(prices),
                     by.memory(s, priced.tiling),
                     {priced.tiling.tile, priced.tiling.tile + s.n_axes}});
  return found;
}

Counts count_tiling(const Transforms& by, const Question& q, const std::vector<Index>& tile) {
  const TileSetting s(q);
  return by.count(s, tiling_of(s, tile));
}

Estimate estimate_tiling(const Transforms& by, const Question& q, const PerStep& prices,
                         const std::vector<Index>& tile) {
  const TileSetting s(q);
  const Tiling t = tiling_of(s, tile);
  return {by.count(s, t).priced(prices), by.memory(s, t), tile};
}

static double least_time(const Question& q, const PerStep& prices, int level_step, int move_step) {
  const TileSetting s(q);
  const std::vector<Sizes> options = options_of(s);
  const double level = prices[static_cast<std::size_t>(level_step)];
  PerStep moves{};
  count_moves(s, 1, &moves[static_cast<std::size_t>(move_step)]);
  const double move = price(moves, prices);
  double smallest = 1, all = 1;
  std::vector<double> fewest;
  for (const Sizes& sizes : options) {
    if (sizes.points.empty()) return HUGE_VAL;
    double few = HUGE_VAL;
    for (std::size_t i = 0; i < sizes.points.size(); ++i)
      few = std::min(few, as_double(sizes.points[i] * sizes.pieces[i]));
    fewest.push_back(few);
    all *= few;
    smallest *= as_double(sizes.points[0]);
  }
  double best = 0;
  for (std::size_t a = 0; a < options.size(); ++a) {
    const Sizes& sizes = options[a];
    const double beside = move + level * (std::log2(smallest / as_double(sizes.points[0]) / as_double(s.unit)) + 1);
    double along = HUGE_VAL;
    for (std::size_t i = 0; i < sizes.points.size(); ++i)
      along = std::min(along, as_double(sizes.points[i] * sizes.pieces[i]) *
                                  (beside + level * std::log2(as_double(sizes.points[i]))));
    best = std::max(best, along * (all / fewest[a]));
  }
  const double each = s.group * s.batch * (1 + s.out) / 2 / as_double(s.unit * s.lanes);
  return prices[kCall] + best * each / kUsualThreads;
}

double least_overlap(const Question& q, const PerStep& prices) { return least_time(q, prices, kLevel, kMove); }

double least_fft(const Question& q, const PerStep& prices) { return least_time(q, prices, kLevel, kFftMove); }

}  // namespace flipslide
