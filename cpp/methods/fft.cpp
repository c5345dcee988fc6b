#include "../fft/transform.hpp"

namespace flipslide {

extern const Method fft_method{"fft", "direct", Separate::never, true, pack_fft, run_transform<run_fft>, nullptr};

}  // namespace flipslide
