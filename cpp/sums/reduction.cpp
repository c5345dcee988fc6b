#include "reduction.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "../thread/pool.hpp"
#include "known.hpp"
#include "usual.hpp"

namespace flipslide {

namespace {

// Terms that are woven at once: with the channels of a task, a quarter of a second-level cache.
constexpr Index kWovenTerms = 256;
constexpr Index kMostChannels = 128;
// Rows of x that share woven terms; and the terms of a window, and its bytes.
constexpr Index kRowsPerTask = 256;
constexpr Index kOuterTerms = 512, kInnerTerms = 4096;
constexpr Index kWindowBytes = 256 << 10;
// A call has so many tasks, where each has the products and all sums of slices fit. The slices do not depend on the
// number of threads, or neither would the bits.
constexpr Index kTasks = 32;
constexpr double kTaskProducts = 1e6;
constexpr Index kSliceBytes = 8 << 20;

// ---------------------------------------------------------------------------- the plan

class Planner {
 public:
  Planner(Reduction& reduction, const View& x, const View& y) : r(reduction), p(*reduction.problem), x(x), y(y) {}

  void make() {
    r.kernel = &p.isa.reductions[p.types.compute];
    r.bytes = kComputeBytes[p.types.compute];
    // Lanes that half of the channels would leave empty are filled by terms.
    r.is_outer = 2 * p.n_out > r.kernel->lanes;
    for (const Slide& slide : p.slides) place(slide);
    merge_axes();
    if (!r.is_outer) r.axes.back().phases = r.axes.back().term_step;
    count_all();
    r.is_in_place = can_read_in_place();
    split();
  }

 private:
  Reduction& r;
  const Problem& p;
  const View &x, &y;

  void place(const Slide& slide) {
    const Axis& axis = slide.axis;
    ReductionAxis made{axis.x, axis.w, axis.y, x.stride(axis.x_dim), y.stride(axis.y_dim), axis.start, 1,
                       1,      1,      1,      axis.boundary};
    if (slide.y_reversed) {
      r.y_offset += made.y_stride * (axis.y - 1);
      made.y_stride = -made.y_stride;
    }
    made.grid = axis.y <= 1 ? axis.dilation : axis.w <= 1 ? axis.stride : std::gcd(axis.stride, axis.dilation);
    made.term_step = axis.w <= 1 ? 1 : axis.dilation / made.grid;
    made.output_step = axis.y <= 1 ? 1 : axis.stride / made.grid;
    r.axes.push_back(made);
  }

  // Neighbouring axes with a single output whose terms lie evenly are one longer axis.
  void merge_axes() {
    const auto is_whole = [](const ReductionAxis& a) {
      return a.outputs == 1 && a.start == 0 && a.terms == a.n && a.grid == 1;
    };
    for (std::size_t a = r.axes.size() - 1; a-- > 0;) {
      const ReductionAxis &outer = r.axes[a], &inner = r.axes[a + 1];
      if (!is_whole(outer) || !is_whole(inner) || outer.x_stride != inner.n * inner.x_stride) continue;
      r.axes[a + 1].terms = r.axes[a + 1].n = outer.n * inner.n;
      r.axes.erase(r.axes.begin() + static_cast<Index>(a));
    }
  }

  void count_all() {
    r.plane_terms = r.n_rows = 1;
    for (const ReductionAxis& axis : r.axes) {
      r.plane_terms *= axis.terms;
      r.n_rows *= axis.outputs;
    }
    r.n_terms = r.plane_terms * p.n_in;
  }

  bool can_read_in_place() const {
    if (!same_bits(p.types.x, p.types.compute) || reinterpret_cast<Index>(x.data) % r.bytes != 0) return false;
    bool fits = true;
    for (const ReductionAxis& axis : r.axes) {
      const Index last = (axis.terms - 1) * axis.term_step + (axis.outputs - 1) * axis.output_step;
      fits = fits && axis.start >= 0 && axis.position(last) < axis.n && axis.x_stride % r.bytes == 0;
    }
    for (const Loop& loop : p.spec.loops) fits = fits && x.stride(loop.x_dim) % r.bytes == 0;
    const ReductionAxis& last = r.axes.back();
    return fits && (r.is_outer || last.terms <= 1 || last.grid * last.term_step * last.x_stride == r.bytes);
  }

