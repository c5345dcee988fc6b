// An array's memory for the length of a call, through Python's buffer protocol.
#pragma once

#include <nanobind/nanobind.h>

#include "runner.hpp"

namespace flipslide {

class Buffer {
 public:
  Buffer(nanobind::handle array, bool writable) {
    if (PyObject_GetBuffer(array.ptr(), &buffer_, PyBUF_STRIDES | (writable ? PyBUF_WRITABLE : 0)) != 0)
      throw nanobind::python_error();
  }
  ~Buffer() { PyBuffer_Release(&buffer_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  Array array() const {
    static_assert(sizeof(Py_ssize_t) == sizeof(Index));
    return {{static_cast<std::byte*>(buffer_.buf), buffer_.ndim, reinterpret_cast<const Index*>(buffer_.shape),
             reinterpret_cast<const Index*>(buffer_.strides)},
            buffer_.itemsize};
  }

 private:
  Py_buffer buffer_{};
};

}  // namespace flipslide
