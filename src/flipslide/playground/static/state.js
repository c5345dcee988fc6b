// What is on the page is one plain object. It is the address too: only what differs from the
// beginning stands there, so that a link is short and opens the same page.

import { shapeOf } from "./number.js";

// The layer of `flipslide explain --demo cs231n`.
const LX = [
  [["0", "1", "0", "2", "1"], ["0", "0", "1", "0", "1"], ["2", "1", "2", "1", "2"], ["0", "1", "2", "2", "0"], ["2", "1", "1", "2", "0"]],
  [["0", "0", "0", "0", "2"], ["0", "1", "0", "0", "1"], ["2", "2", "1", "2", "2"], ["1", "2", "1", "1", "2"], ["0", "2", "0", "2", "1"]],
  [["0", "1", "1", "2", "0"], ["2", "0", "1", "2", "1"], ["1", "1", "2", "1", "2"], ["2", "1", "2", "1", "1"], ["2", "1", "1", "0", "1"]],
];
const LW = [
  [[["1", "0", "0"], ["1", "1", "0"], ["0", "1", "1"]], [["0", "1", "0"], ["1", "1", "0"], ["-1", "1", "1"]], [["0", "0", "0"], ["0", "1", "1"], ["1", "-1", "-1"]]],
  [[["0", "1", "1"], ["0", "1", "0"], ["0", "-1", "0"]], [["0", "-1", "-1"], ["-1", "1", "0"], ["-1", "0", "1"]], [["-1", "-1", "-1"], ["0", "0", "1"], ["0", "0", "0"]]],
];

export const START = {
  room: "window",
  // 1 where the page stands in another one that shows this room only.
  bare: 0,
  x: ["0", "1", "2", "3", "4"],
  w: ["1", "-1", "2"],
  operation: "convolve",
  mode: "valid",
  boundary: "zero",
  fill: "0",
  stride: 1,
  dilation: 1,
  padding: 0,
  // n,k,P,s,d of the formula with sliders; nothing is the call above it.
  sizes: "",
  at: 0,
  tab: "window",
  dy: null,
  target: null,
  level: "flip",
  seed: 1,
  // So many exercises at once, to be printed; 0 is one to be solved here.
  sheet: 0,
  view: "bricks",
  lx: LX,
  lw: LW,
  lb: ["1", "0"],
  lstride: 2,
  lpad: 1,
  ldilation: 1,
  lat: 0,
  kernel: [["1", "0", "-1"], ["2", "0", "-2"], ["1", "0", "-1"]],
  shown: "zero is grey",
  sound: "some claps",
  place: "a hall",
  mix: 70,
  f: "box from 0 to 1",
  g: "dying away",
  time: 90,
  frequency: 3,
  circle: 0,
};

const MAX_UNDO = 200;
const MAX_ROWS = 64;
const MOST_OF_LAYER = 9;

// ----------------------------------------------------------------------------- numbers

// What separates numbers, rows, planes and filters in an address.
const SEPARATORS = [",", ";", "|", "~"];

const depthOf = (nested) => (Array.isArray(nested) ? 1 + depthOf(nested[0]) : 0);

function writeRows(nested, depth = depthOf(nested)) {
  return Array.isArray(nested) ? nested.map((entry) => writeRows(entry, depth - 1)).join(SEPARATORS[depth - 1]) : nested;
}

// Rows, planes and filters of number texts; null where they are not all as long as each other, or too many.
function readNested(text, depth, parse) {
  if (!depth) return parse(text) === null ? null : text;
  const entries = text.split(SEPARATORS[depth - 1]).map((part) => readNested(part, depth - 1, parse));
  const [first] = entries.map((entry) => JSON.stringify(shapeOf(entry)));
  const sound = entries.length <= MOST_OF_LAYER && entries.every((entry) => entry !== null && JSON.stringify(shapeOf(entry)) === first);
  return sound ? entries : null;
}

// Rows of number texts from what a person typed; null where it is no rectangle of numbers.
export function readRows(text, parse) {
  const lines = text.trim().split(/\s*[;\n]\s*/).filter(Boolean);
  const rows = lines.map((line) => line.trim().replace(/\s*,\s*/g, ",").split(/[\s,]+/));
  const sound = rows.length > 0 && rows.every((row) => row.length === rows[0].length && row.every((entry) => parse(entry) !== null));
  if (!sound || rows.length > MAX_ROWS || rows[0].length > MAX_ROWS) return null;
  return rows.length === 1 && !/;/.test(text) ? rows[0] : rows;
}

// ----------------------------------------------------------------------------- address

const WRITE = { object: (rows) => writeRows(rows), number: String, string: String };
const isRows = (name) => ["x", "w", "dy", "target", "kernel"].includes(name);

export function toAddress(state) {
  const differs = Object.keys(START).filter((name) => name !== "room" && JSON.stringify(state[name]) !== JSON.stringify(START[name]));
  const pairs = differs.filter((name) => state[name] !== null).map((name) => `${name}=${encodeURIComponent(WRITE[typeof state[name]](state[name]))}`);
  return `#/${state.room}${pairs.length ? `?${pairs.join("&")}` : ""}`;
}

function readEntry(name, text, parse) {
  if (["lx", "lw", "lb"].includes(name)) return readNested(text, depthOf(START[name]), parse);
  if (isRows(name)) return readRows(text, parse);
  if (typeof START[name] === "number") return /^\d{1,6}$/.test(text) ? Number(text) : null;
  return text;
}

// The state that an address means; what it says wrongly is as at the beginning.
export function fromAddress(address, parse, allowed = {}) {
  const found = /^#\/(\w+)(?:\?(.*))?$/.exec(address);
  const state = { ...START };
  if (!found) return state;
  state.room = found[1];
  if (state.room === "waves") Object.assign(state, { room: "window", tab: "waves" });
  for (const [name, text] of new URLSearchParams(found[2] ?? "")) {
    const value = name in START ? readEntry(name, text, parse) : null;
    if (value !== null && (!allowed[name] || allowed[name].includes(value))) state[name] = value;
  }
  return { ...state, ...(fitsLayer(state) ? {} : { lx: LX, lw: LW, lb: START.lb }), ...(fitsKernel(state) ? {} : { kernel: START.kernel }) };
}

// Filters are as deep as the input and have a bias each.
function fitsLayer({ lx, lw, lb }) {
  return lw.length === lb.length && lw[0].length === lx.length;
}

// Kernels of pictures have a middle.
function fitsKernel({ kernel }) {
  const [rows, columns] = shapeOf(kernel);
  return rows === columns && rows % 2 === 1 && rows <= 7;
}

// -------------------------------------------------------------------------------- undo

// Where the window stands is not worth a step back.
const PASSING = ["at", "lat", "tab", "view", "room", "time", "mix", "frequency", "circle", "bare", "sheet"];
const lasting = (state) => JSON.stringify(Object.entries(state).filter(([name]) => !PASSING.includes(name)));

export class History {
  constructor(state) {
    this.past = [];
    this.future = [];
    this.now = state;
  }

  push(state) {
    if (lasting(state) !== lasting(this.now)) {
      this.past = [...this.past, this.now].slice(-MAX_UNDO);
      this.future = [];
    }
    this.now = state;
  }

  back() {
    if (this.past.length) [this.now, this.future] = [this.past.pop(), [this.now, ...this.future]];
    return this.now;
  }

  forth() {
    if (this.future.length) [this.now, this.past] = [this.future.shift(), [...this.past, this.now]];
    return this.now;
  }
}
