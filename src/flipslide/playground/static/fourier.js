// A transform of a power of two of complex numbers, in place, and convolution by it.

export function nextPower(n) {
  let size = 1;
  while (size < n) size *= 2;
  return size;
}

function reverseBits(real, imag) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; ++i) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [real[i], real[j], imag[i], imag[j]] = [real[j], real[i], imag[j], imag[i]];
  }
}

function butterflies(real, imag, length, sign) {
  const half = length / 2;
  for (let k = 0; k < half; ++k) {
    const [c, s] = [Math.cos((2 * Math.PI * k) / length), sign * Math.sin((2 * Math.PI * k) / length)];
    for (let i = k; i < real.length; i += length) {
      const j = i + half;
      const [r, m] = [real[j] * c - imag[j] * s, real[j] * s + imag[j] * c];
      [real[j], imag[j], real[i], imag[i]] = [real[i] - r, imag[i] - m, real[i] + r, imag[i] + m];
    }
  }
}

// sign −1 goes to the spectrum, +1 back without the division by n.
export function transform(real, imag, sign = -1) {
  reverseBits(real, imag);
  for (let length = 2; length <= real.length; length *= 2) butterflies(real, imag, length, sign);
}

// The full convolution of two real signals, as long as both together less one. Both travel in
// one transform, x as the real and w as the imaginary part; (x + iw)² has 2·x·w as its imaginary part.
export function convolveSignals(x, w) {
  const count = x.length + w.length - 1;
  const n = nextPower(count);
  const [real, imag] = [new Float64Array(n), new Float64Array(n)];
  real.set(x);
  imag.set(w);
  transform(real, imag);
  for (let i = 0; i < n; ++i) {
    const [r, m] = [real[i], imag[i]];
    real[i] = (r * r - m * m) / n;
    imag[i] = (2 * r * m) / n;
  }
  transform(real, imag, 1);
  return Float64Array.from({ length: count }, (_, i) => imag[i] / 2);
}
