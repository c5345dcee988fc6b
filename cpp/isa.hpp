// The instruction sets that were compiled in, and the one that runs.
#pragma once

#include <string>
#include <vector>

#include "microkernels/box.hpp"
#include "microkernels/microkernel.hpp"
#include "microkernels/butterflies.hpp"
#include "microkernels/exact.hpp"
#include "microkernels/moments.hpp"
#include "microkernels/reduce.hpp"
#include "microkernels/same.hpp"
#include "microkernels/stream.hpp"
#include "microkernels/winograd.hpp"
#include "microkernels/reduction.hpp"

namespace flipslide {

struct InstructionSet {
  const char* name;
  bool (*is_supported)();
  const FsConvert* convert;
  const FsButterflies* butterflies;  // of 4 bytes, of 8 bytes
  const FsBoxFn* box;                // of each compute type
  const FsReduce* reduce;
  const FsMoments* moments;        // in floats, in doubles
  const FsWinograd* winograd;      // in floats, in doubles
  const FsReductions* reductions;  // of each compute type
  const FsExact* exact;
  const FsSame* same;
  const FsStream* streaming;
  std::vector<const FsMicrokernel*> kernels;

  const FsMicrokernel* find(const std::string& kernel) const;
};

// Best first. Only those that this processor can run.
const std::vector<InstructionSet>& supported_isas();

// The best one, or the one that FLIPSLIDE_ISA names; throws if that cannot run here.
const InstructionSet& chosen_isa();

}  // namespace flipslide
