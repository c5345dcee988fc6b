// The twin of flipslide/explain/trace.py: every number of a small call, and where it came from.
// The keys and values are those of the JSON that Python writes; a test holds the two equal.

import { add, at, conjugate, equal, flatten, fold, indices, mapNested, multiply, shapeOf, sum, turn, unify } from "./number.js";

const SCHEMA = "flipslide-trace/1";
const MAX_CELLS = 512;
const MAX_TERMS = 64;

export class TraceError extends Error {}

// ---------------------------------------------------------------------- one axis, integers

const modulo = (i, n) => ((i % n) + n) % n;

function fold2(i, period) {
  const place = modulo(i, period);
  return Math.min(place, period - place);
}

// Which sample stands at index i outside of [0, n); null where there is none.
export const BOUNDARIES = {
  zero: () => null,
  constant: () => null,
  edge: (i, n) => (i < 0 ? 0 : n - 1),
  symmetric: (i, n) => Math.min(modulo(i, 2 * n), 2 * n - 1 - modulo(i, 2 * n)),
  mirror: (i, n) => (n === 1 ? 0 : fold2(i, 2 * (n - 1))),
  wrap: (i, n) => modulo(i, n),
};

export const spanOf = (taps, dilation) => dilation * (taps - 1) + 1;

function validWindow(n, span, correlates) {
  if (span > n) throw new TraceError(`valid needs w to fit in x: w spans ${span} samples, x has ${n}. Use full or same`);
  return [correlates ? 0 : span - 1, n - span + 1];
}

// The middle of the span: NumPy puts a flipped kernel's on the lower place, an unflipped one's on the upper.
function sameWindow(n, span, correlates) {
  return [correlates ? -Math.floor(span / 2) : Math.floor((span - 1) / 2), n];
}

const WINDOWS = {
  valid: validWindow,
  same: sameWindow,
  full: (n, span, correlates) => [correlates ? 1 - span : 0, n + span - 1],
};
export const MODES = Object.keys(WINDOWS);

export function signalAxis(n, taps, { mode, correlates, stride, dilation, boundary }) {
  const [start, count] = WINDOWS[mode](n, spanOf(taps, dilation), correlates);
  const y = Math.ceil(count / stride);
  return { n, taps, y, start, stride, dilation: correlates ? dilation : -dilation, boundary };
}

