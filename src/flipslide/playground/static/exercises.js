// Exercises from a seed. A question is a call; the answer is what it gives, and each known
// mistake is the same call made wrongly. The twin is flipslide/playground/exercises.py.

import { LEVELS } from "./levels.js";
import { fold, flatten, mapNested, shapeOf, toFloat, turn } from "./number.js";
import { Random } from "./random.js";
import { TraceError, layerPads, makeLayerTrace, makeTrace, spanOf } from "./trace.js";

export const LEVEL_NAMES = Object.keys(LEVELS);
const TRIES = 200;
const MOST_CELLS = 8;
const SPARE = 12;

// ----------------------------------------------------------------------------- drawing

const product = (sizes) => sizes.reduce((a, b) => a * b, 1);

function drawArray(random, shape, [low, high]) {
  return fold(Array.from({ length: product(shape) }, () => random.between(low, high)), shape);
}

const drawSizes = (random, ranges) => ranges.map(([low, high]) => random.between(low, high));
const drawOne = (random, range) => (range ? random.between(...range) : 0);

// Everything is drawn in this order, whether a level needs it or not, so that both twins agree.
function drawCall(random, level) {
  const [xSizes, wSizes] = [drawSizes(random, level.x ?? []), drawSizes(random, level.w ?? [])];
  const channels = level.channels ? drawSizes(random, [level.channels]) : [];
  const filters = level.filters ? drawSizes(random, [level.filters]) : [];
  const x = level.x ? drawArray(random, [...channels, ...xSizes], level.values) : [];
  const w = level.w ? drawArray(random, [...filters, ...channels, ...wSizes], level.taps) : [];
  const bias = filters.length ? drawArray(random, filters, level.biases) : [];
  const dy = drawArray(random, [SPARE], [-2, 3]);
  const step = random.next() % (level.strides ?? [1]).length;
  return {
    kind: level.kind, x, w, bias, dy, operation: "convolve",
    mode: random.pick(level.modes ?? ["valid"]),
    boundary: random.pick(level.boundaries ?? ["zero"]),
    stride: (level.strides ?? [1])[step],
    dilation: random.pick(level.dilations ?? [1]),
    ask: random.pick(level.asks ?? ["y"]),
    n: drawOne(random, level.n),
    k: drawOne(random, level.k),
    padding: level.pads ? level.pads[step] : drawOne(random, level.padding),
  };
}

// ---------------------------------------------------------------------------- answering

const big = (nested) => mapNested(nested, BigInt);
const plain = (nested) => flatten(nested).map(toFloat);

const transpose = (rows) => rows[0].map((_, c) => rows.map((row) => row[c]));
const TURNS = {
  abs: (w) => mapNested(w, Math.abs),
  sideways: (w) => w.map((row) => [...row].reverse()),
  upside: (w) => [...w].reverse(),
  transpose,
  turn: (w) => w.map((filter) => filter.map(turn)),
};

const TAKES = {
  head: (values, call) => values.slice(0, shapeOf(call.x)[0]),
  late: (values, call) => {
    const start = Math.floor(spanOf(shapeOf(call.w)[0], call.dilation) / 2);
    return values.slice(start, start + shapeOf(call.x)[0]);
  },
  later: (values, call, right) => values.filter((_, i) => i % right.stride === 1),
};

const settingsOf = ({ mode, operation, boundary, stride, dilation }) => ({ mode, operation, boundary, stride, dilation });

function solveSignal(call, right) {
  const values = plain(makeTrace(big(call.x), big(call.w), settingsOf(call)).y);
  return call.take ? TAKES[call.take](values, call, right) : values;
}

function solveLayer(call) {
  const offset = { none: 0, each: call.x.length }[call.biased] ?? 1;
  const x = call.channels === "first" ? call.x.map((channel, c) => (c ? mapNested(channel, () => 0) : channel)) : call.x;
  const bias = call.bias.map((value) => value * offset);
  return plain(makeLayerTrace(big(x), big(call.w), big(bias), { stride: call.stride, padding: call.padding }).y);
}

