// Python's calls that were made before, answered without Python.
//
// What a call means depends on the dtypes and shapes of its two arrays and on its words (mode,
// boundary and so on), not on values. `Calls` remembers it by these. Only plain arrays of numbers in
// native byte order, lists, and words that cannot change are looked up; every other call, and every
// call that has something to complain about, goes to the Python function `otherwise`.
#include "calls.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "../arena.hpp"
#include "lock.hpp"
#include "runner.hpp"

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#include <numpy/arrayobject.h>

namespace nb = nanobind;

namespace flipslide {

namespace {

using Words = std::span<PyObject* const>;

// ----------------------------------------------------------------------------------- words

bool is_builtin(PyArray_Descr* dtype) {
  const int type = dtype->type_num;
  return (PyTypeNum_ISBOOL(type) || PyTypeNum_ISNUMBER(type)) && PyArray_ISNBO(dtype->byteorder);
}

// Of a list or a tuple, by functions that the stable ABI has.
Py_ssize_t length_of(PyObject* sequence) {
  return PyList_CheckExact(sequence) ? PyList_Size(sequence) : PyTuple_Size(sequence);
}

PyObject* item_of(PyObject* sequence, Py_ssize_t i) {
  return PyList_CheckExact(sequence) ? PyList_GetItem(sequence, i) : PyTuple_GetItem(sequence, i);
}

// Whether a word is of a kind that never changes.
bool is_constant(PyObject* word) {
  if (word == Py_None || PyBool_Check(word) || PyUnicode_CheckExact(word) || PyLong_CheckExact(word)) return true;
  if (PyFloat_CheckExact(word) || PyComplex_CheckExact(word)) return true;
  if (PyTuple_CheckExact(word)) {
    for (Py_ssize_t i = 0; i < length_of(word); ++i)
      if (!is_constant(item_of(word, i))) return false;
    return true;
  }
  if (PyArray_DescrCheck(word)) return is_builtin(reinterpret_cast<PyArray_Descr*>(word));
  if (!PyType_Check(word)) return false;
  auto* type = reinterpret_cast<PyTypeObject*>(word);
  return type == &PyFloat_Type || type == &PyLong_Type || type == &PyComplex_Type || type == &PyBool_Type ||
         PyType_IsSubtype(type, &PyGenericArrType_Type);
}

bool have_same_bytes(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0; }

// Of constant words. 1, 1.0 and True differ, as 0.0 and -0.0 do.
bool are_same(PyObject* a, PyObject* b) {
  if (a == b) return true;
  if (Py_TYPE(a) != Py_TYPE(b)) return false;
  if (PyUnicode_CheckExact(a)) return PyUnicode_Compare(a, b) == 0;
  if (PyLong_CheckExact(a)) return PyObject_RichCompareBool(a, b, Py_EQ) == 1;
  if (PyFloat_CheckExact(a)) return have_same_bytes(PyFloat_AsDouble(a), PyFloat_AsDouble(b));
  if (PyComplex_CheckExact(a))
    return have_same_bytes(PyComplex_RealAsDouble(a), PyComplex_RealAsDouble(b)) &&
           have_same_bytes(PyComplex_ImagAsDouble(a), PyComplex_ImagAsDouble(b));
  if (!PyTuple_CheckExact(a) || length_of(a) != length_of(b)) return false;
  for (Py_ssize_t i = 0; i < length_of(a); ++i)
    if (!are_same(item_of(a, i), item_of(b, i))) return false;
  return true;
}

// ---------------------------------------------------------------------------------- arrays

PyArrayObject* as_plain_array(PyObject* object) {
  if (!PyArray_CheckExact(object)) return nullptr;
  auto* array = reinterpret_cast<PyArrayObject*>(object);
  return is_builtin(PyArray_DESCR(array)) ? array : nullptr;
}

// Whether there are integers, and whether there are floats, in a nest of lists of nothing else.
struct Leaves {
  bool integers = false, floats = false;