  void split() {
    if (!p.has_outputs()) return;
    r.channel_block = r.is_outer ? even_block(p.n_out, kMostChannels, r.kernel->lanes) : p.n_out;
    if (r.n_terms > 0) size_windows();
    const Index place_bytes = r.n_terms > 0 ? r.plane_length() * r.window_inputs * r.bytes : 1;
    const Index fitting = r.is_in_place ? p.n_batch : std::max<Index>(1, kWindowBytes / place_bytes);
    const Index wanted = std::min(ceil_div(kRowsPerTask, r.n_rows), fitting);
    r.batch_block = even_block(p.n_batch, wanted, 1);
    r.n_channel_blocks = ceil_div(p.n_out, r.channel_block);
    r.n_batch_blocks = ceil_div(p.n_batch, r.batch_block);
    const Index fit_slices = kSliceBytes / std::max<Index>(1, r.n_blocks() * r.partial_length() * r.bytes);
    const auto worth = static_cast<Index>(p.products / kTaskProducts / static_cast<double>(r.n_blocks()));
    const Index slices = std::min({ceil_div(kTasks, r.n_blocks()), fit_slices, worth, r.n_windows});
    r.n_slices = std::max<Index>(1, slices);
    if (r.n_slices == 1) r.groups_per_task = std::max<Index>(1, p.n_groups * r.n_channel_blocks / kTasks);
  }

  // Whole planes of input channels, or terms along the first axis of one.
  void size_windows() {
    const Index most = r.is_outer ? kOuterTerms : kInnerTerms;
    const ReductionAxis& first = r.axes[0];
    const Index each = r.plane_terms / first.terms;
    const Index overhang = (first.outputs - 1) * first.output_step / first.term_step;
    r.window_terms = std::clamp<Index>(std::max(most / each, 2 * overhang), 1, first.terms);
    r.window_inputs = r.window_terms < first.terms ? 1 : std::clamp<Index>(most / r.plane_terms, 1, p.n_in);
    r.n_windows = ceil_div(p.n_in, r.window_inputs) * r.windows_of_plane();
  }
};

// --------------------------------------------------------------------------- execution

// Neighbouring places of a window, and where their samples stand from the first one of a plane of x, in bytes.
struct Copy {
  Index to, from, step, n;
};

struct Work {
  Scratch window, woven, sums, turned;
  std::vector<Index> rows;
  std::vector<FsTerms> runs;
  std::vector<Copy> copies;  // of one input channel of one element of the batch
};

thread_local Work own;

struct Place {
  Index group, first_channel, n_channels, first_batch, n_batch, slice;
};

struct Box {
  Index first_input, n_inputs, first_term, n_terms;  // terms along the first axis

