// A layer of a network: several channels, several filters as deep as the input, a bias. As bricks
// to see the whole, and flat to see every number.

import { action, h, s, scroller, stepper, tabs } from "./dom.js";
import { flatten, mapNested, numberText, parse, shapeOf } from "./number.js";
import { grid, lighting, numberField, renumber } from "./stage.js";
import { makeLayerTrace, TraceError } from "./trace.js";
import { sentence, sizeText, sumText } from "./words.js";

const VIEWS = ["bricks", "flat"];

function traceOf(app) {
  const { lx, lw, lb, lstride, lpad } = app.state;
  try {
    app.layer = makeLayerTrace(mapNested(lx, parse), mapNested(lw, parse), mapNested(lb, parse), { stride: Math.max(lstride, 1), padding: lpad });
    app.layerError = null;
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    app.layerError = error.message;
  }
  return app.layer;
}

// ---------------------------------------------------------------------------------- flat

function inputGrid(app, trace, step, c) {
  const [{ before, n, after }] = trace.lengths;
  const columns = trace.lengths[1];
  const corner = step.terms[0].position;
  const place = (row, col, height, width) => ({ "grid-row": `${row} / span ${height}`, "grid-column": `${col} / span ${width}` });
  const cellOf = (r, k) => {
    const [row, col] = [r - before, k - columns.before];
    const inside = row >= 0 && row < n && col >= 0 && col < columns.n;
    return inside ? numberField(app, "lx", [c, row, col], app.state.lx[c][row][col], {}, "", "x") : h("span", { class: "cell pad", title: "a zero of the padding" }, "0");
  };
  const [height, width] = trace.lengths.map((length) => length.span);
  const outline = h("span", { class: "outline", key: `window ${c}`, style: place(corner[1] + before + 2, corner[2] + columns.before + 2, height, width) });
  const sizes = [n + before + after, columns.n + columns.before + columns.after];
  const made = grid(`x, channel ${c}`, sizes, cellOf, [outline]);
  renumber(made, -before, -columns.before, ...sizes);
  return made;
}

const termsOf = (step, c) => step.terms.filter((term) => term.w[0] === c);

function productGrid(trace, step, c) {
  const columns = trace.lengths[1].taps;
  const terms = termsOf(step, c);
  const cellOf = (r, k) => {
    const term = terms[r * columns + k];
    return h("span", { class: "cell product" }, term.product === null ? "–" : numberText(term.product));
  };
  return grid(`products, channel ${c}: sum ${numberText(step.partials[c])}`, trace.lengths.map((length) => length.taps), cellOf);
}

function outputGrid(app, trace, filter) {
  const [rows, columns] = trace.lengths.map((length) => length.outputs);
  const cellOf = (r, k) => {
    const m = (filter * rows + r) * columns + k;
    const step = trace.steps[m];
    return h("button", { type: "button", class: "cell y", key: `layer y ${m}`, "data-y": step.y.join(","), "aria-pressed": String(m === app.state.lat), "aria-label": `y[${step.y.join(", ")}] = ${numberText(step.value)}`, onclick: () => app.change({ lat: m }) }, numberText(step.value));
  };
  return grid(`y, filter ${filter}`, [rows, columns], cellOf);
}

function flat(app, trace, step) {
  const channels = trace.x.map((_, c) => c);
  const filter = step.y[0];
  const taps = trace.lengths.map((length) => length.taps);
  const weights = channels.map((c) => grid(`filter ${filter}, channel ${c}`, taps, (r, k) => numberField(app, "lw", [filter, c, r, k], app.state.lw[filter][c][r][k], {}, "", "w")));
  const groups = [channels.map((c) => inputGrid(app, trace, step, c)), weights, channels.map((c) => productGrid(trace, step, c)), trace.w.map((_, f) => outputGrid(app, trace, f))];
  return lighting(trace, [scroller("The layer, number by number", "layer", h("div", { class: "layer-rows" }, groups.map((row) => h("div", { class: "grids" }, row))))]);
}

// -------------------------------------------------------------------------------- bricks

const CELL = 26;
const SHIFT = 15;

// One slice of a brick: a grid whose front corner is shifted by its depth.
function slice(rows, [left, top], depth, kind, marked, front) {
  const [dx, dy] = [depth * SHIFT, -depth * SHIFT];
  return rows.flatMap((row, r) =>
    row.map((value, c) => {
      const [x, y] = [left + c * CELL + dx, top + r * CELL + dy];
      const lit = marked?.(r, c) ? " marked" : "";
      return s("g", { class: `brick ${kind}${value === null ? " pad" : ""}${lit}` }, s("rect", { x, y, width: CELL, height: CELL }), front ? s("text", { x: x + CELL / 2, y: y + CELL / 2 + 4, "text-anchor": "middle" }, value === null ? "0" : numberText(value)) : null);
    }),
  );
}

function brick(planes, place, kind, marked) {
  return [...planes.keys()].reverse().flatMap((depth) => slice(planes[depth], place, depth, kind, marked, depth === 0));
}

function padded(plane, [rows, columns]) {
  const width = columns.n + columns.before + columns.after;
  const empty = (count) => Array.from({ length: count }, () => Array(width).fill(null));
  const middle = plane.map((row) => [...Array(columns.before).fill(null), ...row, ...Array(columns.after).fill(null)]);
  return [...empty(rows.before), ...middle, ...empty(rows.after)];
}

function label(x, y, text) {
  return s("text", { x, y, class: "brick-label" }, text);
}

