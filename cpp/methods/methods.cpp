// The registry: to add a method is to add its file, which defines <name>_method, and its line here.
#include "methods.hpp"

#include <stdexcept>

#include "../fft/tables.hpp"

#define FS_FOR_EACH_METHOD(DO) \
  DO(direct)                   \
  DO(gemm)                     \
  DO(winograd)                 \
  DO(reduction)                \
  DO(separable)                \
  DO(box)                      \
  DO(overlap)                  \
  DO(fft)

namespace flipslide {

#define FS_DECLARE(name) extern const Method name##_method;
FS_FOR_EACH_METHOD(FS_DECLARE)

// Never destroyed: threads may outlive the end of main.
#define FS_ENTRY(name) &name##_method,
const std::vector<const Method*>& methods() {
  static const auto& all = *new std::vector<const Method*>{FS_FOR_EACH_METHOD(FS_ENTRY)};
  return all;
}

std::size_t release_tables() { return release_transforms(); }

const Method& method_of(const std::string& name) {
  for (const Method* method : methods())
    if (name == method->name) return *method;
  throw std::invalid_argument("no method is called " + name);
}

}  // namespace flipslide