  // Whether windows of both have the same places.
  bool is_like(const Box& other) const {
    return n_inputs == other.n_inputs && first_term == other.first_term && n_terms == other.n_terms;
  }
};

struct Job {
  const Reduction& r;
  const Convolution& c;
  const View &x, &y;
  const PackedTaps& w;
  const std::byte* bias;
  std::byte* slices;  // of all tasks, one after the other; null where a task has all windows
};

Place place_of(const Reduction& r, Index task) {
  Place place{};
  place.slice = task % r.n_slices;
  task /= r.n_slices;
  const Index batch = task % r.n_batch_blocks;
  task /= r.n_batch_blocks;
  const Index channels = task % r.n_channel_blocks;
  place.group = task / r.n_channel_blocks * r.groups_per_task;
  place.first_channel = channels * r.channel_block;
  place.n_channels = std::min(r.channel_block, r.problem->n_out - place.first_channel);
  place.first_batch = batch * r.batch_block;
  place.n_batch = std::min(r.batch_block, r.problem->n_batch - place.first_batch);
  return place;
}

Box box_of(const Reduction& r, Index window) {
  const Index each = r.windows_of_plane();
  Box box{};
  box.first_input = window / each * r.window_inputs;
  box.n_inputs = std::min(r.window_inputs, r.problem->n_in - box.first_input);
  box.first_term = window % each * r.window_terms;
  box.n_terms = std::min(r.window_terms, r.axes[0].terms - box.first_term);
  return box;
}

// How the numbers of x lie that a box reads, in numbers: of each axis, from term to term and output to output.
struct Lie {
  Index terms[kMaxAxes], pitch[kMaxAxes], phase[kMaxAxes];
  Index input, batch;  // of a window; where x is read in place, its own
};

Lie lie_in_window(const Reduction& r, const Box& box) {
  Lie lie{};
  Index pitch = 1;
  for (std::size_t a = r.axes.size(); a-- > 0;) {
    lie.terms[a] = a == 0 ? box.n_terms : r.axes[a].terms;
    lie.pitch[a] = pitch;
    lie.phase[a] = pitch * r.axes[a].phase_length(lie.terms[a]);
    pitch *= r.axes[a].length(lie.terms[a]);
  }
  lie.input = pitch;
  lie.batch = pitch * box.n_inputs;
  return lie;
}

// From the first place of an axis to another one.
Index offset_of(const Reduction& r, const Lie& lie, std::size_t a, Index place) {
  const ReductionAxis& axis = r.axes[a];
  if (r.is_in_place) return place * axis.grid * axis.x_stride / r.bytes;
  return place % axis.phases * lie.phase[a] + place / axis.phases * lie.pitch[a];
}

// ---- samples

class WindowPacker {
 public:
  WindowPacker(const Job& job, const Box& box, const Lie& lie)
      : r(job.r), c(job.c), box(box), lie(lie), load(c.isa.convert->load[c.types.compute][c.types.x]) {}

  // One input channel of one element of the batch; what is copied is taken down.
  void pack(const std::byte* from, std::byte* to) {
    from_ = from;
    to_ = to;
    own.copies.clear();
    pack_axis(0, from, to, kFound);
  }

 private:
  enum State { kFound, kFilled, kEmpty };
  const Reduction& r;
  const Convolution& c;
  const Box& box;
  const Lie& lie;
  const FsLoadFn load;
  const std::byte* from_ = nullptr;
  std::byte* to_ = nullptr;

  void copy(std::byte* to, const std::byte* from, Index step, Index n) const {
    load(to, from, step, n);
    own.copies.push_back({to - to_, from - from_, step, n});
  }

  Index first_place(std::size_t a) const { return a == 0 ? box.first_term * r.axes[0].term_step : 0; }

  void pack_axis(std::size_t a, const std::byte* from, std::byte* to, State state) const {
    const ReductionAxis& axis = r.axes[a];
    const Index length = axis.phase_length(lie.terms[a]);
    for (Index phase = 0; phase < axis.phases; ++phase) {
      std::byte* at = to + phase * lie.phase[a] * r.bytes;
      if (a + 1 == r.axes.size()) {
        pack_row(axis, first_place(a) + phase, length, from, at, state);
        continue;
      }
      for (Index i = 0; i < length; ++i) {
        const Index source = extend(axis.position(first_place(a) + phase + i * axis.phases), axis.n, axis.boundary);
        pack_axis(a + 1, from + (source < 0 ? 0 : source) * axis.x_stride, at + i * lie.pitch[a] * r.bytes,
                  source == kGap || state == kEmpty ? kEmpty
                  : source == kFill                 ? kFilled
                                                    : state);
      }
    }
  }

  // n places, one phase apart.
  void pack_row(const ReductionAxis& axis, Index place, Index n, const std::byte* from, std::byte* to,
                State state) const {
    if (state == kEmpty) return blank(to, n, state);
    const Index step = axis.grid * axis.phases, first = axis.position(place);
    if (state == kFilled) return fill_row(axis, first, step, n, to);
    const Index begin = std::clamp<Index>(first < 0 ? (-first + step - 1) / step : 0, 0, n);
    const Index end = std::clamp<Index>(first < axis.n ? (axis.n - 1 - first) / step + 1 : 0, begin, n);
    for (Index i = 0; i < begin; ++i) edge(axis, first + i * step, from, to + i * r.bytes);
    if (end > begin)
      copy(to + begin * r.bytes, from + (first + begin * step) * axis.x_stride, step * axis.x_stride, end - begin);
    for (Index i = end; i < n; ++i) edge(axis, first + i * step, from, to + i * r.bytes);
  }

