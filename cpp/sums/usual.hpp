// Arrays that lie otherwise than usual. Usual is: in C order without gaps, as results do and most samples.
//
// In which order terms are added is decided for arrays that lie as usual, so that a call has the same bits wherever its
// arrays lie. What lies otherwise is read and written where it is, if it can be in that order, and else through a copy.
#pragma once

#include "../convolution.hpp"

namespace flipslide {

// What an array would be if it lay as usual, and what it is: of axes with one place or none, strides mean nothing.
struct Lying {
  std::vector<Index> usual_strides, own_strides;
  View usual, own;

  Lying(const View& view, Index item_bytes);
  Lying(const Lying&) = delete;
  Lying& operator=(const Lying&) = delete;
};

// `part_bytes`: of a number, or of a part of a complex one, which a microkernel reads at its multiples only.
bool lies_usually(const View& view, Index item_bytes, Index part_bytes);

inline Index x_item_bytes(const Problem& p) { return p.parts * kTypeBytes[p.types.x]; }
inline Index y_item_bytes(const Problem& p) { return p.parts * kTypeBytes[p.types.y]; }
inline bool x_lies_usually(const Problem& p, const View& x) {
  return lies_usually(x, x_item_bytes(p), kTypeBytes[p.types.x]);
}
inline bool y_lies_usually(const Problem& p, const View& y) {
  return lies_usually(y, y_item_bytes(p), kTypeBytes[p.types.y]);
}

void copy_items(const View& from, const View& to, Index item_bytes, int threads);

// Memory for an array that lies as usual, in the place of one that does not.
class Stand {
 public:
  Stand(const View& of, Index item_bytes);
  const View& view() const { return lying_.usual; }

 private:
  Lying lying_;
  Scratch memory_;
};

// body(x, y) with those of the two that are to lie as usual copied.
template <class Body>
void with_usual(const Problem& p, const View& x, bool x_is_usual, const View& y, bool y_is_usual, int threads,
                const Body& body) {
  if (!x_is_usual) {
    const Stand stand(x, x_item_bytes(p));
    copy_items(x, stand.view(), x_item_bytes(p), threads);
    return with_usual(p, stand.view(), true, y, y_is_usual, threads, body);
  }
  if (y_is_usual) return body(x, y);
  const Stand stand(y, y_item_bytes(p));
  body(x, stand.view());
  copy_items(stand.view(), y, y_item_bytes(p), threads);
}

}  // namespace flipslide
