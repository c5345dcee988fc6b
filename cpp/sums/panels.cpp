#include "panels.hpp"

#include <cstring>

#include "../thread/pool.hpp"
#include "known.hpp"

namespace flipslide {

namespace {

// Terms of a panel and the taps of a block of channels: between 64 and 256 terms layers by 1 x 1 taps change by less
// than a tenth (2026-11, AVX-512, one core).
constexpr Index kTermsPerPass = 256;
// Vectors of the widest panel: the strip of the most channels is as wide.
constexpr Index kVectors = 3;
// Taps that the second-level cache does not hold are shared by so many panels.
constexpr Index kNearTapBytes = 384 << 10;
constexpr Index kSharingPanels = 4;
constexpr Index kNearChannels = 32;
// The outputs of a pass stay in the second-level cache while terms go by.
constexpr Index kMostChannels = 256;
// Fewer output channels do not pay for packing.
constexpr Index kFewestChannels = 16, kFewestStrided = 64, kFewestTerms = 16, kFewestInputs = 16, kMostTaps = 25;
// Input channels ahead of the one that is copied: their samples are prefetched.
constexpr Index kAhead = 8;
constexpr Index kTasks = 16;
// Elements of a batch with fewer panels are joined.
constexpr Index kPanelsAlone = 4;

double as_double(Index n) { return static_cast<double>(n); }

// ---------------------------------------------------------------------------- the plan

class Planner {
 public:
  Planner(Panels& panels, const View& x, const View& y) : p(panels), c(*panels.problem), x(x), y(y) {}

  void make() {
    p.bytes = kComputeBytes[c.types.compute];
    if (!suits()) return;
    for (const Slide& slide : c.slides) p.axes.push_back(placed(slide, x, y, p.y_offset));
    merge_axes();
    for (const SumAxis& slide : p.axes) p.n_outputs *= slide.axis.y;
    const Index lanes = std::max<Index>(1, c.isa.butterflies[c.types.compute == FS_F64].lanes), most = kVectors * lanes;
    p.joins_batch = c.n_batch > 1 && p.n_outputs < kPanelsAlone * most;
    if (p.joins_batch) p.n_outputs *= c.n_batch;
    p.y_in_place = !p.joins_batch && y_lies_in_rows();
    p.lanes = lanes;
    p.width = even_block(p.n_outputs, most, lanes);
    p.n_panels = ceil_div(p.n_outputs, most);
    p.inputs_per_pass = std::clamp<Index>(kTermsPerPass / c.taps_per_channel, 1, c.n_in);
    share();
  }

 private:
  Panels& p;
  const Problem& c;
  const View &x, &y;

  bool suits() const {
    if (!c.has_outputs() || c.parts == 2 || c.sums_integers() || is_small(c)) return false;
    if (std::any_of(c.slides.begin(), c.slides.end(), [](const Slide& slide) { return slide.axis.up > 1; }))
      return false;
    return c.taps_per_channel == 1 ? c.n_out >= kFewestChannels && c.n_in >= kFewestTerms : suits_strided();
  }

  // Windows that are read in place share their samples among taps, unless outputs stand apart.
  bool suits_strided() const {
    const auto skips = [](const Slide& slide) { return slide.axis.stride > 1 && slide.axis.y > 1; };
    return c.n_out >= kFewestStrided && c.n_in >= kFewestInputs && c.taps_per_channel <= kMostTaps &&
           std::any_of(c.slides.begin(), c.slides.end(), skips);
  }

  void merge_axes() {
    for (std::size_t a = p.axes.size() - 1; a-- > 0;)
      if (p.axes[a + 1].takes_on(p.axes[a])) p.axes.erase(p.axes.begin() + static_cast<Index>(a));
  }

  // All outputs of a channel are one row.
  bool y_lies_in_rows() const {
    if (!same_bits(c.types.y, c.types.compute) || c.out_loops.size() > 1) return false;
    Index step = p.bytes;
    for (std::size_t a = p.axes.size(); a-- > 0; step *= p.axes[a].axis.y)
      if (p.axes[a].axis.y > 1 && p.axes[a].y_stride != step) return false;
    bool fits = reinterpret_cast<Index>(y.data) % p.bytes == 0;
    for (const Loop& loop : c.spec.loops) fits = fits && y.stride(loop.y_dim) % p.bytes == 0;
    return fits;
  }

