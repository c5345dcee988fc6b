// Moments and scores of windows without Python, against their definition. The sanitizers run this too (.ci/run
// sanitize); every array is allocated to the number.
#include <cmath>
#include <cstdio>
#include <memory>
#include <random>
#include <vector>

#include "moments.hpp"

namespace {

using namespace flipslide;

std::mt19937_64 engine(20240229u);

Index between(Index low, Index high) { return std::uniform_int_distribution<Index>(low, high)(engine); }

struct Sums {
  double sum = 0, deviation = 0;
};

struct Trial {
  WindowShape shape;
  std::vector<float> x;

  Trial() {
    shape = {between(1, 2), between(1, 150), between(1, 1100), 1, 1};
    shape.rows = between(1, shape.height);
    shape.columns = between(1, shape.width);
    if (shape.rows * shape.columns > 3000) shape.columns = 1 + 3000 / shape.rows % shape.width;
    x.resize(static_cast<std::size_t>(shape.planes * shape.height * shape.width));
    for (float& value : x) value = static_cast<float>(between(-1000, 1000)) / 64;
  }

  Index n_outputs() const { return shape.planes * shape.out_height() * shape.out_width(); }

  WindowSource source() const {
    const Index row = shape.width * Index(sizeof(float));
    return {
        reinterpret_cast<const std::byte*>(x.data()), {shape.height * row, row, sizeof(float)}, FS_T_F32, nullptr, 1};
  }

  float at(Index plane, Index row, Index column) const {
    return x[static_cast<std::size_t>((plane * shape.height + row) * shape.width + column)];
  }

  Sums defined(Index output) const {
    const Index column = output % shape.out_width(), row = output / shape.out_width() % shape.out_height();
    const Index plane = output / shape.out_width() / shape.out_height();
    Sums sums;
    const auto each = [&](auto&& visit) {
      for (Index i = 0; i < shape.rows; ++i)
        for (Index j = 0; j < shape.columns; ++j) visit(static_cast<double>(at(plane, row + i, column + j)));
    };
    each([&](double value) { sums.sum += value; });
    const double mean = sums.sum / static_cast<double>(shape.rows * shape.columns);
    each([&](double value) { sums.deviation += (value - mean) * (value - mean); });
    return sums;
  }
};

bool is_near(double found, double wanted) { return std::abs(found - wanted) <= 1e-9 * (1 + std::abs(wanted)); }

// Some of the windows, the first and the last among them.
int count_wrong(const Trial& trial) {
  const auto n = static_cast<std::size_t>(trial.n_outputs());
  const std::unique_ptr<double[]> sums(new double[n]), deviations(new double[n]);
  find_moments(trial.shape, trial.source(), sums.get(), deviations.get(), 3);
  int n_wrong = 0;
  for (std::size_t i = 0; i < n; i += i + 40 < n ? 37 : 1) {
    const Sums wanted = trial.defined(static_cast<Index>(i));
    n_wrong += !is_near(sums[i], wanted.sum) || !is_near(deviations[i], wanted.deviation);
  }
  return n_wrong;
}

// Correlations of 0 by a template of mean 1 and deviation n: ssd says m + n + n (s/n - 1)^2.
int count_wrong_scores(const Trial& trial) {
  const auto n = static_cast<std::size_t>(trial.n_outputs());
  const auto samples = static_cast<double>(trial.shape.rows * trial.shape.columns);
  const std::unique_ptr<float[]> scores(new float[n]());
  score_windows(trial.shape, trial.source(), scores.get(), false, FS_SSD, {{samples, 1, samples, 0, 0}}, 3);
  int n_wrong = 0;
  for (std::size_t i = 0; i < n; i += i + 40 < n ? 37 : 1) {
    const Sums sums = trial.defined(static_cast<Index>(i));
    const double apart = sums.sum / samples - 1, wanted = sums.deviation + samples + samples * apart * apart;
    n_wrong += !(std::abs(scores[i] - wanted) <= 1e-4 * wanted);
  }
  return n_wrong;
}

}  // namespace

int main() {
  int n_failed = 0;
  const int n_trials = 60;
  for (int i = 0; i < n_trials; ++i) {
    const Trial trial;
    const int n_wrong = count_wrong(trial) + count_wrong_scores(trial);
    const WindowShape& s = trial.shape;
    if (n_wrong)
      std::printf("%d windows of %td x %td in %td x %td x %td are wrong\n", n_wrong, s.rows, s.columns, s.planes,
                  s.height, s.width);
    n_failed += n_wrong > 0;
  }
  std::printf("%d passed, %d failed\n", n_trials - n_failed, n_failed);
  return n_failed == 0 ? 0 : 1;
}
