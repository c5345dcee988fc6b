// The stage as a drawing that stands alone: x with the window over it, the taps, their products, and what of y is
// known by then. One for each step makes a moving picture.

import { h } from "./dom.js";
import { makeGif } from "./gif.js";
import { factorText, numberText } from "./number.js";
import { indexText, sentence } from "./words.js";

const INK = { x: ["#d3e8f7", "#00568c"], w: ["#fde8bb", "#7a4f00"], y: ["#c9eee1", "#005c43"], pad: ["#eceff2", "#525e6b"], product: ["#ffffff", "#525e6b"], open: ["#ffffff", "#005c43"] };
const WINDOW = "#c85500";
const [WIDE, HIGH, LEFT, GAP] = [52, 36, 84, 14];
const LETTER = 8.6;

const escape = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const text = (x, y, content, rest = "") => `<text x="${x}" y="${y}" ${rest}>${escape(content)}</text>`;

function cell(kind, x, y, content) {
  const [fill, ink] = INK[kind];
  const size = content.length > 6 ? ` font-size="${Math.max(8, Math.floor(90 / content.length))}"` : "";
  return `<rect x="${x}" y="${y}" width="${WIDE}" height="${HIGH}" fill="${fill}" stroke="${ink}"/>${text(x + WIDE / 2, y + 23, content, `text-anchor="middle" fill="${ink}"${size}`)}`;
}

const outline = (x, y, columns, rows) => `<rect x="${x}" y="${y}" width="${WIDE * columns}" height="${HIGH * rows}" fill="none" stroke="${WINDOW}" stroke-width="3"/>`;
const side = (y, content) => text(4, y + 23, content, `fill="${INK.pad[1]}" font-size="13"`);

// Every place that some window reads, or x has, along one axis.
function reach(trace, axis) {
  const read = trace.steps.flatMap((step) => step.terms.map((term) => term.position[axis]));
  return [Math.min(0, ...read), Math.max(trace.lengths[axis].n - 1, ...read)];
}

function contentOf(trace, place) {
  for (const step of trace.steps) {
    const term = step.terms.find((entry) => entry.position.join() === place.join());
    if (term) return term.source === "zero" ? "0" : numberText(term.a);
  }
  return "";
}

const inside = (trace, place) => place.every((p, axis) => p >= 0 && p < trace.lengths[axis].n);

function cellOfX(trace, place, x, y) {
  const within = inside(trace, place);
  const value = within ? numberText(place.reduce((rows, p) => rows[p], trace.x)) : contentOf(trace, place);
  return value ? cell(within ? "x" : "pad", x, y, value) : "";
}

const range = ([low, high]) => Array.from({ length: high - low + 1 }, (_, i) => low + i);
const productText = (term) => (term.product === null ? "–" : numberText(term.product));

function rowParts(trace, m) {
  const [low, high] = reach(trace, 0);
  const step = trace.steps[m];
  const left = (place) => LEFT + WIDE * (place - low);
  const half = ((trace.lengths[0].span - 1) / 2) * WIDE;
  const [top, taps, products, sums] = [4, 4 + HIGH + 4, 8 + 2 * HIGH, 16 + 3 * HIGH];
  const parts = [
    side(top, "x"), side(taps, trace.operation === "convolve" ? "w, flipped" : "w"), side(products, "w·x"), side(sums, "y"),
    ...range([low, high]).map((place) => cellOfX(trace, [place], left(place), top)),
    ...step.terms.map((term) => cell("w", left(term.position[0]), taps, numberText(term.b)) + cell("product", left(term.position[0]), products, productText(term))),
    outline(left(step.terms[0].position[0]), top, trace.lengths[0].span, 3.3),
    ...trace.steps.map((other, k) => cell(k <= m ? "y" : "open", left(other.terms[0].position[0]) + half, sums, k <= m ? numberText(other.value) : "")),
    outline(left(step.terms[0].position[0]) + half, sums, 1, 1),
  ];
  return { parts, width: left(high + 1) + 4, height: sums + HIGH };
}