  bool see(PyObject* object) {
    if (PyFloat_CheckExact(object)) return floats = true;
    if (PyLong_CheckExact(object)) return integers = true;
    if (PyBool_Check(object) || PyComplex_CheckExact(object)) return true;
    if (!PyList_CheckExact(object) && !PyTuple_CheckExact(object)) return false;
    for (Py_ssize_t i = 0; i < length_of(object); ++i) {
      PyObject* item = item_of(object, i);
      if (!item) PyErr_Clear();  // another thread has made the list shorter
      if (!item || !see(item)) return false;
    }
    return true;
  }
};

// A list or tuple of numbers becomes an array, as by numpy.asarray. What is wrong with it is for Python to say, and
// so are integers on both sides of 2^63, which NumPy makes floats of.
nb::object enter(PyObject* object) {
  if (!PyList_CheckExact(object) && !PyTuple_CheckExact(object)) return nb::borrow(object);
  Leaves leaves;
  if (!leaves.see(object)) return nb::borrow(object);
  nb::object array = nb::steal(PyArray_FROM_O(object));
  const auto is_float = [&] { return PyArray_TYPE(reinterpret_cast<PyArrayObject*>(array.ptr())) == NPY_DOUBLE; };
  if (array) return leaves.integers && !leaves.floats && is_float() ? nb::borrow(object) : array;
  if (!PyErr_ExceptionMatches(PyExc_Exception)) throw nb::python_error();
  PyErr_Clear();
  return nb::borrow(object);
}

Array view_of(PyArrayObject* array) {
  static_assert(sizeof(npy_intp) == sizeof(Index));
  return {{static_cast<std::byte*>(PyArray_DATA(array)), PyArray_NDIM(array),
           reinterpret_cast<const Index*>(PyArray_DIMS(array)), reinterpret_cast<const Index*>(PyArray_STRIDES(array))},
          static_cast<Index>(PyArray_ITEMSIZE(array))};
}

// Whether the bytes between the first and the last of each array are apart.
bool are_apart(PyArrayObject* a, PyArrayObject* b) {
  const auto ends = [](PyArrayObject* array) {
    std::uintptr_t low = reinterpret_cast<std::uintptr_t>(PyArray_DATA(array)), high = low;
    for (int d = 0; d < PyArray_NDIM(array); ++d) {
      const npy_intp reach = (PyArray_DIM(array, d) - 1) * PyArray_STRIDE(array, d);
      (reach < 0 ? low : high) += static_cast<std::uintptr_t>(reach);
    }
    return std::array{low, high + static_cast<std::uintptr_t>(PyArray_ITEMSIZE(array))};
  };
  if (PyArray_SIZE(a) == 0 || PyArray_SIZE(b) == 0) return true;
  const auto [a_low, a_high] = ends(a);
  const auto [b_low, b_high] = ends(b);
  return a_high <= b_low || b_high <= a_low;
}

// Results from here on come from memory that is used again. The allocator itself keeps smaller ones,
// and asks the system for fresh pages from here on (glibc's M_MMAP_THRESHOLD).
constexpr std::size_t kRecycledBytes = 1 << 17;

// Gives a block back to the arena when the last array that uses it is gone.
PyObject* own_block(void* block, std::size_t bytes) {
  PyObject* owner = PyCapsule_New(block, nullptr, [](PyObject* capsule) {
    return_block(PyCapsule_GetPointer(capsule, nullptr), reinterpret_cast<std::size_t>(PyCapsule_GetContext(capsule)));
  });
  if (owner) PyCapsule_SetContext(owner, reinterpret_cast<void*>(bytes));
  return owner;
}

nb::object new_array(PyArray_Descr* dtype, int ndim, const npy_intp* shape) {
  std::size_t bytes = static_cast<std::size_t>(PyDataType_ELSIZE(dtype));
  for (int d = 0; d < ndim; ++d) bytes *= static_cast<std::size_t>(shape[d]);
  const bool is_recycled = bytes >= kRecycledBytes && !PyDataType_REFCHK(dtype);
  void* block = is_recycled ? take_block(bytes) : nullptr;
  Py_INCREF(reinterpret_cast<PyObject*>(dtype));
  nb::object made = nb::steal(
      is_recycled ? PyArray_NewFromDescr(&PyArray_Type, dtype, ndim, shape, nullptr, block, NPY_ARRAY_CARRAY, nullptr)
                  : PyArray_Empty(ndim, shape, dtype, 0));
  PyObject* owner = is_recycled && made ? own_block(block, bytes) : nullptr;
  if (is_recycled && !owner) return_block(block, bytes);
  if (owner && PyArray_SetBaseObject(reinterpret_cast<PyArrayObject*>(made.ptr()), owner) < 0) made.reset();
  if (!made || (is_recycled && !owner)) throw nb::python_error();
  return made;
}

// ----------------------------------------------------------------------------------- calls

// The dtypes and shapes of two arrays, as one row of numbers.
class Key {
 public:
  Key(PyArrayObject* x, PyArrayObject* w) {
    append(x);
    append(w);
  }
  Words::size_type hash() const {
    std::uint64_t hash = 0;
    for (const Index number : numbers()) hash = (hash ^ static_cast<std::uint64_t>(number)) * 0x9E3779B97F4A7C15;
    return hash >> 32;
  }
  std::span<const Index> numbers() const { return {numbers_, n_}; }