// Of each product of a valid call: which sample and which tap it has, and dy of its result.
function arrows(call) {
  const taps = call.w.length;
  const count = call.x.length - taps + 1;
  const dy = call.dy.slice(0, count).map((value) => (call.weights === "ones" ? 1 : value));
  const sampleOf = (m, j) => m + (call.operation === "convolve" ? taps - 1 - j : j);
  return dy.flatMap((weight, m) => call.w.map((tap, j) => ({ weight, tap, j, i: sampleOf(m, j) })));
}

function solveGradient(call) {
  const toTaps = call.ask === "dw";
  const result = (toTaps ? call.w : call.x).map(() => 0);
  for (const { weight, tap, j, i } of arrows(call)) {
    const [place, value] = toTaps ? [j, weight * call.x[i]] : [i, weight * tap];
    result[place] = call.fold === "last" ? value : result[place] + value;
  }
  return result;
}

function solveSize(call) {
  const { n, k, padding, stride, dilation, size } = call;
  const span = size === "narrow" ? k : spanOf(k, dilation);
  const room = n + (size === "once" ? padding : 2 * padding) - span;
  if (room < 0) throw new TraceError("the taps do not fit");
  const step = size === "still" ? 1 : stride;
  const rounded = size === "up" ? Math.ceil(room / step) : Math.floor(room / step);
  return [rounded + (size === "bare" ? 0 : 1)];
}

const FOLDS = { last: (old, value) => value, first: (old, value) => old ?? value };

function solveColumns(call) {
  const [rows, columns] = shapeOf(call.x);
  if (call.fold === "apart") return flatten(transpose(call.x));
  const values = call.fold === "transposed" ? fold(flatten(transpose(call.x)), [rows, columns]) : call.x;
  const merge = FOLDS[call.fold] ?? ((old, value) => (old ?? 0) + value);
  const result = Array(rows + columns - 1).fill(null);
  for (let c = 0; c < columns; ++c) for (let r = 0; r < rows; ++r) result[c + r] = merge(result[c + r], values[r][c]);
  return result;
}

const SOLVERS = { signal: solveSignal, layer: solveLayer, gradient: solveGradient, size: solveSize, col2im: solveColumns };

export const solve = (call, right = call) => SOLVERS[call.kind](call, right);

// The call as a mistake makes it: a word of the mistake takes the place of the call's own.
function spoil(call, { say, why, when, w, bias, dy, ...words }) {
  return { ...call, ...words, w: w ? TURNS[w](call.w) : call.w, biased: bias, weights: dy };
}

// ---------------------------------------------------------------------------- questions

const sameList = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);

// What can be seen of a mistake: no more numbers than there are cells to write in.
function mistakesOf(level, call, answer) {
  const possible = level.mistakes.filter(({ when }) => when === undefined || when === call.mode);
  const made = possible.map((mistake) => ({ say: mistake.say, why: mistake.why, values: attempt(spoil(call, mistake), call)?.slice(0, answer.length) }));
  return made.filter(({ values }) => values && !sameList(values, answer.slice(0, values.length)));
}

function attempt(call, right) {
  try {
    return solve(call, right);
  } catch (error) {
    if (error instanceof TraceError) return null;
    throw error;
  }
}

// Whether a question tells its mistakes apart, and makes the first of them possible where it must.
function teaches(level, mistakes) {
  const first = !level.first || mistakes[0]?.say === level.mistakes[0].say;
  return first && mistakes.length >= level.least && !collides(mistakes);
}

const collides = (mistakes) => mistakes.some((one, i) => mistakes.slice(0, i).some((two) => sameList(one.values, two.values)));

function tryQuestion(random, level) {
  const call = drawCall(random, level);
  const answer = attempt(call, call);
  if (!answer || answer.length < (level.fewest ?? 2) || answer.length > MOST_CELLS) return null;
  const mistakes = mistakesOf(level, call, answer);
  return teaches(level, mistakes) ? { call, answer, mistakes } : null;
}