function samePads(n, span, stride) {
  const total = Math.max((Math.ceil(n / stride) - 1) * stride + span - n, 0);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

const PADDINGS = {
  valid: () => [0, 0],
  causal: (n, span) => [span - 1, 0],
  same: samePads,
  same_lower: (n, span, stride) => samePads(n, span, stride).reverse(),
};

export function layerPads(padding, n, span, stride) {
  if (typeof padding === "string") return PADDINGS[padding](n, span, stride);
  return Array.isArray(padding) ? padding : [padding, padding];
}

function layerAxis(n, taps, stride, padding, dilation) {
  const span = spanOf(taps, dilation);
  const [before, after] = layerPads(padding, n, span, stride);
  const room = n + before + after - span;
  if (room < 0) throw new TraceError(`the kernel spans ${span} samples but the padded axis has ${n + before + after}`);
  const y = Math.floor(room / stride) + 1;
  return { n, taps, y, start: -before, stride, dilation, boundary: "zero", before, after };
}

const position = (axis, m, j) => axis.start + axis.stride * m + axis.dilation * j;

// [whether there is a term, the sample that it reads]; a term without a sample reads the fill value.
function source(axis, m, j) {
  const place = position(axis, m, j);
  const index = place >= 0 && place < axis.n ? place : BOUNDARIES[axis.boundary](place, axis.n);
  return [index !== null || axis.boundary === "constant", index];
}

function lengthOf(axis, before, after) {
  const dilation = Math.abs(axis.dilation);
  const span = spanOf(axis.taps, dilation);
  const { n, taps, stride, y } = axis;
  return { n, taps, dilation, span, before, after, stride, room: n + before + after - span, outputs: y };
}

const MODE_PADS = { valid: () => 0, same: (span) => span - 1, full: (span) => 2 * (span - 1) };

function measure(axis, mode) {
  const before = -axis.start + Math.max(0, -axis.dilation * (axis.taps - 1));
  return lengthOf(axis, before, MODE_PADS[mode](spanOf(axis.taps, Math.abs(axis.dilation))) - before);
}

// ------------------------------------------------------------------------------ one output

function makeTerm(axes, m, j, x, w, fill, xFront, wFront) {
  const place = [...xFront, ...axes.map((axis, a) => position(axis, m[a], j[a]))];
  const sources = axes.map((axis, a) => source(axis, m[a], j[a]));
  const tap = [...wFront, ...j];
  const b = at(w, tap);
  if (!sources.every(([exists]) => exists)) return { position: place, source: "zero", x: null, w: tap, a: 0n, b, product: null };
  if (sources.some(([, sample]) => sample === null)) {
    return { position: place, source: "fill", x: null, w: tap, a: fill, b, product: multiply(b, fill) };
  }
  const index = [...xFront, ...sources.map(([, sample]) => sample)];
  const a = at(x, index);
  const stays = index.every((i, k) => i === place[k]);
  return { position: place, source: stays ? "sample" : "copy", x: index, w: tap, a, b, product: multiply(b, a) };
}

// All taps of one output, in the order in which the window lies over x.
function makeTerms(axes, m, x, w, fill, xFront = [], wFront = []) {
  const orders = axes.map((axis) => (j) => (axis.dilation > 0 ? j : axis.taps - 1 - j));
  return indices(axes.map((axis) => axis.taps)).map((j) =>
    makeTerm(axes, m, j.map((i, a) => orders[a](i)), x, w, fill, xFront, wFront),
  );
}

const sumOf = (terms) => sum(terms.filter((term) => term.product !== null).map((term) => term.product));

function makeStep(axes, m, x, w, fill) {
  const terms = makeTerms(axes, m, x, w, fill);
  return { y: m, terms, partials: [], bias: null, value: sumOf(terms) };
}

function makeLayerStep(axes, cell, x, w, bias, groups) {
  const [filter, ...m] = cell;
  const channels = w[0].length;
  const first = Math.floor(filter / (w.length / groups)) * channels;
  const parts = w[filter].map((_, c) => makeTerms(axes, m, x, w[filter], 0n, [first + c], [c]));
  const partials = parts.map(sumOf);
  const offset = bias === null ? null : bias[filter];
  return { y: cell, terms: parts.flat(), partials, bias: offset, value: add(sum(partials), offset ?? 0n) };
}

// ---------------------------------------------------------------------------------- a call

const perAxis = (value, count) => (Array.isArray(value) ? value : Array(count).fill(value));
const same = (a, b) => flatten(a).every((value, i) => equal(value, flatten(b)[i]));

function enter(nested) {
  const shape = shapeOf(nested);
  const values = unify(flatten(nested));
  if (values.length !== shape.reduce((a, b) => a * b, 1)) throw new TraceError("the rows are not all as long as each other");
  return fold(values, shape);
}

function check(axes, terms) {
  if (terms > MAX_TERMS) throw new TraceError(`each output would have ${terms} terms; at most ${MAX_TERMS} are shown`);
  if (axes.reduce((product, axis) => product * axis.y, 1) > MAX_CELLS) {
    throw new TraceError(`the result would have more than ${MAX_CELLS} numbers; take a smaller x`);
  }
}

function makeAxes(xShape, wShape, words) {
  const count = xShape.length;
  const strides = perAxis(words.stride, count);
  const dilations = perAxis(words.dilation, count);
  const boundaries = perAxis(words.boundary, count);
  return xShape.map((n, a) =>
    signalAxis(n, wShape[a], { ...words, stride: strides[a], dilation: dilations[a], boundary: boundaries[a] }),
  );
}

const DEFAULTS = { mode: "valid", operation: "convolve", boundary: "zero", fill: 0n, stride: 1, dilation: 1, dy: null };

export function makeTrace(xGiven, wGiven, settings = {}) {
  const words = { ...DEFAULTS, ...settings };
  const [x, w] = [enter(xGiven), enter(wGiven)];
  const [xShape, wShape] = [shapeOf(x), shapeOf(w)];
  if (xShape.length !== wShape.length) throw new TraceError("x and w must both be a row, or both a picture");
  const correlates = words.operation === "correlate";
  const axes = makeAxes(xShape, wShape, { ...words, correlates });
  const opposite = makeAxes(xShape, wShape, { ...words, correlates: !correlates });
  check(axes, flatten(w).length);
  const fill = axes.some((axis) => axis.boundary === "constant") ? words.fill : 0n;
  const conjugated = mapNested(w, conjugate);
  const [taps, others] = correlates ? [conjugated, w] : [w, conjugated];
  const yShape = axes.map((axis) => axis.y);
  const steps = indices(yShape).map((m) => makeStep(axes, m, x, taps, fill));
  const y = fold(steps.map((step) => step.value), yShape);
  const other = fold(indices(yShape).map((m) => makeStep(opposite, m, x, others, fill).value), yShape);
  return {
    schema: SCHEMA,
    operation: words.operation,
    mode: words.mode,
    boundary: axes.map((axis) => axis.boundary),
    fill_value: fill,
    stride: axes.map((axis) => axis.stride),
    dilation: axes.map((axis) => Math.abs(axis.dilation)),
    groups: 1,
    x,
    x_origin: xShape.map(() => 0),
    w,
    bias: null,
    window_w: correlates ? conjugated : turn(w),
    flip_matters: !same(turn(w), conjugated),
    lengths: axes.map((axis) => measure(axis, words.mode)),
    steps,
    y,
    y_origin: yShape.map(() => 0),
    other: { operation: correlates ? "convolve" : "correlate", y: other, differs: !same(other, y) },
    gradients: words.dy === null ? null : gradientsOf(steps, x, w, null, words.dy),
  };
}

const LAYER_DEFAULTS = { stride: 1, padding: 0, dilation: 1, groups: 1, dy: null };

export function makeLayerTrace(xGiven, wGiven, biasGiven = null, settings = {}) {
  const words = { ...LAYER_DEFAULTS, ...settings };
  const [x, w] = [enter(xGiven), enter(wGiven)];
  const bias = biasGiven === null ? null : unify(biasGiven);
  const sizes = shapeOf(x).slice(1);
  const taps = shapeOf(w).slice(2);
  const [strides, dilations] = [perAxis(words.stride, sizes.length), perAxis(words.dilation, sizes.length)];
  const paddings = perAxis(words.padding, sizes.length);
  const axes = sizes.map((n, a) => layerAxis(n, taps[a], strides[a], paddings[a], dilations[a]));
  check([...axes, { y: w.length }], flatten(w[0]).length);
  const yShape = [w.length, ...axes.map((axis) => axis.y)];
  const steps = indices(yShape).map((cell) => makeLayerStep(axes, cell, x, w, bias, words.groups));
  const origin = [0, ...sizes.map(() => 0)];
  return {
    schema: SCHEMA,
    operation: "layer",
    mode: String(words.padding),
    boundary: axes.map(() => "zero"),
    fill_value: 0n,
    stride: strides,
    dilation: dilations,
    groups: words.groups,
    x,
    x_origin: origin,
    w,
    bias,
    window_w: w,
    flip_matters: w.some((filter) => filter.some((channel) => !same(turn(channel), channel))),
    lengths: axes.map((axis) => lengthOf(axis, axis.before, axis.after)),
    steps,
    y: fold(steps.map((step) => step.value), yShape),
    y_origin: origin,
    other: null,
    gradients: words.dy === null ? null : gradientsOf(steps, x, w, bias, words.dy),
  };
}

// --------------------------------------------------------------------------- walking back

// The filter of a layer's output comes first in its index; a signal's output has none.
const filterOf = (step) => step.y.slice(0, step.partials.length ? 1 : 0);
const zeros = (nested) => mapNested(nested, () => 0n);

function accumulate(nested, index, value) {
  const last = index.length - 1;
  const row = at(nested, index.slice(0, last));
  row[index[last]] = add(row[index[last]], value);
}

// Of L = Σ dy·y. Each product hands dy times the tap to the sample, and dy times the sample to the tap.
export function gradientsOf(steps, x, w, bias, dyGiven) {
  const weights = unify(flatten(dyGiven));
  const [dx, dw] = [zeros(x), zeros(w)];
  const db = bias === null ? null : zeros(bias);
  steps.forEach((step, i) => {
    for (const term of step.terms.filter((term) => term.product !== null)) {
      if (term.x !== null) accumulate(dx, term.x, multiply(weights[i], term.b));
      accumulate(dw, [...filterOf(step), ...term.w], multiply(weights[i], term.a));
    }
    if (db !== null) accumulate(db, filterOf(step), weights[i]);
  });
  const loss = sum(steps.map((step, i) => multiply(weights[i], step.value)));
  return { dy: fold(weights, shapeOf(dyGiven)), loss, dx, dw, db };
}
