// Samples and pixels: convolution of a plane by a small kernel, "same", the border pixel going on.

// The plain loop. The kernel lies turned over the picture; a border is copied around it first,
// so that the loop over it has no question to ask.
function padEdges(plane, rows, columns, top, left, height, width) {
  const out = new Float32Array(height * width);
  for (let r = 0; r < height; ++r) {
    const from = Math.min(Math.max(r - top, 0), rows - 1) * columns;
    for (let c = 0; c < width; ++c) out[r * width + c] = plane[from + Math.min(Math.max(c - left, 0), columns - 1)];
  }
  return out;
}

export function convolvePlane(plane, rows, columns, kernel, kRows, kColumns) {
  const [width, height] = [columns + kColumns - 1, rows + kRows - 1];
  const padded = padEdges(plane, rows, columns, kRows >> 1, kColumns >> 1, height, width);
  const out = new Float32Array(rows * columns);
  for (let i = 0; i < kRows; ++i) {
    for (let j = 0; j < kColumns; ++j) {
      const tap = kernel[(kRows - 1 - i) * kColumns + kColumns - 1 - j];
      if (tap) addShifted(out, padded, tap, rows, columns, i * width + j, width);
    }
  }
  return out;
}

function addShifted(out, padded, tap, rows, columns, offset, width) {
  for (let r = 0; r < rows; ++r) {
    const [to, from] = [r * columns, offset + r * width];
    for (let c = 0; c < columns; ++c) out[to + c] += tap * padded[from + c];
  }
}
