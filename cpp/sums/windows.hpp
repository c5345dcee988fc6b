// One axis of a window of x: which samples its places hold, with the boundary and in the order of the strides.
#pragma once

#include <cstring>

#include "schedule.hpp"

namespace flipslide {

// Samples that can be loaded in one go: every `to_step`-th place of a row.
struct Segment {
  Index to, to_step, n, from, from_step;
};

// Neighbouring places of a row without a sample: zeros, or the fill value.
struct Blank {
  Index to, n;
  bool is_fill;
};

// What one tile needs of one axis of x, split by residue ("phase") modulo the stride, so that
// the outputs of a phase read neighbours.
struct Window {
  Index n_phases = 0;
  Index first = 0;                        // position of the first place, before residues
  Index length = 0;                       // places per phase
  Index place = 0, phase = 0;             // strides in the packed tile, in elements
  std::vector<Index> source;              // [phase][place] -> sample, kGap or kFill; not of the innermost axis
  std::vector<Index> phase_of, residues;  // residue -> phase (-1: read by no tap) and back
  std::vector<Index> tap_offset;          // [tap] -> its first place in the packed tile, in elements

  Index position(Index phase, Index q, Index stride) const {
    return first + residues[static_cast<std::size_t>(phase)] + stride * q;
  }
};

// geometry.extend_index for `interleave` signals whose samples take turns.
inline Index extend_interleaved(Index i, const Axis& axis, Index interleave) {
  if (interleave == 1) return extend(i, axis.x, axis.boundary);
  const Index sample = extend(floor_div(i, interleave), axis.x / interleave, axis.boundary);
  return sample < 0 ? sample : sample * interleave + i - floor_div(i, interleave) * interleave;
}

// Tap j looks `dilation · j` samples on: q strides and a residue. Nothing is divided at each tap, as that takes longer
// than to sum it.
template <class Visit>
void each_tap_place(const Axis& axis, const Visit& visit) {
  const Index strides = axis.dilation / axis.stride, rest = axis.dilation % axis.stride;
  Index q = 0, residue = 0;
  for (Index j = 0; j < axis.w; ++j) {
    visit(j, q, residue);
    q += strides;
    residue += rest;
    if (residue >= axis.stride) {
      residue -= axis.stride;
      ++q;
    }
  }
}

inline void find_window(Window& window, const SumAxis& slide, Index low, Index extent) {
  const Axis& axis = slide.axis;
  window.tap_offset.assign(static_cast<std::size_t>(axis.w), 0);
  // Only the residues that some tap reads.
  std::vector<Index>&phase_of = window.phase_of, &residues = window.residues;
  phase_of.assign(static_cast<std::size_t>(std::min(axis.stride, axis.dilation * axis.w)), -1);
  residues.clear();
  each_tap_place(axis, [&](Index j, Index, Index residue) {
    Index& phase = phase_of[static_cast<std::size_t>(residue)];
    if (phase < 0) {
      phase = static_cast<Index>(residues.size());
      residues.push_back(residue);
    }
    window.tap_offset[static_cast<std::size_t>(j)] = phase;
  });
  window.n_phases = static_cast<Index>(residues.size());
  window.length = extent + axis.dilation * std::max<Index>(axis.w - 1, 0) / axis.stride;
  window.first = axis.start + axis.stride * low;
}

// The sample at a position, in steps of the axis.
inline Index sample_at(const SumAxis& slide, Index position) {
  const Axis& axis = slide.axis;
  const Index sample = axis.up == 1 ? position : floor_div(position, axis.up);
  return position - sample * axis.up ? kGap : extend_interleaved(sample, axis, slide.interleave);
}

inline void list_sources(Window& window, const SumAxis& slide) {
  window.source.resize(static_cast<std::size_t>(window.n_phases * window.length));
  Index* to = window.source.data();
  for (Index phase = 0; phase < window.n_phases; ++phase)
    for (Index q = 0; q < window.length; ++q) *to++ = sample_at(slide, window.position(phase, q, slide.axis.stride));
}

inline void finish_window(Window& window, const Axis& axis) {
  each_tap_place(axis, [&](Index j, Index q, Index) {
    Index& offset = window.tap_offset[static_cast<std::size_t>(j)];
    offset = offset * window.phase + q * window.place;
  });
}

inline void list_place(std::vector<Segment>& segments, std::vector<Blank>& blanks, Index q, Index sample) {
  if (sample < 0) {
    const bool is_fill = sample == kFill;
    if (!blanks.empty() && blanks.back().is_fill == is_fill && blanks.back().to + blanks.back().n == q)
      ++blanks.back().n;
    else
      blanks.push_back({q, 1, is_fill});
    return;
  }
  if (!segments.empty()) {
    Segment& last = segments.back();
    const Index to_step = q - (last.to + (last.n - 1) * last.to_step);
    const Index from_step = sample - (last.from + (last.n - 1) * last.from_step);
    if (last.n == 1) {
      last.to_step = to_step;
      last.from_step = from_step;
    }
    if (to_step == last.to_step && from_step == last.from_step) {
      ++last.n;
      return;
    }
  }
  segments.push_back({q, 1, 1, sample, 1});
}

// The samples of the innermost window, as few loads as possible, and the places between them.
inline void list_segments(const Window& window, const SumAxis& slide, std::vector<std::vector<Segment>>& all_segments,
                          std::vector<std::vector<Blank>>& all_blanks) {
  const Index stride = slide.axis.stride;
  all_segments.resize(static_cast<std::size_t>(window.n_phases));
  all_blanks.resize(static_cast<std::size_t>(window.n_phases));
  for (Index phase = 0; phase < window.n_phases; ++phase) {
    std::vector<Segment>& segments = all_segments[static_cast<std::size_t>(phase)];
    std::vector<Blank>& blanks = all_blanks[static_cast<std::size_t>(phase)];
    segments.clear();
    blanks.clear();
    const auto list = [&](Index from, Index end) {
      for (Index q = from; q < end; ++q)
        list_place(segments, blanks, q, sample_at(slide, window.position(phase, q, stride)));
    };
    // Inside x every place has the next sample; only the places around need a look each.
    Index low = 0, high = 0;
    if (slide.axis.up == 1) {
      const Index first = window.position(phase, 0, stride);
      low = std::clamp<Index>(-floor_div(first, stride), 0, window.length);
      high = std::clamp<Index>(floor_div(slide.axis.x - 1 - first, stride) + 1, low, window.length);
    }
    list(0, low);
    if (low < high) segments.push_back({low, 1, high - low, window.position(phase, low, stride), stride});
    list(high, window.length);
  }
}

}  // namespace flipslide
