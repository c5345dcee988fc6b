// A layer of a network: several channels, several filters as deep as the input, a bias. As bricks
// to see the whole, and flat to see every number.

import { action, h, isNarrow, s, scroller, stepper, tabs } from "./dom.js";
import { flatten, mapNested, numberText, parse, shapeOf } from "./number.js";
import { Random } from "./random.js";
import { grid, lighting, numberField, renumber } from "./stage.js";
import { makeLayerTrace, TraceError } from "./trace.js";
import { sentence, sizeText, sumText } from "./words.js";

const VIEWS = ["bricks", "flat"];

function traceOf(app) {
  const { lx, lw, lb, lstride, lpad, ldilation } = app.state;
  try {
    app.layer = makeLayerTrace(mapNested(lx, parse), mapNested(lw, parse), mapNested(lb, parse), { stride: Math.max(lstride, 1), padding: lpad, dilation: Math.max(ldilation, 1) });
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
const LABEL = 112;

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

// Where the bricks stand: x, the filters and y in a row, or under each other where the window is narrow.
function placesOf(trace, [height, width]) {
  const depth = trace.x.length * SHIFT;
  const [tall, broad] = trace.lengths.map((length) => length.taps * CELL);
  const [yTall, yBroad] = trace.lengths.map((length) => length.outputs * CELL);
  const top = 26 + depth;
  const filters = trace.w.length;
  if (isNarrow()) {
    const across = (f, wide) => 6 + f * Math.max(wide + 14, LABEL);
    const wTop = top + height + depth + 40;
    const yTop = wTop + tall + 56;
    const size = [Math.max(width + depth + 16, across(filters, broad + depth), across(filters, yBroad)), yTop + yTall + 10];
    return { x: [6, top], w: (f) => [across(f, broad + depth), wTop], y: (f) => [across(f, yBroad), yTop], size };
  }
  const wLeft = 20 + width + depth + 70;
  const yLeft = wLeft + broad + depth + 90;
  const gap = Math.max(tall + depth, yTall) + 40;
  const size = [yLeft + Math.max(yBroad, LABEL) + 20, Math.max(top + height, top + (filters - 1) * gap + Math.max(tall, yTall)) + 16];
  return { x: [20, top], w: (f) => [wLeft, top + f * gap], y: (f) => [yLeft, top + f * gap], size };
}

// The light that falls from one rectangle on the next: the window on its filter, the filter on its number.
function beam([left, top, width, height], [toLeft, toTop, toWidth, toHeight]) {
  const points = isNarrow()
    ? [[left, top + height], [left + width, top + height], [toLeft + toWidth, toTop], [toLeft, toTop]]
    : [[left + width, top], [toLeft, toTop], [toLeft, toTop + toHeight], [left + width, top + height]];
  return s("polygon", { class: "beam", points: points.map((point) => point.join(",")).join(" ") });
}

function bricks(app, trace, step) {
  const { lengths } = trace;
  const x = trace.x.map((plane) => padded(plane, lengths));
  const place = placesOf(trace, [x[0].length * CELL, x[0][0].length * CELL]);
  const corner = lengths.map((length, axis) => step.terms[0].position[axis + 1] + length.before);
  const isRead = (i, axis) => i >= corner[axis] && i < corner[axis] + lengths[axis].span && (i - corner[axis]) % lengths[axis].dilation === 0;
  const [filter, row, column] = step.y;
  const spans = lengths.map((length) => length.span * CELL);
  const over = [place.x[0] + corner[1] * CELL, place.x[1] + corner[0] * CELL, spans[1], spans[0]];
  const mine = [...place.w(filter), lengths[1].taps * CELL, lengths[0].taps * CELL];
  const target = [place.y(filter)[0] + column * CELL, place.y(filter)[1] + row * CELL, CELL, CELL];
  const above = trace.x.length * SHIFT - SHIFT + 8;
  const filters = trace.w.flatMap((planes, f) => [label(place.w(f)[0], place.w(f)[1] - above, `filter ${f}, bias ${trace.bias ? numberText(trace.bias[f]) : 0}`), ...brick(planes, place.w(f), f === filter ? "w chosen" : "w")]);
  const outputs = trace.w.flatMap((_, f) => [label(place.y(f)[0], place.y(f)[1] - 6, `y, filter ${f}`), ...slice(trace.y[f], place.y(f), 0, "y", (r, c) => f === filter && r === row && c === column, true)]);
  const drawn = s("svg", { class: "bricks", viewBox: `0 0 ${place.size.join(" ")}`, role: "img", style: { "--natural": `${place.size[0]}px` }, "aria-label": `The input, ${trace.x.length} channels deep; ${trace.w.length} filters, each as deep; and one plane of y for each filter` }, beam(over, mine), beam(mine, target), label(place.x[0], place.x[1] - above, "x with its padding"), brick(x, place.x, "x", (r, c) => isRead(r, 0) && isRead(c, 1)), filters, outputs);
  const buttons = h("div", { class: "grids" }, trace.w.map((_, f) => outputGrid(app, trace, f)));
  return [scroller("The layer as bricks", "bricks", drawn), h("p", { class: "faint" }, "A filter is as deep as the input and never moves in depth. Each place of it makes one number; each filter makes one plane of y. Choose a number of y:"), buttons];
}

// -------------------------------------------------------------------------------- sizes

const MOST = { channels: 4, filters: 4, size: 8, taps: 5 };

// As many entries as asked for: those that are there, and new ones that are the same each time.
function grow(list, count, make) {
  return Array.from({ length: count }, (_, i) => list[i] ?? make(i));
}

function drawn(seed, [low, high]) {
  const random = new Random(seed);
  return (rows, size) => grow(rows, size, () => []).map((row) => grow(row, size, () => String(random.between(low, high))));
}

function resized({ lx, lw, lb }, change) {
  const sizes = { channels: lx.length, filters: lw.length, size: lx[0].length, taps: lw[0][0].length, ...change };
  const seed = Object.values(sizes).reduce((whole, value) => 9 * whole + value, 0);
  const [sample, tap] = [drawn(seed, [0, 2]), drawn(seed + 1, [-1, 1])];
  const filter = (planes) => grow(planes, sizes.channels, () => []).map((plane) => tap(plane.slice(0, sizes.taps), sizes.taps));
  return {
    lx: grow(lx, sizes.channels, () => []).map((plane) => sample(plane, sizes.size)),
    lw: grow(lw, sizes.filters, () => []).map(filter),
    lb: grow(lb, sizes.filters, () => "0"),
  };
}

function switches(app) {
  const { lx, lw, lstride, lpad, ldilation } = app.state;
  const settings = [["stride", lstride, 1, 4, "lstride"], ["padding", lpad, 0, 3, "lpad"], ["dilation", ldilation, 1, 3, "ldilation"]];
  const sizes = { channels: lx.length, filters: lw.length, size: lx[0].length, taps: lw[0][0].length };
  return h("div", { class: "controls" },
    settings.map(([name, value, low, high, key]) => stepper(name, value, low, high, (next) => app.change({ [key]: next }))),
    Object.entries(sizes).map(([name, value]) => stepper(name, value, 1, MOST[name], (next) => next !== value && app.change({ ...resized(app.state, { [name]: next }), lat: 0 }))));
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
    switches(app),
    counts(trace),
  ];
}
