// Why a method cannot be used: questions that several methods ask.
#pragma once

#include <string>

#include "question.hpp"

namespace flipslide {

// Empty, or why not.
std::string refuse_large_window(const Question& q);
// Outputs and samples must be neighbours alike, of one input channel.
std::string refuse_all_but_lattices(const Question& q);

}  // namespace flipslide
