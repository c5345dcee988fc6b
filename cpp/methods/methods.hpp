// The registry of methods.
#pragma once

#include "../convolution.hpp"

namespace flipslide {

// In the order in which they are asked and printed.
const std::vector<const Method*>& methods();

// Throws if none has that name.
const Method& method_of(const std::string& name);

// Forgets the tables that methods keep. Returns how many bytes they took.
std::size_t release_tables();

}  // namespace flipslide
