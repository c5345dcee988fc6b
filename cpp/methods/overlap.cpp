#include "../fft/transform.hpp"

namespace flipslide {

extern const Method overlap_method{"overlap", "direct", Separate::never, true, pack_overlap, run_transform<run_overlap>,
                                   nullptr};

}  // namespace flipslide