  void share() {
    const Index block = c.isa.find("gemm")->max_block;
    p.channels_per_task = even_block(c.n_out, kMostChannels, block);
    const Index elements = c.n_groups * p.n_elements();
    if (elements * p.n_panels < 2) p.channels_per_task = even_block(c.n_out, ceil_div(c.n_out, 2), block);
    p.n_channel_tasks = ceil_div(c.n_out, p.channels_per_task);
    const Index tap_bytes = p.channels_per_task * p.n_terms() * p.bytes;
    const Index wanted = std::max<Index>(1, kTasks / (elements * p.n_channel_tasks));
    const Index most = tap_bytes > kNearTapBytes ? kSharingPanels : 1;
    const Index even = elements * p.n_channel_tasks > 1 ? p.n_panels : ceil_div(p.n_panels, 2);
    p.panels_per_pass = std::clamp<Index>(even, 1, most);
    p.panels_per_task = std::max<Index>(1, ceil_div(p.n_panels, wanted * p.panels_per_pass)) * p.panels_per_pass;
    p.n_tile_tasks = ceil_div(p.n_panels, p.panels_per_task);
  }
};

// --------------------------------------------------------------------------- execution

struct Work {
  Scratch x, y;
  std::vector<Index> taps;
  std::vector<FsRun> runs;
};

thread_local Work own;

// Outputs of a panel that lie in one row.
struct RowPart {
  Index to, n;  // in its panel
  Index batch;
  Index m[kMaxAxes];  // the first one
};

struct Place {
  Index group, batch, first_channel, n_channels, first_panel, n_panels;
};

class PanelCall {
 public:
  PanelCall(const Panels& panels, const Convolution& c, const View& x, const PackedTaps& w, const void* bias,
            const View& y)
      : p(panels),
        c(c),
        x(x),
        w(w),
        bias_(static_cast<const std::byte*>(bias)),
        y(y),
        inner(p.axes.size() - 1),
        load(c.isa.convert->load[c.types.compute][c.types.x]),
        copies(same_bits(c.types.x, c.types.compute) && p.axes[inner].x_stride == p.bytes &&
               p.axes[inner].axis.stride == 1) {
    for (Index i = 0; i < c.n_in; ++i) inputs.push_back(locate(c.in_loops, &Loop::x_dim, i, x));
  }

  void run(int threads) const {
    parallel_for(p.n_tasks(), threads, [&](Index task) { run_task(task); });
  }

 private:
  const Panels& p;
  const Convolution& c;
  const View& x;
  const PackedTaps& w;
  const std::byte* bias_;
  const View& y;
  const std::size_t inner;
  const FsLoadFn load;
  const bool copies;
  std::vector<Index> inputs;  // bytes from the first input channel

  const Axis& axis(std::size_t a) const { return p.axes[a].axis; }

  void run_task(Index task) const {
    Place place{};
    const Index tile = task % p.n_tile_tasks;
    task /= p.n_tile_tasks;
    place.first_channel = task % p.n_channel_tasks * p.channels_per_task;
    place.n_channels = std::min(p.channels_per_task, c.n_out - place.first_channel);
    task /= p.n_channel_tasks;
    place.batch = task % p.n_elements();
    place.group = task / p.n_elements();
    const Index end = std::min(p.n_panels, (tile + 1) * p.panels_per_task);
    for (place.first_panel = tile * p.panels_per_task; place.first_panel < end; place.first_panel += place.n_panels) {
      place.n_panels = std::min(p.panels_per_pass, end - place.first_panel);
      Watch::look();
      run_pass(place);
    }
    own.x.trim();
    own.y.trim();
  }

  // The outputs of some panels: terms go by in blocks.
  void run_pass(const Place& place) const {
    const Index step = p.inputs_per_pass * c.taps_per_channel * p.width;
    std::byte* packed = own.x.reserve<std::byte>(place.n_panels * step * p.bytes);
    std::vector<std::vector<RowPart>> parts;
    for (Index i = 0; i < place.n_panels; ++i) parts.push_back(parts_of(place, place.first_panel + i));
    FsTile tile = tile_of(place, step);
    for (Index first = 0; first < c.n_in; first += p.inputs_per_pass) {
      const Index n = std::min(p.inputs_per_pass, c.n_in - first);
      for (Index i = 0; i < place.n_panels; ++i)
        for (const RowPart& part : parts[static_cast<std::size_t>(i)])
          pack(place, part, first, n, packed + (i * step + part.to) * p.bytes);
      tile.x = packed;
      tile.first_tap = first * c.taps_per_channel;
      tile.n_taps = n * c.taps_per_channel;
      multiply(place, tile);
      tile.accumulate = 1;
    }
    if (p.y_in_place) return;
    for (Index i = 0; i < place.n_panels; ++i)
      for (const RowPart& part : parts[static_cast<std::size_t>(i)]) store(place, tile, i * p.width + part.to, part);
  }