 private:
  Index numbers_[2 * (NPY_MAXDIMS + 1)];
  std::size_t n_ = 0;

  void append(PyArrayObject* array) {
    numbers_[n_++] = PyArray_TYPE(array) * (NPY_MAXDIMS + 1) + PyArray_NDIM(array);
    for (int d = 0; d < PyArray_NDIM(array); ++d) numbers_[n_++] = PyArray_DIM(array, d);
  }
};

// An axis of a layer's arrays holds groups and the channels of each; the core wants two axes.
struct Split {
  Index groups = 0;  // 0: nothing is split
  int channels = 0;  // the axis, of x and y; that of w is the first
};

// An array as the core sees it.
class Seen {
 public:
  explicit Seen(PyArrayObject* array) : array_(view_of(array)) {}
  Seen(PyArrayObject* array, Index groups, int axis) : array_(view_of(array)) {
    if (groups == 0) return;
    View& view = array_.view;
    int to = 0;
    for (int d = 0; d < view.ndim; ++d) {
      if (d == axis) {
        const Index each = view.shape[d] / groups;
        shape_[to] = groups;
        strides_[to++] = each * view.strides[d];
        shape_[to] = each;
      } else {
        shape_[to] = view.shape[d];
      }
      strides_[to++] = view.strides[d];
    }
    view = {view.data, to, shape_, strides_};
  }
  Seen(const Seen&) = delete;
  Seen& operator=(const Seen&) = delete;

  const Array& array() const { return array_; }

 private:
  Array array_;
  Index shape_[NPY_MAXDIMS + 1], strides_[NPY_MAXDIMS + 1];
};

// Plans are made again after a change of what they are chosen by; calls of an older age are not known.
std::atomic<unsigned> age_of_plans{0};

// What "default" stands for as a call's accuracy: its place in accuracies.ACCURACIES. A block's own setting goes before
// the process's; a change of that makes all calls anew.
std::atomic<int> process_accuracy{0};
thread_local int own_accuracy = -1;

int accuracy() { return own_accuracy >= 0 ? own_accuracy : process_accuracy.load(std::memory_order_relaxed); }

int set_own_accuracy(int code) { return std::exchange(own_accuracy, code); }

struct Call {
  unsigned age = age_of_plans;
  int under = accuracy();
  std::vector<Index> key;
  std::vector<nb::object> words;
  // None: this call is not one for the core alone.
  nb::object holder;
  const Runner* runner = nullptr;
  nb::object y_dtype{};
  std::vector<npy_intp> y_shape{};
  bool exchanged = false;  // x is slid over w
  int threads = 0;
  int bias_type = -1;  // -1: the core cannot add any alone
  Split split{};

