#include "isa.hpp"

#include <cstdlib>
#include <stdexcept>

// The tables that the objects of each instruction set export, all declared and only the compiled ones used.
#define FS_DECLARE_MICROKERNEL(name) extern "C" const FsMicrokernel FS_SYMBOL(name);

#define FS_ISA avx512
FS_FOR_EACH_MICROKERNEL(FS_DECLARE_MICROKERNEL)
extern "C" const FsConvert FS_SYMBOL(convert);
extern "C" const FsButterflies FS_SYMBOL(butterflies)[2];
extern "C" const FsBoxFn FS_SYMBOL(box)[FS_N_COMPUTE];
extern "C" const FsReduce FS_SYMBOL(reduce);
extern "C" const FsMoments FS_SYMBOL(moments)[2];
extern "C" const FsWinograd FS_SYMBOL(winograd)[2];
extern "C" const FsReductions FS_SYMBOL(reduction)[FS_N_COMPUTE];
extern "C" const FsExact FS_SYMBOL(exact);
extern "C" const FsSame FS_SYMBOL(same);
extern "C" const FsStream FS_SYMBOL(stream);
#undef FS_ISA
#define FS_ISA avx2
FS_FOR_EACH_MICROKERNEL(FS_DECLARE_MICROKERNEL)
extern "C" const FsConvert FS_SYMBOL(convert);
extern "C" const FsButterflies FS_SYMBOL(butterflies)[2];
extern "C" const FsBoxFn FS_SYMBOL(box)[FS_N_COMPUTE];
extern "C" const FsReduce FS_SYMBOL(reduce);
extern "C" const FsMoments FS_SYMBOL(moments)[2];
extern "C" const FsWinograd FS_SYMBOL(winograd)[2];
extern "C" const FsReductions FS_SYMBOL(reduction)[FS_N_COMPUTE];
extern "C" const FsExact FS_SYMBOL(exact);
extern "C" const FsSame FS_SYMBOL(same);
extern "C" const FsStream FS_SYMBOL(stream);
#undef FS_ISA
#define FS_ISA baseline
FS_FOR_EACH_MICROKERNEL(FS_DECLARE_MICROKERNEL)
extern "C" const FsConvert FS_SYMBOL(convert);
extern "C" const FsButterflies FS_SYMBOL(butterflies)[2];
extern "C" const FsBoxFn FS_SYMBOL(box)[FS_N_COMPUTE];
extern "C" const FsReduce FS_SYMBOL(reduce);
extern "C" const FsMoments FS_SYMBOL(moments)[2];
extern "C" const FsWinograd FS_SYMBOL(winograd)[2];
extern "C" const FsReductions FS_SYMBOL(reduction)[FS_N_COMPUTE];
extern "C" const FsExact FS_SYMBOL(exact);
extern "C" const FsSame FS_SYMBOL(same);
extern "C" const FsStream FS_SYMBOL(stream);
#undef FS_ISA

namespace flipslide {

namespace {

#if defined(__x86_64__) && !defined(FS_BASELINE_ONLY)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
}
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif
bool has_baseline() { return true; }

#define FS_TABLE_ENTRY(name) &FS_SYMBOL(name),

std::vector<InstructionSet> compiled_isas() {
  return {
#if defined(__x86_64__) && !defined(FS_BASELINE_ONLY)
#define FS_ISA avx512
      {"avx512",
       has_avx512,
       &FS_SYMBOL(convert),
       FS_SYMBOL(butterflies),
       FS_SYMBOL(box),
       &FS_SYMBOL(reduce),
       FS_SYMBOL(moments),
       FS_SYMBOL(winograd),
       FS_SYMBOL(reduction),
       &FS_SYMBOL(exact),
       &FS_SYMBOL(same),
       &FS_SYMBOL(stream),
       {FS_FOR_EACH_MICROKERNEL(FS_TABLE_ENTRY)}},
#undef FS_ISA
#define FS_ISA avx2
      {"avx2",
       has_avx2,
       &FS_SYMBOL(convert),
       FS_SYMBOL(butterflies),
       FS_SYMBOL(box),
       &FS_SYMBOL(reduce),
       FS_SYMBOL(moments),
       FS_SYMBOL(winograd),
       FS_SYMBOL(reduction),
       &FS_SYMBOL(exact),
       &FS_SYMBOL(same),
       &FS_SYMBOL(stream),
       {FS_FOR_EACH_MICROKERNEL(FS_TABLE_ENTRY)}},
#undef FS_ISA
#endif
#define FS_ISA baseline
      {"baseline",
       has_baseline,
       &FS_SYMBOL(convert),
       FS_SYMBOL(butterflies),
       FS_SYMBOL(box),
       &FS_SYMBOL(reduce),
       FS_SYMBOL(moments),
       FS_SYMBOL(winograd),
       FS_SYMBOL(reduction),
       &FS_SYMBOL(exact),
       &FS_SYMBOL(same),
       &FS_SYMBOL(stream),
       {FS_FOR_EACH_MICROKERNEL(FS_TABLE_ENTRY)}},
#undef FS_ISA
  };
}

}  // namespace

const FsMicrokernel* InstructionSet::find(const std::string& kernel) const {
  for (const FsMicrokernel* candidate : kernels)
    if (kernel == candidate->name) return candidate;
  return nullptr;
}

const std::vector<InstructionSet>& supported_isas() {
  static const std::vector<InstructionSet>& supported = *[] {
    auto& found = *new std::vector<InstructionSet>;  // never destroyed: threads may outlive the end of main
    for (const InstructionSet& isa : compiled_isas())
      if (isa.is_supported()) found.push_back(isa);
    return &found;
  }();
  return supported;
}

const InstructionSet& chosen_isa() {
  static const InstructionSet& chosen = []() -> const InstructionSet& {
    const char* wanted = std::getenv("FLIPSLIDE_ISA");
    if (!wanted || !*wanted) return supported_isas().front();
    std::string names;
    for (const InstructionSet& isa : supported_isas()) {
      if (std::string(wanted) == isa.name) return isa;
      names += (names.empty() ? "" : ", ") + std::string(isa.name);
    }
    throw std::runtime_error("FLIPSLIDE_ISA=" + std::string(wanted) +
                             " is not an instruction set of this build and processor; use one of " + names);
  }();
  return chosen;
}

}  // namespace flipslide