  FsTile tile_of(const Place& place, Index step) const {
    const Index n_terms = p.inputs_per_pass * c.taps_per_channel, first = place.group * c.n_out + place.first_channel;
    own.taps.resize(static_cast<std::size_t>(n_terms));
    for (Index t = 0; t < n_terms; ++t) own.taps[static_cast<std::size_t>(t)] = t * p.width;
    FsTile tile{};
    tile.taps = own.taps.data();
    tile.w = w.data + first * p.n_terms() * p.bytes;
    tile.w_taps = p.n_terms();
    tile.n_out = place.n_channels;
    tile.bias = bias_ ? bias_ + first * p.bytes : nullptr;
    tile.rows = tile.tap_rows = tile.tap_columns = 1;
    if (p.y_in_place) {
      tile.y_channel = c.out_loops.empty() ? 0 : y.stride(c.out_loops[0].y_dim) / p.bytes;
      tile.y = y.data + p.y_offset + locate(c.group_loops, &Loop::y_dim, place.group, y) +
               locate(c.batch_loops, &Loop::y_dim, place.batch, y) + place.first_channel * tile.y_channel * p.bytes;
    } else {
      tile.y_channel = place.n_panels * p.width;
      tile.y = own.y.reserve_bytes(tile.y_channel * place.n_channels * p.bytes);
    }
    own.runs.clear();
    for (Index i = 0; i < place.n_panels; ++i)
      own.runs.push_back({i * step, p.y_in_place ? p.first_of(place.first_panel + i) : i * p.width});
    return tile;
  }

  // Some channels of all panels at a time, whose taps stay near.
  void multiply(const Place& place, FsTile tile) const {
    const FsTileFn run = c.microkernel.run[c.types.compute];
    tile.n_runs = 1;
    for (Index k = 0; k < place.n_channels; k += kNearChannels) {
      tile.n_out = std::min(kNearChannels, place.n_channels - k);
      for (Index i = 0; i < place.n_panels; ++i) {
        tile.runs = own.runs.data() + i;
        tile.length = p.length_of(place.first_panel + i);
        run(&tile);
      }
      tile.w = static_cast<const std::byte*>(tile.w) + kNearChannels * tile.w_taps * p.bytes;
      tile.y = static_cast<std::byte*>(tile.y) + kNearChannels * tile.y_channel * p.bytes;
      if (tile.bias) tile.bias = static_cast<const std::byte*>(tile.bias) + kNearChannels * p.bytes;
    }
  }

  std::vector<RowPart> parts_of(const Place& place, Index panel) const {
    std::vector<RowPart> parts;
    for (Index done = 0, n = p.length_of(panel); done < n; done += parts.back().n) {
      Index at = p.first_of(panel) + done;
      RowPart part{};
      part.to = done;
      part.n = std::min(n - done, axis(inner).y - at % axis(inner).y);
      for (std::size_t a = p.axes.size(); a-- > 0; at /= axis(a).y) part.m[a] = at % axis(a).y;
      part.batch = p.joins_batch ? at : place.batch;
      parts.push_back(part);
    }
    return parts;
  }

  // ---- samples

  // The samples of a part of a row, for every tap of n input channels.
  void pack(const Place& place, const RowPart& part, Index first, Index n, std::byte* to) const {
    const std::byte* from = x.data + locate(c.group_loops, &Loop::x_dim, place.group, x) +
                            locate(c.batch_loops, &Loop::x_dim, part.batch, x);
    pack_axis(0, part, first, n, from, to, kNone);
  }

  static constexpr Index kNone = 0;  // a sample is there; else kGap or kFill

  // Along the axes from `a` on; `missing`: what stands in the place of the samples, if anything.
  void pack_axis(std::size_t a, const RowPart& part, Index first, Index n, const std::byte* from, std::byte* to,
                 Index missing) const {
    Index each = p.width * p.bytes;  // from tap to tap
    for (std::size_t b = a + 1; b <= inner; ++b) each *= axis(b).w;
    for (Index j = 0; j < axis(a).w; ++j, to += each) {
      const Index position = axis(a).start + axis(a).stride * part.m[a] + axis(a).dilation * j;
      if (a == inner) {
        pack_row(part, first, n, from, to, position, missing);
        continue;
      }
      const Index source = extend(position, axis(a).x, axis(a).boundary);
      const Index found = missing == kGap || source == kGap ? kGap : source == kFill ? kFill : missing;
      pack_axis(a + 1, part, first, n, from + std::max<Index>(0, source) * p.axes[a].x_stride, to, found);
    }
  }