  bool is(const Key& of, Words given) const {
    const auto numbers = of.numbers();
    if (age != age_of_plans.load(std::memory_order_relaxed) || under != accuracy()) return false;
    if (numbers.size() != key.size() || std::memcmp(numbers.data(), key.data(), numbers.size_bytes()) != 0)
      return false;
    for (std::size_t i = 0; i < words.size(); ++i)
      if (!are_same(words[i].ptr(), given[i])) return false;
    return true;
  }
  PyArray_Descr* dtype() const { return reinterpret_cast<PyArray_Descr*>(y_dtype.ptr()); }
};

class Calls {
 public:
  // prepare(x, w, words) -> the fields of execute.CoreCall, or None for a call that the core cannot do alone;
  // otherwise(x, w, bias, words, out) does the whole call.
  Calls(nb::callable prepare, nb::callable otherwise, std::size_t n_words)
      : prepare_(std::move(prepare)), otherwise_(std::move(otherwise)), n_words_(n_words) {
    const nb::ft_lock_guard hold(list_lock);
    all().push_back(this);
  }
  ~Calls() {
    const nb::ft_lock_guard hold(list_lock);
    std::erase(all(), this);
  }
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  // What calls are being made is not touched.
  static void forget_all() {
    ++age_of_plans;
    const nb::ft_lock_guard hold(list_lock);
    for (Calls* calls : all()) calls->forget();
  }

  nb::object call(PyObject* x, PyObject* w, PyObject* bias, PyObject* out, Words words) {
    if (nb::object y = try_core(x, w, bias, out, words)) return y;
    const nb::object given = as_tuple(words);
    return ask(otherwise_, {x, w, bias, given.ptr(), out});
  }

  std::size_t n_words() const { return n_words_; }
  int traverse(visitproc visit, void* arg) {
    Py_VISIT(prepare_.ptr());
    Py_VISIT(otherwise_.ptr());
    return 0;
  }
  void clear() {
    prepare_.reset();
    otherwise_.reset();
  }

 private:
  using Shared = std::shared_ptr<const Call>;
  // Calls whose keys share a hash; the one used last comes first, the last one makes room.
  using Bucket = std::array<Shared, 8>;

  nb::object prepare_, otherwise_;
  std::size_t n_words_;
  std::vector<Bucket> buckets_{256};
  nb::ft_mutex lock_;  // where there is no interpreter lock
  static inline nb::ft_mutex list_lock;

  // Never destroyed: threads may outlive the end of main.
  static std::vector<Calls*>& all() {
    static std::vector<Calls*>& made = *new std::vector<Calls*>;
    return made;
  }

  // Their objects are let go of after the lock.
  void forget() {
    std::vector<Bucket> gone(256);
    const nb::ft_lock_guard hold(lock_);
    std::swap(gone, buckets_);
  }

  static nb::object ask(const nb::object& function, std::initializer_list<PyObject*> arguments) {
    PyObject* answer = call_python(function.ptr(), std::data(arguments), arguments.size());
    if (!answer) throw nb::python_error();
    return nb::steal(answer);
  }

  nb::object ask_to_prepare(const nb::object& x, const nb::object& w, Words words) const {
    const nb::object given = as_tuple(words);
    return ask(prepare_, {x.ptr(), w.ptr(), given.ptr()});
  }

  static nb::object as_tuple(Words words) {
    nb::object tuple = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(words.size())));
    if (!tuple) throw nb::python_error();
    for (std::size_t i = 0; i < words.size(); ++i) {
      Py_INCREF(words[i]);
      PyTuple_SetItem(tuple.ptr(), static_cast<Py_ssize_t>(i), words[i]);
    }
    return tuple;
  }

