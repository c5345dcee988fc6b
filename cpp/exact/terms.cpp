#include "terms.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../taps/pack.hpp"

namespace flipslide {

namespace {

Index in_pieces(Index n) { return (n + FS_EXACT_PIECE - 1) / FS_EXACT_PIECE * FS_EXACT_PIECE; }

// Calls visit(from, n) for each row of a channel's taps along the last axis.
template <class Visit>
void each_row(const Problem& p, const View& w, Index channel, const Visit& visit) {
  const int last = static_cast<int>(p.slides.size()) - 1;
  const auto step = [&](int a) {
    const Slide& slide = p.slides[static_cast<std::size_t>(a)];
    return w.stride(slide.axis.w_dim) * (slide.w_reversed ? -1 : 1);
  };
  const Index n = p.slides.back().axis.w, n_rows = n > 0 ? p.taps_per_channel / n : 0;
  for (Index in = 0; in < p.n_in; ++in)
    for (Index row = 0; row < n_rows; ++row) {
      const std::byte* from =
          taps_of(p, w, channel / p.n_out, channel % p.n_out) + locate(p.in_loops, &Loop::w_dim, in, w);
      Index rest = row;
      for (int a = last - 1; a >= 0; rest /= p.slides[static_cast<std::size_t>(a)].axis.w, --a)
        from += rest % p.slides[static_cast<std::size_t>(a)].axis.w * step(a);
      visit(from, step(last), n);
    }
}

// Complex taps become two rows; conjugates change the signs of imaginary parts.
void spread(const Problem& p, const double* re, const double* im, Index n, double* real, double* imaginary) {
  const double w_sign = p.spec.conj_w ? -1 : 1, x_sign = p.spec.conj_x ? -1 : 1;
  for (Index i = 0; i < n; ++i) {
    real[2 * i] = re[i];
    real[2 * i + 1] = -w_sign * x_sign * im[i];
    imaginary[2 * i] = w_sign * im[i];
    imaginary[2 * i + 1] = x_sign * re[i];
  }
}

void read_channel(const Problem& p, const View& w, Index channel, ExactTaps& taps, std::vector<double>& parts) {
  double* real = taps.rows.data() + channel * p.parts * taps.length;
  double* imaginary = real + taps.length;
  const FsLoadFn load = p.isa.convert->load[FS_F64][p.types.w];
  each_row(p, w, channel, [&](const std::byte* from, Index step, Index n) {
    if (p.parts == 1) {
      load(real, from, step, n);
    } else {
      load(parts.data(), from, step, n);
      load(parts.data() + n, from + kTypeBytes[p.types.w], step, n);
      spread(p, parts.data(), parts.data() + n, n, real, imaginary);
    }
    real += n * p.parts;
    imaginary += n * p.parts;
  });
}

void note_channel(const Problem& p, Index channel, ExactTaps& taps) {
  double largest = 0;
  for (Index part = 0; part < p.parts; ++part) {
    const double* row = taps.row(channel, part, p.parts);
    double sum = 0, doubt = 0;
    for (Index i = 0; i < taps.length; ++i) {
      if (std::isfinite(row[i])) sum += std::abs(row[i]);
      doubt += row[i] - row[i];
    }
    taps.are_finite = taps.are_finite && doubt == 0;
    largest = std::max(largest, sum);
    p.isa.exact->extent_doubles(row, taps.length, &taps.most, &taps.least);
  }
  taps.sums[static_cast<std::size_t>(channel)] = largest;
}

}  // namespace

void read_taps(const Problem& p, const View& w, ExactTaps& taps) {
  taps.length = in_pieces(p.n_in * p.taps_per_channel * p.parts);
  taps.rows.assign(static_cast<std::size_t>(p.n_channels() * p.parts * taps.length), 0);
  taps.sums.assign(static_cast<std::size_t>(p.n_channels()), 0);
  taps.most = 0;
  taps.least = HUGE_VAL;
  taps.are_finite = true;
  std::vector<double> parts(static_cast<std::size_t>(p.parts == 2 ? 2 * p.slides.back().axis.w : 0));
  for (Index channel = 0; channel < p.n_channels(); ++channel) {
    read_channel(p, w, channel, taps, parts);
    note_channel(p, channel, taps);
  }
}

// Samples by their index, kGap and kFill where there is none. Returns whether all are inside x and evenly apart.
bool Terms::find_sources(int a, Index output, std::vector<Index>& sources) const {
  const Axis& along = axis(a);
  sources.resize(static_cast<std::size_t>(along.w));
  const Index first = along.start + along.stride * output, end = first + along.dilation * (along.w - 1);
  const bool is_inside = along.up == 1 && along.w > 0 && first >= 0 && end < along.x;
  if (is_inside && a == last()) {
    sources[0] = first;  // the others follow from it
    return true;
  }
  for (Index j = 0; j < along.w; ++j) {
    const Index at = first + along.dilation * j, index = floor_div(at, along.up);
    sources[static_cast<std::size_t>(j)] = index * along.up == at ? extend(index, along.x, along.boundary) : kGap;
  }
  return is_inside;
}

const double* Terms::read(const OutputPlace& place, Room& room) const {
  const Index channel = place.group * p_.n_out + place.out;
  const double* row = taps_.row(channel, place.part, p_.parts);
  room.x.resize(static_cast<std::size_t>(taps_.length));
  if (!taps_.are_finite) room.w.assign(row, row + taps_.length);
  for (int a = 0; a <= last(); ++a) room.is_inside = find_sources(a, place.at[a], room.sources[a]);
  const std::byte* base = x_.data + locate(p_.batch_loops, &Loop::x_dim, place.batch, x_) +
                          locate(p_.group_loops, &Loop::x_dim, place.group, x_);
  double *to = room.x.data(), *taps = taps_.are_finite ? nullptr : room.w.data();
  for (Index in = 0; in < p_.n_in; ++in)
    read_axis(0, base + locate(p_.in_loops, &Loop::x_dim, in, x_), 0, to, taps, room);
  std::fill(to, room.x.data() + taps_.length, 0.0);
  return taps_.are_finite ? row : room.w.data();
}

void Terms::read_axis(int a, const std::byte* at, Index kind, double*& to, double*& taps, Room& room) const {
  if (a == last()) {
    read_row(at, kind, to, taps, room);
    to += axis(a).w * p_.parts;
    if (taps) taps += axis(a).w * p_.parts;
    return;
  }
  for (const Index source : room.sources[a]) {
    const Index step = source >= 0 ? source * x_.stride(axis(a).x_dim) : 0;
    read_axis(a + 1, at + step, kind == kGap || source == kGap ? kGap : source == kFill ? kFill : kind, to, taps, room);
  }
}

void Terms::load(const std::byte* from, Index step, Index n, double* to, Room& room) const {
  const FsLoadFn load = p_.isa.convert->load[FS_F64][p_.types.x];
  if (p_.parts == 1) return load(to, from, step, n);
  room.part.resize(static_cast<std::size_t>(n));
  for (Index part = 0; part < 2; ++part) {
    load(room.part.data(), from + part * kTypeBytes[p_.types.x], step, n);
    for (Index i = 0; i < n; ++i) to[2 * i + part] = room.part[static_cast<std::size_t>(i)];
  }
}

// Samples inside x are loaded together.
void Terms::read_row(const std::byte* at, Index kind, double* to, double* taps, Room& room) const {
  const std::vector<Index>& sources = room.sources[last()];
  const Axis& inner = axis(last());
  const Index n = inner.w, parts = p_.parts, step = x_.stride(inner.x_dim);
  if (kind == 0 && room.is_inside) return load(at + sources[0] * step, inner.dilation * step, n, to, room);
  for (Index j = 0; j < n; ++j, to += parts) {
    const Index source = room.is_inside ? kind : kind == kGap ? kGap : sources[static_cast<std::size_t>(j)];
    if (source == kGap) {
      std::fill_n(to, parts, 0.0);
      if (taps) std::fill_n(taps + j * parts, parts, 0.0);
    } else if (source == kFill || kind == kFill) {
      for (Index part = 0; part < parts; ++part) std::memcpy(to + part, p_.fill.parts[part], sizeof(double));
    } else {
      load(at + source * step, 0, 1, to, room);
    }
  }
}

}  // namespace flipslide