  void pack_row(const RowPart& part, Index first, Index n, const std::byte* from, std::byte* to, Index position,
                Index missing) const {
    const Index channel_step = c.taps_per_channel * p.width * p.bytes, stride = axis(inner).stride;
    const Index low = std::clamp<Index>(ceil_div(-position, stride), 0, part.n);
    const Index high = std::clamp<Index>(ceil_div(axis(inner).x - position, stride), low, part.n);
    const Index step = p.axes[inner].x_stride;
    for (Index i = first; i < first + n; ++i, to += channel_step) {
      if (missing != kNone) {
        blank_row(part, to, position, missing);
        continue;
      }
      if (i + kAhead < first + n)
        foresee(from + inputs[static_cast<std::size_t>(i + kAhead)] + (position + low * stride) * step,
                (high - low) * stride * step);
      const std::byte* channel = from + inputs[static_cast<std::size_t>(i)];
      for (Index q = 0; q < low; ++q) edge(channel, position + q * stride, to + q * p.bytes);
      const std::byte* row = channel + (position + low * stride) * step;
      if (copies)
        std::memcpy(to + low * p.bytes, row, static_cast<std::size_t>((high - low) * p.bytes));
      else if (low < high)
        load(to + low * p.bytes, row, stride * step, high - low);
      for (Index q = high; q < part.n; ++q) edge(channel, position + q * stride, to + q * p.bytes);
    }
  }

  static void foresee(const std::byte* at, Index bytes) {
    for (Index b = 0; b < bytes; b += 64) __builtin_prefetch(at + b);
  }

  void edge(const std::byte* channel, Index position, std::byte* to) const {
    const Index source = extend(position, axis(inner).x, axis(inner).boundary);
    source < 0 ? blank(to, source) : load(to, channel + source * p.axes[inner].x_stride, p.bytes, 1);
  }

  void blank(std::byte* to, Index missing) const {
    missing == kFill ? std::memcpy(to, c.fill.parts[0], static_cast<std::size_t>(p.bytes))
                     : std::memset(to, 0, static_cast<std::size_t>(p.bytes));
  }

  // A place that has no term along one axis has none.
  void blank_row(const RowPart& part, std::byte* to, Index position, Index missing) const {
    for (Index q = 0; q < part.n; ++q) {
      const Index source = extend(position + q * axis(inner).stride, axis(inner).x, axis(inner).boundary);
      blank(to + q * p.bytes, source == kGap ? kGap : missing);
    }
  }

  // ---- outputs

  void store(const Place& place, const FsTile& tile, Index at, const RowPart& part) const {
    const FsConvert& convert = *c.isa.convert;
    const FsStoreFn store = convert.store[c.types.compute][c.types.y];
    std::byte* to = y.data + p.y_offset + locate(c.group_loops, &Loop::y_dim, place.group, y) +
                    locate(c.batch_loops, &Loop::y_dim, part.batch, y);
    for (std::size_t a = 0; a <= inner; ++a) to += part.m[a] * p.axes[a].y_stride;
    const std::byte* from = static_cast<const std::byte*>(tile.y) + at * p.bytes;
    for (Index k = 0; k < place.n_channels; ++k, from += tile.y_channel * p.bytes)
      store(to + locate(c.out_loops, &Loop::y_dim, place.first_channel + k, y), p.axes[inner].y_stride, from, part.n);
  }
};

}  // namespace

std::string Panels::describe() const {
  const auto text = [](Index n) { return std::to_string(n); };
  return text(n_tasks()) + (n_tasks() == 1 ? " task of " : " tasks of ") + text(panels_per_task) +
         (panels_per_task == 1 ? " panel of " : " panels of ") + text(width) + " outputs by " +
         text(channels_per_task) + " channels, " + text(inputs_per_pass * problem->taps_per_channel) +
         " terms at a time" + (y_in_place ? "; y in place" : "");
}

Panels make_panels(const Problem& problem, const View& x, const View& y) {
  Panels panels;
  panels.problem = &problem;
  Planner(panels, x, y).make();
  return panels;
}

void run_panels(const Panels& panels, const Convolution& c, const View& x, const PackedTaps& w, const void* bias,
                const View& y, int threads) {
  PanelCall(panels, c, x, w, bias, y).run(threads);
  settle_all(c, x, w, bias, y, threads, false);
}

// ------------------------------------------------------------------------------- costs

PanelCounts count_panels(const Panels& p) {
  const double outputs = as_double(p.problem->n_groups * p.n_elements() * p.n_outputs);
  const double rows = outputs / as_double(std::min(p.width, p.axes.back().axis.y));
  const double terms = as_double(p.n_terms()), times = as_double(p.n_channel_tasks);
  const double padded = as_double(p.problem->n_groups * p.n_elements() * ceil_div(p.n_outputs, p.lanes) * p.lanes);
  return {rows * terms * times, outputs * terms * times, padded * terms * as_double(p.problem->n_out)};
}

Memory memory_of(const Question& q, const Panels& p) {
  Memory memory;
  const Index terms = p.inputs_per_pass * q.taps_per_channel, wide = p.panels_per_pass * p.width * p.bytes;
  memory.shared = reserved(as_double(packed_bytes(q, false)));
  memory.scratch =
      reserved(as_double(wide * terms)) + (p.y_in_place ? 0 : reserved(as_double(wide * p.channels_per_task)));
  memory.holders = std::max<Index>(1, p.n_tasks());
  return memory;
}

}  // namespace flipslide
