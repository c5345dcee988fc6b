#include "../sums/sums.hpp"

namespace flipslide {

extern const Method gemm_method{"gemm", "gemm", Separate::never, false, nullptr, run_sums, open_replays};

}  // namespace flipslide
