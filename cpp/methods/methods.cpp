// The registry: to add a method is to add its file, which defines <name>_method, and its line here.
#include "methods.hpp"

#include <stdexcept>

#define FS_FOR_EACH_METHOD(DO) \
  DO(direct)                   \
  DO(gemm)                     \
  DO(separable)                \
  DO(box)                      \
  DO(overlap)                  \
  DO(fft)

namespace flipslide {

#define FS_DECLARE(name) extern const Method name##_method;
FS_FOR_EACH_METHOD(FS_DECLARE)

#define FS_ENTRY(name) &name##_method,
const std::vector<const Method*>& methods() {
  static const std::vector<const Method*> all{FS_FOR_EACH_METHOD(FS_ENTRY)};
  return all;
}

const Method& method_of(const std::string& name) {
  for (const Method* method : methods())
    if (name == method->name) return *method;
  throw std::invalid_argument("no method is called " + name);
}

}  // namespace flipslide
