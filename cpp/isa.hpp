// The instruction sets that were compiled in, and the one that runs.
#pragma once

#include <string>
#include <vector>

#include "kernels/box.hpp"
#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"

namespace flipslide {

struct InstructionSet {
  const char* name;
  bool (*is_supported)();
  const FsElements* elements;
  const FsLanes* lanes;  // of 4 bytes, of 8 bytes
  const FsBoxFn* box;    // of each compute type
  std::vector<const FsKernel*> kernels;

  const FsKernel* find(const std::string& kernel) const;
};

// Best first. Only those that this processor can run.
const std::vector<InstructionSet>& supported_isas();

// The best one, or the one that FLIPSLIDE_ISA names; throws if that cannot run here.
const InstructionSet& chosen_isa();

}  // namespace flipslide
