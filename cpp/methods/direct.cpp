#include "../sums/sums.hpp"

namespace flipslide {

extern const Method direct_method{"direct", "direct", Separate::never, false, nullptr, run_sums, open_replays};

}  // namespace flipslide