const MODE_WORDS = { valid: "valid", same: "same (as many results as x has numbers)", full: "full (every window that touches x)" };
const BOUNDARY_WORDS = { zero: "zeros", edge: "the sample at the border goes on (edge)", mirror: "mirrored without the border sample (mirror)", symmetric: "mirrored with the border sample (symmetric)", wrap: "x begins again (wrap)" };

export function taskText(task, call) {
  const words = { ...call, mode: MODE_WORDS[call.mode], boundary: BOUNDARY_WORDS[call.boundary] };
  return task.replace(/\{(\w+)\}/g, (_, name) => words[name]);
}

// The question of a level and a seed: always the same one.
export function makeQuestion(name, seed) {
  const level = LEVELS[name];
  const random = new Random(seed * 16 + LEVEL_NAMES.indexOf(name));
  for (let i = 0; i < TRIES; ++i) {
    const made = tryQuestion(random, level);
    if (made) return { level: name, seed, text: taskText(level.task, made.call), ...made };
  }
  throw new Error(`no question of level ${name} for seed ${seed}`);
}

// -------------------------------------------------------------------------------- hints

const signed = (value) => (value < 0 ? `(−${-value})` : String(value));
const joined = (pairs) => pairs.map(([a, b]) => `${signed(a)}·${signed(b)}`).join(" + ") || "0";

const products = (terms) => joined(terms.filter((term) => term.product !== null).map((term) => [Number(term.b), Number(term.a)]));

function hintSignal(call, cell) {
  const step = makeTrace(big(call.x), big(call.w), settingsOf(call)).steps[cell];
  return `y[${step.y.join(", ")}] = ${products(step.terms)} = ?`;
}

function hintLayer(call, cell) {
  const step = makeLayerTrace(big(call.x), big(call.w), big(call.bias), { stride: call.stride, padding: call.padding }).steps[cell];
  const channel = (c) => step.terms.filter((term) => term.w[0] === c);
  return `y[${step.y.join(", ")}] = channel 0: ${products(channel(0))}; channel 1: ${products(channel(1))}; bias ${call.bias[0]}. Add the three.`;
}

function hintGradient(call, cell) {
  const met = arrows(call).filter(({ i, j }) => (call.ask === "dw" ? j : i) === cell);
  return `${call.ask}[${cell}] = ${joined(met.map(({ weight, tap, i }) => [call.ask === "dw" ? call.x[i] : tap, weight]))} = ?`;
}

function hintSize({ n, k, padding, stride, dilation }) {
  const [before, after] = layerPads(padding, n, k, stride);
  return `The taps span ${dilation}·(${k} − 1) + 1 = ${spanOf(k, dilation)} places: ⌊(${n} + ${before} + ${after} − ${spanOf(k, dilation)})/${stride}⌋ + 1 = ?`;
}

function hintColumns(call, cell) {
  const met = call.x[0].map((_, c) => call.x[cell - c]?.[c]).filter((value) => value !== undefined);
  return `Place ${cell} gets ${met.join(" + ")} = ?`;
}

const HINTS = { signal: hintSignal, layer: hintLayer, gradient: hintGradient, size: hintSize, col2im: hintColumns };

export const hint = (question, cell) => HINTS[question.call.kind](question.call, cell);

// --------------------------------------------------------------------------------- checking

// Cells hold numbers, or null where nothing is written. The mistake is found from what is there.
export function check(question, cells) {
  const right = cells.map((value, i) => value === null ? null : value === question.answer[i]);
  const written = cells.slice(0, cells.findLastIndex((value) => value !== null) + 1);
  const done = right.every((cell) => cell === true);
  const found = done ? null : question.mistakes.find(({ values }) => written.length > 0 && sameList(written, values));
  return { right, done, mistake: found?.say ?? null, why: found?.why ?? null };
}
