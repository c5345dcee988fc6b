// A convolution whose samples come in pieces.
//
// Time goes in frames. A frame has one number for each input and output, and a path is the taps from one input to one
// output: y[o][n] = sum over paths of w[j] x[i][n - j]. Channels, complex parts, and the phases of a stride and of
// inserted zeros are inputs and outputs (src/flipslide/partitions.py says which).
//
// The nearest taps, [first, head), are summed directly; the others in partitions. A level is `count` partitions of
// `size` taps, from tap `offset` on. Its tiles are two blocks of `size` frames, [(k - 1) size, (k + 1) size), whatever
// pieces x comes in, and they are transformed once (fft/matrix.hpp): outputs [k size + offset, (k + 1) size + offset)
// are one transform back of the sum of `count` products of spectra. Work is done only where `step` frames are complete,
// and which work that is follows from the number of the frame. So an output's bits do not depend on the pieces.
//
// A level that is spread does the work of block k in equal shares while block k + 1 comes in, and its outputs are due
// after that: offset >= 2 size. Otherwise all is done at once, and offset >= size suffices.
//
// Samples that are not finite, or so large that their transform might not be, count as zero in tiles and are added to
// each output that sees them, one by one.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "../isa.hpp"
#include "../layout.hpp"

namespace flipslide {

struct StreamLevel {
  Index size, offset, count;
  bool is_spread;
};

struct StreamPath {
  Index out, in, taps;  // the number of a row of taps
  Index begin, end;     // which of them are there: others are not multiplied, not even by infinity
};

struct StreamShape {
  FsCompute compute;                       // FS_F32, FS_F64 or FS_I64
  bool rounds, saturates;                  // the numbers are integers in doubles; outputs are clipped
  FsType x_type, y_type;                   // of one part
  Index x_rows, x_parts, y_rows, y_parts;  // arrays: rows of samples, and numbers in a sample
  Index stride, up;                        // samples and outputs of a row in a frame
  Index step, first, head, n_taps;
  std::vector<StreamLevel> levels;
  std::vector<StreamPath> paths;

  Index inputs() const { return x_rows * x_parts * stride; }
  Index outputs() const { return y_rows * y_parts * up; }
};

class Stream {
 public:
  // `taps`: rows of n_taps numbers of the compute type.
  static std::unique_ptr<Stream> make(const StreamShape& shape, const void* taps, Index n_rows);
  virtual ~Stream() = default;

  // Takes samples along the last axis of x, and writes outputs_after(position() + n) - outputs_after(position())
  // outputs along that of y. All other axes are rows. Nothing is allocated.
  virtual void process(const View& x, const View& y) = 0;
  virtual void reset() = 0;
  // Makes the state what it would be if these taps had seen what another stream of the same shape saw.
  virtual void follow(const Stream& other) = 0;

  // Samples so far, and outputs that belong to them.
  Index position() const { return *position_; }
  Index outputs_after(Index samples) const { return (samples * shape_.up + shape_.stride - 1) / shape_.stride; }

  // Everything that changes from call to call.
  std::byte* state() { return state_; }
  Index state_bytes() const { return state_bytes_; }
  Index bytes() const { return state_bytes_ + taps_bytes_; }
  const StreamShape& shape() const { return shape_; }

 protected:
  explicit Stream(const StreamShape& shape) : shape_(shape) {}
  const StreamShape shape_;
  std::byte* state_ = nullptr;
  Index state_bytes_ = 0, taps_bytes_ = 0;
  Index* position_ = nullptr;
};

}  // namespace flipslide