function bricks(app, trace, step) {
  const { lengths } = trace;
  const x = trace.x.map((plane) => padded(plane, lengths));
  const [height, width] = [x[0].length * CELL, x[0][0].length * CELL];
  const depth = trace.x.length * SHIFT;
  const corner = [step.terms[0].position[1] + lengths[0].before, step.terms[0].position[2] + lengths[1].before];
  const inWindow = (r, c) => r >= corner[0] && r < corner[0] + lengths[0].span && c >= corner[1] && c < corner[1] + lengths[1].span;
  const xPlace = [20, 40 + depth];
  const wLeft = xPlace[0] + width + depth + 70;
  const tapsHeight = lengths[0].taps * CELL;
  const gap = tapsHeight + depth + 46;
  const wPlace = (f) => [wLeft, 40 + depth + f * gap];
  const yLeft = wLeft + lengths[1].taps * CELL + depth + 90;
  const yShape = lengths.map((length) => length.outputs);
  const yPlane = (f) => trace.y[f];
  const yPlace = (f) => [yLeft, 40 + depth + f * gap];
  const target = yPlace(step.y[0]);
  const end = [target[0] + step.y[2] * CELL, target[1] + step.y[1] * CELL + CELL / 2];
  const start = [xPlace[0] + (corner[1] + lengths[1].span) * CELL, xPlace[1] + (corner[0] + lengths[0].span / 2) * CELL];
  const mine = wPlace(step.y[0]);
  const via = [mine[0], mine[1] + tapsHeight / 2];
  const filters = trace.w.flatMap((planes, f) => [label(wLeft, wPlace(f)[1] - depth - 6, `filter ${f}, bias ${trace.bias ? numberText(trace.bias[f]) : 0}`), ...brick(planes, wPlace(f), f === step.y[0] ? "w chosen" : "w")]);
  const outputs = trace.w.flatMap((_, f) => [label(yLeft, yPlace(f)[1] - 6, `y, filter ${f}`), ...slice(yPlane(f), yPlace(f), 0, "y", (r, c) => f === step.y[0] && r === step.y[1] && c === step.y[2], true)]);
  const total = [yLeft + Math.max(yShape[1] * CELL, 90) + 20, Math.max(xPlace[1] + height, wPlace(trace.w.length - 1)[1] + Math.max(tapsHeight, yShape[0] * CELL)) + 24];
  const lines = [s("path", { class: "edge lit", d: `M${start.join(" ")}L${via.join(" ")}` }), s("path", { class: "edge lit", d: `M${via[0] + lengths[1].taps * CELL} ${via[1]}L${end.join(" ")}` })];
  const drawn = s("svg", { class: "bricks", viewBox: `0 0 ${total.join(" ")}`, role: "img", "aria-label": `The input, ${trace.x.length} channels deep; ${trace.w.length} filters, each as deep; and one plane of y for each filter` }, label(xPlace[0], 20, "x with its padding"), brick(x, xPlace, "x", inWindow), filters, outputs, lines);
  const buttons = h("div", { class: "grids" }, trace.w.map((_, f) => outputGrid(app, trace, f)));
  return [scroller("The layer as bricks", "bricks", drawn), h("p", { class: "faint" }, "A filter is as deep as the input and never moves in depth. Each place of it makes one number; each filter makes one plane of y. Choose a number of y:"), buttons];
}

// ---------------------------------------------------------------------------------- room

function arithmetic(trace, step) {
  const lines = step.partials.map((_, c) => h("li", null, `channel ${c}: ${sumText(termsOf(step, c)) || "0"} = ${numberText(step.partials[c])}`));
  return h("section", { class: "card" }, h("p", { class: "line", role: "status" }, sentence(step)), h("ul", null, lines));
}

function counts(trace) {
  const taps = flatten(trace.w[0]).length;
  const filters = trace.w.length;
  const parameters = filters * (taps + (trace.bias ? 1 : 0));
  return h("section", { class: "card" }, h("h2", null, "Sizes"), h("p", { class: "formula" }, trace.lengths.map(sizeText).join("   and   ")), h("p", null, `${filters} filters of ${shapeOf(trace.w[0]).join("×")} taps: ${parameters} parameters with the biases, ${trace.steps.length} results, ${trace.steps.length * taps} products.`));
}

export function layerRoom(app) {
  const trace = traceOf(app);
  const at = Math.min(app.state.lat, trace.steps.length - 1);
  const step = trace.steps[at];
  const view = VIEWS.includes(app.state.view) ? app.state.view : VIEWS[0];
  const go = (m) => app.change({ lat: Math.min(Math.max(m, 0), trace.steps.length - 1) });
  return [
    h("h1", null, "A layer"),
    tabs("Views of the layer", VIEWS, view, (name) => app.change({ view: name })),
    app.layerError ? h("p", { class: "error", role: "alert" }, `${app.layerError}. The picture shows the last layer that could be computed.`) : null,
    h("div", { class: "view", role: "tabpanel", "aria-label": view }, view === "flat" ? flat(app, trace, step) : bricks(app, trace, step)),
    h("div", { class: "bar" }, action("Back", () => go(at - 1)), action("Ahead", () => go(at + 1)), h("span", { class: "count" }, `Result ${at + 1} of ${trace.steps.length}`)),
    arithmetic(trace, step),
    h("div", { class: "controls" }, stepper("stride", app.state.lstride, 1, 4, (lstride) => app.change({ lstride })), stepper("padding", app.state.lpad, 0, 3, (lpad) => app.change({ lpad }))),
    counts(trace),
  ];
}
