// The size formula to be played with: every symbol is a slider, and the windows are laid on a ruler.

import { field, h, s, scroller } from "./dom.js";
import { sizeText, sizeWhy } from "./words.js";

const SYMBOLS = { n: ["samples", 1, 40], k: ["taps", 1, 11], p: ["padding at each end", 0, 8], s: ["stride", 1, 8], d: ["dilation", 1, 6] };
const NAMES = Object.keys(SYMBOLS);
const [CELL, ROW, MOST] = [24, 15, 24];

// What the address says, or the call on the page: [n, k, p, s, d].
function chosen(app) {
  const told = String(app.state.sizes).split(",").map(Number);
  if (told.length === NAMES.length && told.every((value, i) => Number.isInteger(value) && value >= SYMBOLS[NAMES[i]][1] && value <= SYMBOLS[NAMES[i]][2])) return told;
  const [{ n, taps, before, stride, dilation }] = app.trace.lengths;
  return [n, taps, Math.max(before, 0), stride, dilation].map((value, i) => Math.min(value, SYMBOLS[NAMES[i]][2]));
}

export function lengthOf([n, taps, pad, stride, dilation]) {
  const span = dilation * (taps - 1) + 1;
  const room = n + 2 * pad - span;
  return { n, taps, dilation, span, before: pad, after: pad, stride, room, outputs: room < 0 ? 0 : Math.floor(room / stride) + 1 };
}

// The nearest settings with which one window fits, each by changing one thing.
function remedies({ n, taps, dilation, before, room }) {
  const missing = -room;
  const fewer = taps - Math.ceil(missing / dilation);
  return [`${n + missing} samples`, `padding ${before + Math.ceil(missing / 2)}`, fewer >= 1 ? `${fewer} taps` : null].filter(Boolean).join(", or ");
}

function ruler({ n, taps, dilation, span, before, stride, outputs, room }) {
  const cells = n + 2 * before;
  const shown = Math.min(outputs, MOST);
  const end = room < 0 ? cells : room - (room % stride) + span;
  const box = (kind, column, top, height) => s("g", { class: `brick ${kind}` }, s("rect", { x: String(CELL * column), y: String(top), width: String(CELL), height: String(height) }));
  const row = Array.from({ length: cells }, (_, i) => box(i < before || i >= before + n ? "pad" : i < end ? "x" : "", i, 1, 24));
  const windows = Array.from({ length: shown }, (_, m) => Array.from({ length: taps }, (__, j) => box("w", m * stride + dilation * j, 30 + ROW * m, ROW - 4)));
  const [width, height] = [CELL * cells + 2, 32 + ROW * shown];
  const label = `${cells} places, ${outputs} windows of ${taps} taps`;
  return s("svg", { class: "ruler-plot", viewBox: `-1 0 ${width} ${height}`, width: String(width), height: String(height), role: "img", "aria-label": label }, row, windows);
}

export function sizeSliders(app) {
  const values = chosen(app);
  const length = lengthOf(values);
  const slider = (name, i) => {
    const [word, low, high] = SYMBOLS[name];
    const change = (event) => app.change({ sizes: values.with(i, Number(event.target.value)).join(",") });
    return field(`${word} ${name === "p" ? "P" : name} = ${values[i]}`, h("input", { type: "range", min: String(low), max: String(high), key: `size ${name}`, value: String(values[i]), "aria-valuetext": `${word}: ${values[i]}`, oninput: change }));
  };
  const fits = length.room >= 0;
  const text = fits ? sizeText(length) : `The taps span ${length.span} places and the padded row has ${length.n + 2 * length.before}: no window fits. It would with ${remedies(length)}.`;
  return h("details", { class: "card", open: app.sizing || app.state.sizes !== "", key: "sizes", ontoggle: (event) => { app.sizing = event.target.open; } },
    h("summary", null, h("h2", null, "What if? The size formula with sliders")),
    h("p", { class: "formula" }, "⌊(n + 2·P − D)/s⌋ + 1 with D = d·(k − 1) + 1"),
    h("div", { class: "controls sliders" }, NAMES.map(slider)),
    h("p", { class: fits ? "line" : "error", role: "status" }, text),
    fits ? h("p", null, sizeWhy(length)) : null,
    fits ? scroller("The windows on a ruler", "sizes", ruler(length)) : null);
}