  // The fill value, but for the places that have no term along this axis.
  void fill_row(const ReductionAxis& axis, Index first, Index step, Index n, std::byte* to) const {
    for (Index i = 0; i < n; ++i)
      blank(to + i * r.bytes, 1, extend(first + i * step, axis.n, axis.boundary) == kGap ? kEmpty : kFilled);
  }

  void edge(const ReductionAxis& axis, Index position, const std::byte* from, std::byte* to) const {
    const Index source = extend(position, axis.n, axis.boundary);
    if (source >= 0)
      copy(to, from + source * axis.x_stride, axis.x_stride, 1);
    else
      blank(to, 1, source == kFill ? kFilled : kEmpty);
  }

  void blank(std::byte* to, Index n, State state) const {
    if (state == kEmpty) {
      std::memset(to, 0, static_cast<std::size_t>(n * r.bytes));
      return;
    }
    for (Index i = 0; i < n; ++i) std::memcpy(to + i * r.bytes, c.fill.parts[0], static_cast<std::size_t>(r.bytes));
  }
};

const std::byte* x_of(const Job& job, const Place& place, Index batch, Index input) {
  return job.x.data + locate(job.c.group_loops, &Loop::x_dim, place.group, job.x) +
         locate(job.c.batch_loops, &Loop::x_dim, batch, job.x) + locate(job.c.in_loops, &Loop::x_dim, input, job.x);
}

// Every plane, and what stands in the place of samples.
void pack_window(const Job& job, const Place& place, const Box& box, const Lie& lie, std::byte* window) {
  WindowPacker packer(job, box, lie);
  for (Index b = 0; b < place.n_batch; ++b)
    for (Index i = 0; i < box.n_inputs; ++i)
      packer.pack(x_of(job, place, place.first_batch + b, box.first_input + i),
                  window + (b * lie.batch + i * lie.input) * job.r.bytes);
}

// The samples alone, at the places of the window that was packed last.
void pack_again(const Job& job, const Place& place, const Box& box, const Lie& lie, std::byte* window) {
  const Types& types = job.c.types;
  const FsLoadFn load = job.c.isa.convert->load[types.compute][types.x];
  const bool moves = same_bits(types.x, types.compute);
  for (Index b = 0; b < place.n_batch; ++b)
    for (Index i = 0; i < box.n_inputs; ++i) {
      const std::byte* from = x_of(job, place, place.first_batch + b, box.first_input + i);
      std::byte* to = window + (b * lie.batch + i * lie.input) * job.r.bytes;
      for (const Copy& copy : own.copies)
        if (moves && copy.step == job.r.bytes)
          std::memcpy(to + copy.to, from + copy.from, static_cast<std::size_t>(copy.n * copy.step));
        else
          load(to + copy.to, from + copy.from, copy.step, copy.n);
    }
}

// ---- rows and terms

// Calls visit(offset) for every index of `count`, the last axis fastest; `step` is in places.
template <class Visit>
void each_place(const Reduction& r, const Lie& lie, std::size_t n_axes, Index ReductionAxis::* step, const Index* count,
                const Visit& visit) {
  Index at[kMaxAxes] = {};
  for (std::size_t a = n_axes + 1; a > 0;) {
    Index offset = 0;
    for (std::size_t b = 0; b < n_axes; ++b) offset += offset_of(r, lie, b, at[b] * (r.axes[b].*step));
    visit(offset);
    for (a = n_axes; a > 0 && ++at[a - 1] == count[a - 1]; --a) at[a - 1] = 0;
  }
}

void list_rows(const Job& job, const Place& place, const Lie& lie) {
  const Reduction& r = job.r;
  Index outputs[kMaxAxes];
  for (std::size_t a = 0; a < r.axes.size(); ++a) outputs[a] = r.axes[a].outputs;
  own.rows.clear();
  for (Index b = 0; b < place.n_batch; ++b) {
    const Index base =
        r.is_in_place ? locate(job.c.batch_loops, &Loop::x_dim, place.first_batch + b, job.x) / r.bytes : b * lie.batch;
    each_place(r, lie, r.axes.size(), &ReductionAxis::output_step, outputs,
               [&](Index offset) { own.rows.push_back(base + offset); });
  }
}

// The terms of a box, row by row, and where they stand among the taps of its input channels.
void list_terms(const Job& job, const Box& box, const Lie& lie) {
  const Reduction& r = job.r;
  const std::size_t inner = r.axes.size() - 1;
  Index terms[kMaxAxes];
  for (std::size_t a = 0; a <= inner; ++a) terms[a] = a == 0 ? box.n_terms : r.axes[a].terms;
  const Index row = terms[inner], first = box.first_term * (r.plane_terms / r.axes[0].terms);
  own.runs.clear();
  for (Index i = 0; i < box.n_inputs; ++i) {
    const Index input = box.first_input + i;
    Index base = r.is_in_place ? locate(job.c.in_loops, &Loop::x_dim, input, job.x) / r.bytes : i * lie.input;
    if (r.is_in_place) base += offset_of(r, lie, 0, box.first_term * r.axes[0].term_step);
    Index at = i * r.plane_terms + first;
    each_place(r, lie, inner, &ReductionAxis::term_step, terms, [&](Index offset) {
      own.runs.push_back({base + offset, at, row});
      at += row;
    });
  }
}

const std::byte* first_sample(const Job& job, const Place& place) {
  const std::byte* at = job.x.data + locate(job.c.group_loops, &Loop::x_dim, place.group, job.x);
  for (const ReductionAxis& axis : job.r.axes) at += axis.start * axis.x_stride;
  return at;
}

Index term_step(const Reduction& r) {
  const ReductionAxis& axis = r.axes.back();
  if (!r.is_outer) return 1;
  return r.is_in_place ? axis.term_step * axis.grid * axis.x_stride / r.bytes : axis.term_step;
}

// ---- sums

// Woven terms, some at a time. Those of a box are neighbours among the taps of a channel.
void sum_outer(const Job& job, FsReduction& s, const std::byte* channels) {
  const Reduction& r = job.r;
  std::byte* woven = own.woven.reserve<std::byte>(kWovenTerms * r.pitch() * r.bytes);
  const Index total = job.r.n_terms;
  std::vector<FsTerms>& runs = own.runs;
  std::size_t next = 0;
  while (next < runs.size()) {
    // The runs that fit, the last one perhaps in part.
    const std::size_t first = next;
    const Index begin = runs[first].w;
    Index n = 0;
    FsTerms rest{};
    while (next < runs.size() && n < kWovenTerms) {
      FsTerms& run = runs[next];
      const Index fits = std::min(run.n, kWovenTerms - n);
      if (fits < run.n && n > 0 && run.n <= kWovenTerms) break;
      rest = {run.x + fits * s.step, run.w + fits, run.n - fits};
      run = {run.x, run.w - begin, fits};
      n += fits;
      ++next;
    }
    r.kernel->weave(woven, channels + begin * r.bytes, total, s.n_out, n);
    s.w = woven;
    s.w_pitch = n;
    s.runs = runs.data() + first;
    s.n_runs = static_cast<Index>(next - first);
    r.kernel->outer(&s);
    if (rest.n > 0) runs[--next] = rest;
  }
}

void sum_inner(const Job& job, FsReduction& s, const std::byte* channels) {
  s.w = channels;
  s.w_pitch = job.r.n_terms;
  s.runs = own.runs.data();
  s.n_runs = static_cast<Index>(own.runs.size());
  job.r.kernel->inner(&s);
}

// `like`: the box before this one, of the same task and with as many elements of the batch; null where there was none.
void sum_box(const Job& job, const Place& place, const Box& box, const Box* like, std::byte* sums) {
  const Reduction& r = job.r;
  const Lie lie = lie_in_window(r, box);
  const bool knows_places = like && !r.is_in_place && box.is_like(*like);
  FsReduction s{};
  if (r.is_in_place) {
    s.x = first_sample(job, place);
  } else {
    std::byte* window = own.window.reserve<std::byte>(place.n_batch * lie.batch * r.bytes);
    (knows_places ? pack_again : pack_window)(job, place, box, lie, window);
    s.x = window;
  }
  if (!knows_places) list_rows(job, place, lie);
  // What is woven changes its terms.
  if (!knows_places || r.is_outer) list_terms(job, box, lie);
  s.rows = own.rows.data();
  s.n_rows = static_cast<Index>(own.rows.size());
  s.step = term_step(r);
  s.n_out = place.n_channels;
  s.y = sums;
  s.y_pitch = r.pitch();
  const std::byte* channels =
      job.w.data +
      ((place.group * job.c.n_out + place.first_channel) * r.n_terms + box.first_input * r.plane_terms) * r.bytes;
  r.is_outer ? sum_outer(job, s, channels) : sum_inner(job, s, channels);
}

// ---- outputs

// Outputs of a channel that lie evenly in y, from the last axis outwards; and whether elements of the batch join them.
struct EvenRun {
  Index n = 1, step = 0;
  std::size_t n_outer;
  bool joins_batch = false;
};

EvenRun even_run(const Job& job) {
  const Reduction& r = job.r;
  EvenRun run{1, r.axes.back().y_stride, r.axes.size(), false};
  const auto lengthen = [&](Index n, Index step) {
    if (n > 1 && run.n > 1 && step != run.n * run.step) return false;
    if (n > 1 && run.n == 1) run.step = step;
    run.n *= n;
    return true;
  };
  while (run.n_outer > 0 && lengthen(r.axes[run.n_outer - 1].outputs, r.axes[run.n_outer - 1].y_stride)) --run.n_outer;
  const std::vector<Loop>& loops = job.c.batch_loops;
  run.joins_batch =
      run.n_outer == 0 && loops.size() == 1 && (run.n == 1 || job.y.stride(loops[0].y_dim) == run.n * run.step);
  if (run.joins_batch && run.n == 1) run.step = job.y.stride(loops[0].y_dim);
  return run;
}

template <class T>
void add(T* to, const T* from, Index n) {
  for (Index i = 0; i < n; ++i) to[i] += from[i];
}

template <class T>
void add_bias(T* to, const std::byte* bias, Index k, Index n) {
  const T value = reinterpret_cast<const T*>(bias)[k];
  for (Index i = 0; i < n; ++i) to[i] += value;
}

template <class Do>
void as_numbers(FsCompute compute, const Do& run) {
  switch (compute) {
    case FS_F32: return run(float{});
    case FS_F64: return run(double{});
    case FS_I32: return run(std::uint32_t{});
    default: return run(std::uint64_t{});
  }
}

// The sums of one channel, batch by batch.
void store_channel(const Job& job, const Place& place, const EvenRun& run, Index k, const std::byte* sums) {
  const Reduction& r = job.r;
  const Problem& p = job.c;
  const FsConvert& convert = *p.isa.convert;
  const FsStoreFn store =
      p.types.saturate ? convert.store_saturated[p.types.y] : convert.store[p.types.compute][p.types.y];
  std::byte* const channel = job.y.data + r.y_offset + locate(p.group_loops, &Loop::y_dim, place.group, job.y) +
                             locate(p.out_loops, &Loop::y_dim, place.first_channel + k, job.y);
  const Index n = run.joins_batch ? place.n_batch : 1;
  for (Index b = 0; b < place.n_batch; b += n) {
    std::byte* at = channel + locate(p.batch_loops, &Loop::y_dim, place.first_batch + b, job.y);
    Index m[kMaxAxes] = {};
    for (std::size_t a = run.n_outer + 1; a > 0;) {
      Index offset = 0;
      for (std::size_t o = 0; o < run.n_outer; ++o) offset += m[o] * r.axes[o].y_stride;
      store(at + offset, run.step, sums, n * run.n);
      sums += n * run.n * r.bytes;
      for (a = run.n_outer; a > 0 && ++m[a - 1] == r.axes[a - 1].outputs; --a) m[a - 1] = 0;
    }
  }
}

void store_block(const Job& job, const Place& place, std::byte* sums) {
  const Reduction& r = job.r;
  const Index n_rows = place.n_batch * r.n_rows;
  std::byte* turned = own.turned.reserve<std::byte>(n_rows * r.pitch() * r.bytes);
  r.kernel->turn(turned, sums, r.pitch(), n_rows, place.n_channels);
  const EvenRun run = even_run(job);
  for (Index k = 0; k < place.n_channels; ++k) {
    std::byte* channel = turned + k * n_rows * r.bytes;
    if (job.bias)
      as_numbers(job.c.types.compute, [&]<class T>(T) {
        add_bias(reinterpret_cast<T*>(channel), job.bias, place.group * job.c.n_out + place.first_channel + k, n_rows);
      });
    store_channel(job, place, run, k, channel);
  }
}

// The groups of a task, one after the other.
void run_task(const Job& job, Index task) {
  const Reduction& r = job.r;
  Place place = place_of(r, task);
  const Index length = place.n_batch * r.n_rows * r.pitch();
  std::byte* sums =
      job.slices ? job.slices + task * r.partial_length() * r.bytes : own.sums.reserve<std::byte>(length * r.bytes);
  const Index end = std::min(job.c.n_groups, place.group + r.groups_per_task);
  Box before{};
  bool is_first = true;
  for (; place.group < end; ++place.group) {
    std::memset(sums, 0, static_cast<std::size_t>(length * r.bytes));
    for (Index w = r.n_windows * place.slice / r.n_slices; w < r.n_windows * (place.slice + 1) / r.n_slices; ++w) {
      const Box box = box_of(r, w);
      sum_box(job, place, box, is_first ? nullptr : &before, sums);
      before = box;
      is_first = false;
    }
    if (!job.slices) store_block(job, place, sums);
  }
  for (Scratch* scratch : {&own.window, &own.woven, &own.sums, &own.turned}) scratch->trim();
}

// The slices of a block, in their order.
void join_slices(const Job& job, Index block) {
  const Reduction& r = job.r;
  const Place place = place_of(r, block * r.n_slices);
  const Index length = place.n_batch * r.n_rows * r.pitch();
  std::byte* sums = job.slices + block * r.n_slices * r.partial_length() * r.bytes;
  as_numbers(job.c.types.compute, [&]<class T>(T) {
    for (Index s = 1; s < r.n_slices; ++s)
      add(reinterpret_cast<T*>(sums), reinterpret_cast<const T*>(sums) + s * r.partial_length(), length);
  });
  store_block(job, place, sums);
  own.turned.trim();
}

}  // namespace

Index Reduction::plane_length() const {
  Index length = 1;
  for (std::size_t a = 0; a < axes.size(); ++a) length *= axes[a].length(a == 0 ? window_terms : axes[a].terms);
  return length;
}

std::string Reduction::describe() const {
  const auto text = [](Index n) { return std::to_string(n); };
  std::string said = text(n_tasks()) + (n_tasks() == 1 ? " task of " : " tasks of ") + text(batch_block * n_rows) +
                     " by " + text(channel_block) + " outputs";
  if (n_slices > 1) said += ", " + text(n_slices) + " slices of the sum";
  said += is_outer ? "; lanes are channels" : "; lanes are terms";
  return said + (is_in_place ? ", x in place" : ", x packed");
}

Reduction make_reduction(const Problem& problem, const View& x, const View& y) {
  Reduction reduction;
  reduction.problem = &problem;
  Planner(reduction, x, y).make();
  return reduction;
}

// All that follows from where x lies is which axes are one, and whether it is read there.
static bool decides_as_usual(const Reduction& r, const View& x, const View& y) {
  if (x_lies_usually(*r.problem, x)) return true;
  const Lying lying(x, x_item_bytes(*r.problem));
  const Reduction usual = make_reduction(*r.problem, lying.usual, y);
  return r.axes.size() == usual.axes.size() && r.is_in_place == usual.is_in_place;
}

void run_reduction(const Convolution& c, const View& x, const PackedTaps& w, const void* bias, const View& y,
                   int threads, std::uint64_t reach) {
  const Reduction r = make_reduction(c, x, y);
  if (!decides_as_usual(r, x, y))
    return with_usual(c, x, false, y, true, threads, [&](const View& own_x, const View& own_y) {
      run_reduction(c, own_x, w, bias, own_y, threads, reach);
    });
  const int n_threads = is_small(c) ? 1 : threads;
  Scratch slices;
  std::byte* partial = r.n_slices > 1 ? slices.reserve<std::byte>(r.n_tasks() * r.partial_length() * r.bytes) : nullptr;
  const Job job{r, c, x, y, w, static_cast<const std::byte*>(bias), partial};
  parallel_for(r.n_tasks(), n_threads, [&](Index task) { run_task(job, task); });
  if (partial) parallel_for(r.n_blocks(), n_threads, [&](Index block) { join_slices(job, block); });
  settle_all(c, x, w, bias, y, threads, false);
}

// ------------------------------------------------------------------------------- costs

namespace {

double as_double(Index n) { return static_cast<double>(n); }

// Products that fill whole vectors.
double padded(double n, Index length, Index lanes) {
  return length == 0 ? n : n * as_double(ceil_div(length, lanes) * lanes) / as_double(length);
}

}  // namespace

Counts count_reduction(const Question& q, const Reduction& r) {
  enum { kCall, kTask, kRow, kCopied, kWoven, kProduct, kInner, kOutput };
  Counts counts;
  counts.call[kCall] = 1;
  if (!q.has_outputs() || r.n_terms == 0) return counts;
  const double tasks = as_double(r.n_tasks());
  const double blocks = as_double(r.n_channel_blocks * q.n_groups), batches = as_double(r.n_batch_blocks * q.n_groups);
  const double planes = as_double(q.n_in * q.n_batch * r.windows_of_plane()) * as_double(r.plane_length());
  const double rows = as_double(r.plane_terms / std::max<Index>(1, r.axes.back().terms) * q.n_in);
  // Rows that meet each run of terms: those of a single channel take the registers of other channels.
  const Index alone = r.kernel->lanes * r.bytes == 64 ? 13 : 9;
  const double blocks_of_rows = as_double(ceil_div(q.n_batch * r.n_rows, !r.is_outer && q.n_out == 1 ? alone : 6));
  counts.work[kTask] = tasks;
  counts.work[kRow] =
      rows * blocks_of_rows * as_double(q.n_groups * ceil_div(q.n_out, r.is_outer ? 4 * r.kernel->lanes : 4));
  counts.work[kCopied] = r.is_in_place ? 0 : planes * blocks;
  counts.work[kWoven] = as_double(r.n_terms * q.n_out) * (r.is_outer ? batches : as_double(q.n_groups));
  if (r.is_outer)
    counts.work[kProduct] = padded(q.n_products, q.n_out, r.kernel->lanes);
  else
    counts.work[kInner] = padded(q.n_products, r.axes.back().terms, r.kernel->lanes);
  counts.work[kOutput] = q.outputs * as_double(r.n_slices);
  counts.tasks = is_small(q) ? 1 : tasks;
  return counts;
}

Memory memory_of(const Question& q, const Reduction& r) {
  Memory memory;
  const double bytes = as_double(r.bytes), sums = as_double(r.partial_length()) * bytes;
  memory.shared =
      as_double(q.n_channels() * r.n_terms) * bytes + 64 + (r.n_slices > 1 ? sums * as_double(r.n_tasks()) : 0);
  memory.scratch = sums * (r.n_slices > 1 ? 1 : 2);
  if (!r.is_in_place)
    memory.scratch += as_double(r.batch_block * r.window_inputs) * as_double(r.plane_length()) * bytes;
  if (r.is_outer) memory.scratch += as_double(kWovenTerms * r.pitch()) * bytes;
  memory.scratch += 4 * 128;
  memory.holders = is_small(q) ? 1 : std::max<Index>(1, r.n_tasks());
  return memory;
}

}  // namespace flipslide