  // Null where Python has to see to it. Nothing was written then.
  nb::object try_core(PyObject* given_x, PyObject* given_w, PyObject* given_bias, PyObject* out, Words words) {
    const nb::object x_object = enter(given_x), w_object = enter(given_w), bias_object = enter(given_bias);
    PyArrayObject *x = as_plain_array(x_object.ptr()), *w = as_plain_array(w_object.ptr()), *bias = nullptr;
    if (!x || !w) return {};
    const Key key(x, w);
    Shared call = find(key, words);
    if (!call) {
      for (PyObject* word : words)
        if (!is_constant(word)) return {};
      const unsigned age = age_of_plans;
      const nb::object prepared = ask_to_prepare(x_object, w_object, words);
      if (age != age_of_plans) return {};  // planned under settings of before
      call = add(key, words, prepared);
    }
    if (!call->runner) return {};
    if (!bias_object.is_none()) {
      bias = as_plain_array(bias_object.ptr());
      if (!bias || !can_add(*call, bias, w)) return {};
    }
    nb::object y;
    if (out == Py_None)
      y = new_array(call->dtype(), static_cast<int>(call->y_shape.size()), call->y_shape.data());
    else if (can_write(*call, out) && is_apart(out, x) && is_apart(out, w) && (!bias || is_apart(out, bias)))
      y = nb::borrow(out);
    else
      return {};
    const auto [groups, channels] = call->split;
    const Seen seen_x(x, groups, channels), seen_w(w, groups, 0);
    const Seen seen_y(reinterpret_cast<PyArrayObject*>(y.ptr()), groups, channels);
    const Array &first = seen_x.array(), &second = seen_w.array();
    const Outcome outcome = call->runner->run(call->exchanged ? second : first, call->exchanged ? first : second,
                                              {bias ? PyArray_DATA(bias) : nullptr}, seen_y.array(), call->threads);
    return outcome.refusal == Refusal::none ? y : nb::object();
  }

  static bool can_add(const Call& call, PyArrayObject* bias, PyArrayObject* w) {
    return PyArray_TYPE(bias) == call.bias_type && PyArray_NDIM(bias) == 1 && PyArray_ISCARRAY_RO(bias) &&
           PyArray_DIM(bias, 0) == PyArray_DIM(w, 0);
  }

  static bool is_apart(PyObject* out, PyArrayObject* input) {
    return are_apart(reinterpret_cast<PyArrayObject*>(out), input);
  }

  static bool can_write(const Call& call, PyObject* object) {
    PyArrayObject* out = as_plain_array(object);
    if (!out || PyArray_TYPE(out) != call.dtype()->type_num) return false;
    if (!PyArray_ISWRITEABLE(out)) return false;
    // A broadcast array: NumPy has something to say about writing there.
    for (int d = 0; d < PyArray_NDIM(out); ++d)
      if (PyArray_STRIDE(out, d) == 0 && PyArray_DIM(out, d) > 1) return false;
    const auto ndim = call.y_shape.size();
    return static_cast<std::size_t>(PyArray_NDIM(out)) == ndim &&
           std::equal(call.y_shape.begin(), call.y_shape.end(), PyArray_DIMS(out));
  }

  Shared find(const Key& key, Words words) {
    const nb::ft_lock_guard hold(lock_);
    Bucket& bucket = buckets_[key.hash() % buckets_.size()];
    for (Shared& call : bucket) {
      if (!call) return {};
      if (!call->is(key, words)) continue;
      if (&call != bucket.data()) std::swap(call, bucket.front());
      return bucket.front();
    }
    return {};
  }

