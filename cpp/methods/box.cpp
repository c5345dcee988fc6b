#include "../sums/sums.hpp"

namespace flipslide {

extern const Method box_method{"box", "direct", Separate::boxes, false, nullptr, run_sums, open_replays};

}  // namespace flipslide