function grid(title, left, top, [rows, columns], cellOf) {
  const cells = range([0, rows - 1]).flatMap((r) => range([0, columns - 1]).map((c) => cellOf(r, c, left + WIDE * c, top + 18 + HIGH * r)));
  return text(left, top + 10, title, `fill="${INK.pad[1]}" font-size="13"`) + cells.join("");
}

function pictureParts(trace, m) {
  const step = trace.steps[m];
  const [tops, lefts] = [reach(trace, 0), reach(trace, 1)];
  const xSize = [tops, lefts].map(([low, high]) => high - low + 1);
  const taps = trace.lengths.map((length) => length.taps);
  const sizes = trace.lengths.map((length) => length.outputs);
  const starts = [xSize[1], taps[1], taps[1]].reduce((places, columns) => [...places, places.at(-1) + Math.max(WIDE * columns, 90) + GAP], [4]);
  const [xLeft, wLeft, productLeft, yLeft] = starts;
  const first = step.terms[0].position;
  const termAt = (r, c) => step.terms[r * taps[1] + c];
  const parts = [
    grid("x", xLeft, 4, xSize, (r, c, x, y) => cellOfX(trace, [r + tops[0], c + lefts[0]], x, y)),
    outline(xLeft + WIDE * (first[1] - lefts[0]), 22 + HIGH * (first[0] - tops[0]), ...trace.lengths.map((length) => length.span).toReversed()),
    grid(trace.operation === "convolve" ? "w, turned" : "w", wLeft, 4, taps, (r, c, x, y) => cell("w", x, y, numberText(termAt(r, c).b))),
    grid("products", productLeft, 4, taps, (r, c, x, y) => cell("product", x, y, productText(termAt(r, c)))),
    grid("y", yLeft, 4, sizes, (r, c, x, y) => cell(r * sizes[1] + c <= m ? "y" : "open", x, y, r * sizes[1] + c <= m ? numberText(trace.steps[r * sizes[1] + c].value) : "")),
    outline(yLeft + WIDE * step.y[1], 22 + HIGH * step.y[0], 1, 1),
  ];
  return { parts, width: yLeft + Math.max(WIDE * sizes[1], 90) + 4, height: 22 + HIGH * Math.max(xSize[0], taps[0], sizes[0]) };
}

const short = (step) => {
  const whole = sentence(step);
  return whole.length < 100 ? whole : `y${indexText(step.y)} = the sum of ${step.terms.length} products = ${factorText(step.value)}`;
};

// All steps have the same size: the longest sentence decides.
export function drawPicture(trace, m) {
  const { parts, width, height } = (trace.lengths.length === 1 ? rowParts : pictureParts)(trace, m);
  const wide = Math.ceil(Math.max(width, ...trace.steps.map((step) => 16 + LETTER * short(step).length)));
  const high = height + 40;
  const line = text(4, height + 27, short(trace.steps[m]), 'font-weight="600"');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${wide} ${high}" width="${wide}" height="${high}" font-family="system-ui, sans-serif" font-size="15" fill="#1b1f24"><rect width="${wide}" height="${high}" fill="#ffffff"/>${parts.join("")}${line}</svg>`;
}

// --------------------------------------------------------------------------------- saving

export function download(name, kind, content) {
  const url = URL.createObjectURL(new Blob([content], { type: kind }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

export const saveStill = (trace, m) => download("convolution.svg", "image/svg+xml", drawPicture(trace, m));

async function rasterize(drawing) {
  const url = URL.createObjectURL(new Blob([drawing], { type: "image/svg+xml" }));
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = h("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  URL.revokeObjectURL(url);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

const MOST_FRAMES = 60;

export async function makeMoving(trace) {
  const frames = await Promise.all(trace.steps.slice(0, MOST_FRAMES).map((_, m) => rasterize(drawPicture(trace, m))));
  return makeGif(frames.map((frame) => frame.data), [frames[0].width, frames[0].height]);
}

export async function saveMoving(trace) {
  download("convolution.gif", "image/gif", await makeMoving(trace));
}
