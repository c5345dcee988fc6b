#include "../sums/sums.hpp"

namespace flipslide {

extern const Method separable_method{"separable", "direct", Separate::products, false, nullptr, run_sums, open_replays};

}  // namespace flipslide
