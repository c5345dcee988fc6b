// Numbers as Python's: an integer is a BigInt, a fraction a Fraction, a float a number, and a
// complex number a Complex. Sums of integers and fractions are exact.

export class Fraction {
  constructor(above, below = 1n) {
    const divisor = gcd(above, below) * (below < 0n ? -1n : 1n);
    this.above = above / divisor;
    this.below = below / divisor;
  }
}

export class Complex {
  constructor(real, imag) {
    this.real = real;
    this.imag = imag;
  }
}

function gcd(a, b) {
  while (b) [a, b] = [b, a % b];
  return a < 0n ? -a : a;
}

// -------------------------------------------------------------------------- arithmetic

// How wide a kind of number is: the sum of two is of the wider kind.
function rank(value) {
  if (typeof value === "bigint") return 0;
  if (value instanceof Fraction) return 1;
  return value instanceof Complex ? 3 : 2;
}

const WIDEN = [
  (value) => value,
  (value) => (value instanceof Fraction ? value : new Fraction(value)),
  (value) => toFloat(value),
  (value) => (value instanceof Complex ? value : new Complex(toFloat(value), 0)),
];

export function toFloat(value) {
  return value instanceof Fraction ? Number(value.above) / Number(value.below) : Number(value);
}

const ADD = [
  (a, b) => a + b,
  (a, b) => new Fraction(a.above * b.below + b.above * a.below, a.below * b.below),
  (a, b) => a + b,
  (a, b) => new Complex(a.real + b.real, a.imag + b.imag),
];

const MULTIPLY = [
  (a, b) => a * b,
  (a, b) => new Fraction(a.above * b.above, a.below * b.below),
  (a, b) => a * b,
  (a, b) => new Complex(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real),
];

function combine(table, a, b) {
  const kind = Math.max(rank(a), rank(b));
  return table[kind](WIDEN[kind](a), WIDEN[kind](b));
}

export const add = (a, b) => combine(ADD, a, b);
export const multiply = (a, b) => combine(MULTIPLY, a, b);
export const sum = (values) => values.reduce(add, 0n);
export const conjugate = (value) => (value instanceof Complex ? new Complex(value.real, -value.imag) : value);
export const negate = (value) => multiply(-1n, value);
export const isZero = (value) => (value instanceof Complex ? !value.real && !value.imag : toFloat(value) === 0);

// Equality in which NaN equals NaN, and 2 equals 2.0.
export function equal(a, b) {
  const kind = Math.max(rank(a), rank(b));
  const [one, two] = [WIDEN[kind](a), WIDEN[kind](b)];
  if (kind === 0) return one === two;
  if (kind === 1) return one.above === two.above && one.below === two.below;
  if (kind === 2) return one === two || (Number.isNaN(one) && Number.isNaN(two));
  return equal(one.real, two.real) && equal(one.imag, two.imag);
}

// As NumPy reads a list: one float makes all integers floats, one complex number all complex.
export function unify(values) {
  const kinds = values.map(rank);
  const widest = Math.max(0, ...kinds);
  return widest < 2 || kinds.includes(1) ? values : values.map(WIDEN[widest]);
}

// ------------------------------------------------------------------------------- text

const FLOAT = "[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?";
const COMPLEX = new RegExp(`^(${FLOAT})?(?:([+-](?:\\d+\\.?\\d*|\\.\\d+)?|${FLOAT})[ij])$`, "i");
const WORDS = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const LONGEST = 40;

// The number that a text means, or null.
export function parse(text) {
  const plain = text.trim().replaceAll("−", "-").toLowerCase();
  if (plain.length > LONGEST) return null;
  if (plain in WORDS) return WORDS[plain];
  if (/^[+-]?\d+$/.test(plain)) return BigInt(plain.replace("+", ""));
  const fraction = plain.match(/^([+-]?\d+)\/(\d+)$/);
  if (fraction) return parseFraction(fraction);
  if (new RegExp(`^${FLOAT}$`).test(plain)) return Number(plain);
  return parseComplex(plain);
}

