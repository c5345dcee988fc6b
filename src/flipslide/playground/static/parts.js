// What a question shows: its arrays as tables, and how its answer is laid out and called.

import { h } from "./dom.js";
import { shapeOf } from "./number.js";

const PLACES = { signal: [["x", "x", "x"], ["w", "w", "w"]], layer: [["x", "x", "x"], ["w", "w", "w"], ["bias", "bias", "w"]], gradient: [["x", "x", "x"], ["w", "w", "w"], ["dy", "dy", "gradient"]], size: [], col2im: [["x", "C", "x"]] };

// ------------------------------------------------------------------------------- numbers

export const text = (value) => String(value).replace("-", "−");

function table(title, rows, role) {
  return h("figure", { class: "grid-figure" }, h("figcaption", null, title), h("table", { class: "plain", "aria-label": title }, h("tbody", null, rows.map((row) => h("tr", null, row.map((value) => h("td", { class: role }, text(value))))))));
}

function planes(nested) {
  const depth = shapeOf(nested).length;
  if (depth === 1) return [[nested]];
  return depth === 2 ? [nested] : nested.flatMap(planes);
}

export function arrays(call) {
  return PLACES[call.kind].flatMap(([name, title, role]) => {
    const nested = name === "dy" ? call.dy.slice(0, call.x.length - call.w.length + 1) : call[name];
    const all = planes(nested);
    return all.map((rows, c) => table(all.length > 1 ? `${title}, channel ${c}` : title, rows, role));
  });
}

// As a picture has a picture for an answer, so many cells stand in a row.
export function perRow({ call, answer }) {
  const plane = call.kind === "signal" && shapeOf(call.x).length === 2;
  if (plane) return shapeOf(call.x)[1] - shapeOf(call.w)[1] + 1;
  return call.kind === "layer" ? 2 : answer.length;
}

export const nameOf = ({ call }) => ({ gradient: call.ask, size: "results", col2im: "row" })[call.kind] ?? "y";
