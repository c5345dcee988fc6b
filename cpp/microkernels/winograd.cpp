// winograd: minimal filtering of tiles by 3 x 3 taps (Winograd 1980, Lavin and Gray 2016).
//
// The samples of a tile are values of a polynomial's dual at some points; products with the taps' values there, one for
// each point, take the place of sums of products. Along one axis m outputs take m + 2 products in place of 3·m. With
// the points 0, ±a, ±b and infinity, Bᵀ has the coefficients of M(t)/(t − p), M(t) = t(t² − a²)(t² − b²), and of M(t);
// Aᵀ has the powers of the points; what is left, 1/M'(p), is in the taps.
#include "winograd.hpp"

#include "shapes.hpp"
#include "strip.hpp"

namespace {

// Bᵀ d along one axis.
template <class T>
FS_INLINE void forward_line(const Vec<T> (&d)[4], Vec<T> (&v)[4]) {
  v[0] = d[2] - d[0];
  v[1] = d[1] + d[2];
  v[2] = d[2] - d[1];
  v[3] = d[3] - d[1];
}

template <class T>
FS_INLINE void forward_line(const Vec<T> (&d)[6], Vec<T> (&v)[6]) {
  constexpr T a = FS_WINOGRAD_A, b = FS_WINOGRAD_B;
  const auto ends = [&](Vec<T> first, Vec<T> third, Vec<T> fifth) {
    return multiply_add(splat(a * a * b * b), first, multiply_add(splat(-(a * a + b * b)), third, fifth));
  };
  const auto pair = [&](T point, T other, Vec<T>& plus, Vec<T>& minus) {
    const Vec<T> even = multiply_add(splat(-other * other), d[2], d[4]);
    const Vec<T> odd = multiply_add(splat(-other * other), d[1], d[3]);
    plus = multiply_add(splat(point), odd, even);
    minus = multiply_add(splat(-point), odd, even);
  };
  v[0] = ends(d[0], d[2], d[4]);
  pair(a, b, v[1], v[2]);
  pair(b, a, v[3], v[4]);
  v[5] = ends(d[1], d[3], d[5]);
}

// Aᵀ m along one axis.
template <class T>
FS_INLINE void inverse_line(const Vec<T> (&m)[4], Vec<T> (&y)[2]) {
  y[0] = m[0] + (m[1] + m[2]);
  y[1] = (m[1] - m[2]) + m[3];
}

template <class T>
FS_INLINE void inverse_line(const Vec<T> (&m)[6], Vec<T> (&y)[4]) {
  constexpr T a = FS_WINOGRAD_A, b = FS_WINOGRAD_B;
  const Vec<T> even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
  y[0] = m[0] + (even_a + even_b);
  y[1] = multiply_add(splat(b), odd_b, splat(a) * odd_a);
  y[2] = multiply_add(splat(b * b), even_b, splat(a * a) * even_a);
  y[3] = multiply_add(splat(b * b * b), odd_b, multiply_add(splat(a * a * a), odd_a, m[5]));
}

template <class T, int outputs>
static void forward(const void* x, int64_t row_step, void* v, int64_t v_step, void* largest) {
  constexpr int n = outputs + 2, lanes = Vec<T>::lanes;
  constexpr const int (&place)[2] = kFsWinogradPlace[outputs == 4];
  T* noted = (T*)largest;
  Vec<T> half[n][n];  // frequencies along the first axis, samples along the second
  Vec<T> most = load(noted);
  for (int j = 0; j < n; ++j) {
    Vec<T> d[n], along[n];
    FS_UNROLL
    for (int i = 0; i < n; ++i) {
      d[i] = load((const T*)x + i * row_step + j * lanes);
      most = larger_magnitude(d[i], most);
    }
    forward_line(d, along);
    FS_UNROLL
    for (int i = 0; i < n; ++i) half[i][j] = along[i];
  }
  store(noted, most);
  for (int p = 0; p < 2; ++p)
    for (int q = 0; q < 2; ++q) {
      T* at = noted + (1 + 2 * p + q) * lanes;
      store(at, larger_magnitude(load((const T*)x + place[p] * row_step + place[q] * lanes), load(at)));
    }
  T* to = (T*)v;
  for (int i = 0; i < n; ++i) {
    Vec<T> along[n];
    forward_line(half[i], along);
    FS_UNROLL
    for (int j = 0; j < n; ++j, to += v_step) store(to, along[j]);
  }
}

template <class T, int outputs>
static void inverse(const void* m, int64_t m_step, const void* bias, void* y, int64_t row_step) {
  constexpr int n = outputs + 2, lanes = Vec<T>::lanes;
  Vec<T> half[outputs][n];
  for (int j = 0; j < n; ++j) {
    Vec<T> d[n], along[outputs];
    FS_UNROLL
    for (int i = 0; i < n; ++i) d[i] = load((const T*)m + (i * n + j) * m_step);
    inverse_line(d, along);
    FS_UNROLL
    for (int i = 0; i < outputs; ++i) half[i][j] = along[i];
  }
  const Vec<T> added = load((const T*)bias);
  for (int i = 0; i < outputs; ++i) {
    Vec<T> along[outputs];
    inverse_line(half[i], along);
    FS_UNROLL
    for (int j = 0; j < outputs; ++j) store((T*)y + i * row_step + j * lanes, along[j] + added);
  }
}

// ------------------------------------------------------------------------------ products

// The same register tile as a strip's, with tiles in the place of channels: each number of v meets `vectors` vectors of
// u, each vector of u `rows` numbers of v.
template <class T, int rows, int vectors>
static void multiply_block(const FsWinogradProduct& p, int64_t first) {
  constexpr int lanes = Vec<T>::lanes;
  Vec<T> sum[rows][vectors];
  FS_UNROLL
  for (int r = 0; r < rows; ++r) FS_UNROLL
  for (int i = 0; i < vectors; ++i) sum[r][i] = splat(T(0));
  const T* u = (const T*)p.u;
  const T* group = (const T*)p.v + first * lanes;
  for (int64_t c = 0; c < p.n_channels; c += lanes, group += p.group_step) {
    const int64_t n = p.n_channels - c < lanes ? p.n_channels - c : lanes;
    const T* v = group;
    for (int64_t i = 0; i < n; ++i, ++v, u += vectors * lanes) {
      Vec<T> w[vectors];
      FS_UNROLL
      for (int j = 0; j < vectors; ++j) w[j] = load_once(u + j * lanes);
      FS_UNROLL
      for (int r = 0; r < rows; ++r) {
        const Vec<T> x = splat(v[r * lanes]);
        FS_UNROLL
        for (int j = 0; j < vectors; ++j) sum[r][j] = multiply_add(x, w[j], sum[r][j]);
      }
    }
  }
  FS_UNROLL
  for (int j = 0; j < vectors; ++j) FS_UNROLL
  for (int r = 0; r < rows; ++r) store((T*)p.m + j * p.group_step + (first + r) * lanes, sum[r][j]);
}

template <class T>
using BlockFn = void (*)(const FsWinogradProduct&, int64_t);

template <class T, int rows>
struct Blocks {
  static BlockFn<T> of(int64_t n, int groups) {
    if (n < rows) return Blocks<T, rows - 1>::of(n, groups);
    if constexpr (kShapes.winograd_vectors > 1)
      if (groups > 1) return multiply_block<T, rows, kShapes.winograd_vectors>;
    return multiply_block<T, rows, 1>;
  }
};

template <class T>
struct Blocks<T, 0> {
  static BlockFn<T> of(int64_t, int) { return nullptr; }
};

// In blocks of one size, or one less.
template <class T>
static void multiply(const FsWinogradProduct* p) {
  constexpr int most = kShapes.winograd_tiles;
  const int64_t n_blocks = (p->n_tiles + most - 1) / most;
  for (int64_t b = 0, first = 0; b < n_blocks; ++b) {
    const int64_t n = (p->n_tiles - first) / (n_blocks - b);
    Blocks<T, most>::of(n, p->n_groups)(*p, first);
    first += n;
  }
}

}  // namespace

#define FS_OF(T)                                                                                                    \
  {                                                                                                                 \
    Vec<T>::lanes, kShapes.winograd_vectors, kShapes.winograd_tiles, {forward<T, 2>, forward<T, 4>}, multiply<T>, { \
      inverse<T, 2>, inverse<T, 4>                                                                                  \
    }                                                                                                               \
  }

extern "C" const struct FsWinograd FS_SYMBOL(winograd)[2] = {FS_OF(float), FS_OF(double)};
