// The table of methods: to add one is to add its file and its line here.
#include "methods.hpp"

#include <stdexcept>

#include "../fft/tables.hpp"

namespace flipslide {

extern const Method direct_method, gemm_method, separable_method, box_method, overlap_method, fft_method;

const std::vector<const Method*>& methods() {
  static const auto& all = *new std::vector<const Method*>{
      &direct_method, &gemm_method, &separable_method, &box_method, &overlap_method, &fft_method,
  };
  return all;
}

std::size_t release_tables() { return release_transforms(); }

const Method& method_of(const std::string& name) {
  for (const Method* method : methods())
    if (name == method->name) return *method;
  throw std::invalid_argument("no method is called " + name);
}

}  // namespace flipslide
