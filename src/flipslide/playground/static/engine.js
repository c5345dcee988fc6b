// Samples and pixels: convolution of a plane by a kernel, "same", the border pixel going on. The core of the library
// computes, compiled to WebAssembly, where the page carries it; a plain loop where it does not.

import { convolveSignals } from "./fourier.js";

const EDGE = 2;
const FLOAT32 = 0;
// Beyond so many taps a transform is faster.
const MOST_DIRECT = 200;

let core = null;

// What the module asks of a system: it gets nothing, and never needs it.
const system = new Proxy({}, { get: () => () => 0 });

// The module's functions, and the numbers of its methods by their names.
export async function openCore(bytes) {
  const { instance } = await WebAssembly.instantiate(bytes, { wasi_snapshot_preview1: system });
  const { exports } = instance;
  exports._initialize?.();
  const methods = {};
  for (let i = 0, at; (at = exports.fs_method_name(i)); ++i) methods[readText(exports, at)] = i;
  core = { exports, methods };
  return core;
}

function readText({ memory }, at) {
  const bytes = new Uint8Array(memory.buffer, at);
  return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
}

export const hasCore = () => core !== null;

const KINDS = [Float32Array, Float64Array, Int32Array, BigInt64Array];

function lend({ exports }, values) {
  const at = exports.fs_alloc(values.byteLength);
  new values.constructor(exports.memory.buffer, at, values.length).set(values);
  return at;
}

// Convolution by the core along one or two axes; `sizes` holds x, w and y of each, `starts` where each first window
// ends. All arrays are of the compute type.
export function runCore(method, compute, sizes, starts, boundary, x, w) {
  const { exports, methods } = core;
  const count = sizes.reduce((total, [, , y]) => total * y, 1);
  const Kind = KINDS[compute];
  const places = [lend(core, Int32Array.from(sizes.flat())), lend(core, Int32Array.from(starts)), lend(core, x), lend(core, w), exports.fs_alloc(count * Kind.BYTES_PER_ELEMENT)];
  const [at, from, xAt, wAt, yAt] = places;
  const answer = exports.fs_convolve(methods[method], compute, sizes.length, at, from, boundary, xAt, wAt, yAt);
  const y = new Kind(exports.memory.buffer, yAt, count).slice();
  places.forEach((place) => exports.fs_free(place));
  if (answer) throw new Error(`the core refused the call: ${answer}`);
  return y;
}

// The full convolution of two long signals of doubles.
export function convolveLong(x, w) {
  if (!core) return convolveSignals(x, w);
  return runCore("fft", 1, [[x.length, w.length, x.length + w.length - 1]], [0], 0, x, w);
}

// From the page's own block of data, where there is one.
export async function openFromPage(block) {
  if (!block) return;
  const text = atob(block.textContent);
  await openCore(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
}

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
  if (!core) return convolveByLoops(plane, rows, columns, kernel, kRows, kColumns);
  const sizes = [[rows, kRows, rows], [columns, kColumns, columns]];
  const method = kernel.length > MOST_DIRECT ? "overlap" : "direct";
  return runCore(method, FLOAT32, sizes, [(kRows - 1) >> 1, (kColumns - 1) >> 1], EDGE, plane, Float32Array.from(kernel));
}

export function convolveByLoops(plane, rows, columns, kernel, kRows, kColumns) {
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