function parseFraction([, above, below]) {
  return BigInt(below) === 0n ? null : new Fraction(BigInt(above.replace("+", "")), BigInt(below));
}

function parseComplex(plain) {
  const found = plain.match(COMPLEX);
  if (!found) return /^[ij]$/.test(plain) ? new Complex(0, 1) : null;
  const imag = /^[+-]$/.test(found[2]) ? Number(`${found[2]}1`) : Number(found[2]);
  return new Complex(found[1] === undefined ? 0 : Number(found[1]), imag);
}

const signed = (text) => text.replace("-", "−");

function floatText(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const shortest = String(value);
  return shortest.replace(/^[-0.]+/, "").replace(".", "").length <= 6 ? shortest : String(Number(value.toPrecision(6)));
}

// A number as people write it, with a real minus sign.
export function numberText(value) {
  if (value === null || value === undefined) return "·";
  if (value instanceof Fraction) return signed(value.below === 1n ? `${value.above}` : `${value.above}/${value.below}`);
  if (value instanceof Complex) return complexText(value);
  return signed(typeof value === "bigint" ? `${value}` : floatText(value));
}

function complexText({ real, imag }) {
  const size = Math.abs(imag);
  const turn = size === 1 ? "i" : `${floatText(size)}i`;
  if (imag === 0) return signed(floatText(real));
  if (real === 0) return imag < 0 ? `−${turn}` : turn;
  return `${signed(floatText(real))} ${imag < 0 ? "−" : "+"} ${turn}`;
}

// A factor or a summand that does not stand first: in brackets where a sign would meet a sign.
export function factorText(value) {
  const text = numberText(value);
  return text.startsWith("−") || text.includes(" ") ? `(${text})` : text;
}

// What a field holds and an address carries: read back by `parse`, and the same in Python.
export function sourceText(value) {
  if (value instanceof Complex) return `${floatText(value.real)}${value.imag < 0 ? "" : "+"}${floatText(value.imag)}j`;
  if (value instanceof Fraction) return `${value.above}/${value.below}`;
  if (typeof value === "number" && Number.isFinite(value)) return Number.isInteger(value) ? value.toFixed(1) : String(value);
  return typeof value === "number" ? floatText(value) : String(value);
}

// ------------------------------------------------------------------------------- JSON

// Beyond 2^53 the digits of a float must not read as those of an integer.
function floatJson(value) {
  if (!Number.isFinite(value)) return `"${floatText(value)}"`;
  return Math.abs(value) < 2 ** 53 ? JSON.stringify(value) : value.toExponential();
}

// JSON with integers of any size; the rest as the trace's schema says.
export function toJson(value) {
  if (value === null || value === undefined) return "null";
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return floatJson(value);
  if (value instanceof Fraction) return `"${value.below === 1n ? value.above : `${value.above}/${value.below}`}"`;
  if (value instanceof Complex) return `{"real": ${floatJson(value.real)}, "imag": ${floatJson(value.imag)}}`;
  if (Array.isArray(value)) return `[${value.map(toJson).join(", ")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, entry]) => `${JSON.stringify(name)}: ${toJson(entry)}`).join(", ")}}`;
}

// -------------------------------------------------------------------------- nested rows

export const flatten = (nested) => (Array.isArray(nested) ? nested.flatMap(flatten) : [nested]);
export const shapeOf = (nested) => (Array.isArray(nested) ? [nested.length, ...shapeOf(nested[0])] : []);
export const mapNested = (nested, change) =>
  Array.isArray(nested) ? nested.map((entry) => mapNested(entry, change)) : change(nested);
export const at = (nested, index) => index.reduce((rows, i) => rows[i], nested);

export function fold(values, shape) {
  if (shape.length === 1) return values;
  const size = values.length / shape[0];
  return Array.from({ length: shape[0] }, (_, i) => fold(values.slice(i * size, (i + 1) * size), shape.slice(1)));
}

export function indices(shape) {
  return shape.reduce((rows, n) => rows.flatMap((row) => Array.from({ length: n }, (_, i) => [...row, i])), [[]]);
}

export const turn = (nested) => (Array.isArray(nested) ? nested.map(turn).reverse() : nested);