  Shared add(const Key& key, Words words, const nb::object& prepared) {
    const auto numbers = key.numbers();
    auto call = std::make_shared<Call>();
    call->key.assign(numbers.begin(), numbers.end());
    for (PyObject* word : words) call->words.push_back(nb::borrow(word));
    if (!prepared.is_none()) {
      call->holder = prepared[0];
      call->runner = nb::cast<const Runner*>(call->holder);
      for (nb::handle n : nb::object(prepared[1])) call->y_shape.push_back(nb::cast<npy_intp>(n));
      call->y_dtype = prepared[2];
      call->exchanged = nb::cast<bool>(prepared[3]);
      call->threads = nb::cast<int>(prepared[4]);
      const nb::object bias_dtype = prepared[5];
      if (!bias_dtype.is_none()) call->bias_type = reinterpret_cast<PyArray_Descr*>(bias_dtype.ptr())->type_num;
      call->split = {nb::cast<Index>(prepared[6]), nb::cast<int>(prepared[7])};
    }
    // What makes room lets go of its objects after the lock.
    Shared gone, added = std::move(call);
    {
      const nb::ft_lock_guard hold(lock_);
      Bucket& bucket = buckets_[key.hash() % buckets_.size()];
      gone = std::move(bucket.back());
      std::move_backward(bucket.begin(), bucket.end() - 1, bucket.end());
      bucket.front() = added;
    }
    return added;
  }
};

// -------------------------------------------------------------------------- as Python sees it

PyObject* call(PyObject* self, PyObject* const* arguments, Py_ssize_t n) {
  Calls& calls = *nb::inst_ptr<Calls>(self);
  if (n != static_cast<Py_ssize_t>(calls.n_words() + 4)) {
    PyErr_SetString(PyExc_TypeError, "a remembered call takes x, w, bias, out and its words");
    return nullptr;
  }
  try {
    return calls.call(arguments[0], arguments[1], arguments[2], arguments[3], {arguments + 4, calls.n_words()})
        .release()
        .ptr();
  } catch (nb::python_error& error) {
    error.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

PyMethodDef call_method{"call", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&call)), METH_FASTCALL,
                        "The result of a call: x, w, bias, out and the words."};

int traverse_calls(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<Calls>(self)->traverse(visit, arg) : 0;
}

int clear_calls(PyObject* self) {
  nb::inst_ptr<Calls>(self)->clear();
  return 0;
}

PyType_Slot calls_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(&traverse_calls)},
                             {Py_tp_clear, reinterpret_cast<void*>(&clear_calls)},
                             {0, nullptr}};

nb::object remember(nb::callable prepare, nb::callable otherwise, std::size_t n_words) {
  nb::object self =
      nb::cast(new Calls(std::move(prepare), std::move(otherwise), n_words), nb::rv_policy::take_ownership);
  return nb::steal(PyCFunction_NewEx(&call_method, self.ptr(), nullptr));
}

nb::object new_result(nb::handle shape, nb::handle dtype) {
  if (!PyArray_DescrCheck(dtype.ptr())) throw std::invalid_argument("dtype must be a numpy.dtype");
  std::vector<npy_intp> sizes;
  for (nb::handle n : shape) sizes.push_back(nb::cast<npy_intp>(n));
  return new_array(reinterpret_cast<PyArray_Descr*>(dtype.ptr()), static_cast<int>(sizes.size()), sizes.data());
}

void set_process_accuracy(int code) {
  process_accuracy = code;
  Calls::forget_all();
}

}  // namespace

void define_calls(nb::module_& m) {
  if (PyArray_ImportNumPyAPI() < 0) throw nb::python_error();
  nb::class_<Calls>(m, "Calls", nb::type_slots(calls_slots));
  m.def("remember", &remember, nb::arg("prepare"), nb::arg("otherwise"), nb::arg("n_words"),
        "A function call(x, w, bias, out, *words) that remembers what prepare(x, w, words) says.");
  m.def("forget_calls", &Calls::forget_all, "Asks for what remembered calls say again.");
  m.def("accuracy", &accuracy, "What the accuracy of a call on this thread is that does not say.");
  m.def("set_process_accuracy", &set_process_accuracy, nb::arg("code"));
  m.def("set_own_accuracy", &set_own_accuracy, nb::arg("code"), "-1 takes the setting back. Returns the one before.");
  m.def("new_result", &new_result, nb::arg("shape"), nb::arg("dtype"),
        "A new array, in memory that is used again if it is large.");
}

}  // namespace flipslide
