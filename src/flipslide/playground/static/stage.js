// The stage: x, the taps under it where the window stands, their products, and y. Of a row the
// four lie under one ruler; of a picture they are four grids side by side.

import { action, h, scroller } from "./dom.js";
import { numberText, factorText } from "./number.js";
import { indexText, meetsText, sentence } from "./words.js";

const CELL = "cell";

// ------------------------------------------------------------------------------- cells

// A number that can be written over. What is being typed stays as it is, right or wrong.
export function numberField(app, name, index, text, style, extra = "", as = name) {
  const key = `${name} ${index.join(",")}`;
  return h("input", {
    type: "text",
    class: `${CELL} ${as} ${extra}`,
    key,
    [`data-${as}`]: index.join(","),
    "aria-label": `${as}${indexText(index)}`,
    autocomplete: "off",
    spellcheck: "false",
    inputmode: "text",
    style,
    value: app.draft?.key === key ? app.draft.text : text.replace("-", "−"),
    "aria-invalid": app.draft?.key === key && !app.draft.sound ? "true" : null,
    oninput: (event) => app.type(key, name, index, event.target.value),
    onblur: () => app.settle(key),
  });
}

const column = (start, span = 2) => ({ "grid-column": `${start} / span ${span}` });
const placed = (row, start, span = 2) => ({ "grid-row": String(row), ...column(start, span) });

const outside = (term) =>
  h("span", { class: `${CELL} pad`, title: { copy: "a copy of a sample", fill: "the fill value", zero: "a zero of the padding" }[term.source] }, term.source === "zero" ? "0" : numberText(term.a));

// Every place that some window reads, by its index.
function readPlaces(trace) {
  const places = new Map();
  for (const step of trace.steps) for (const term of step.terms) places.set(term.position.join(","), term);
  return places;
}

function bounds(trace, axis) {
  const read = trace.steps.flatMap((step) => step.terms.map((term) => term.position[axis]));
  return [Math.min(0, ...read), Math.max(trace.lengths[axis].n - 1, ...read)];
}

// --------------------------------------------------------------------------- lighting up

// A cell carries what it belongs to; each product ties one x, one w and one y together.
// A tap of a layer belongs to the filter of its output.
const filterOf = (step) => (step.partials.length ? step.y.slice(0, 1) : []);

function linksOf(trace) {
  return trace.steps.flatMap((step) =>
    step.terms.filter((term) => term.product !== null).map((term) => ({ x: (term.x ?? []).join(","), w: [...filterOf(step), ...term.w].join(","), y: step.y.join(",") })),
  );
}

const KINDS = ["x", "w", "y"];
const belongs = (link, data) => KINDS.every((kind) => data[kind] === undefined || data[kind] === link[kind]);

function light(root, met) {
  for (const element of root.querySelectorAll("[data-x],[data-w],[data-y]")) {
    element.classList.toggle("lit", met.some((link) => belongs(link, element.dataset)));
  }
}

function noteOn(trace, { x, w, y }) {
  if (y !== undefined) return sentence(trace.steps.find((step) => step.y.join(",") === y));
  if (x !== undefined && w !== undefined) return `x${indexText([x])} meets w${indexText([w])}`;
  return x === undefined ? meetsText(trace, "w", w.split(",").map(Number)) : meetsText(trace, "x", x.split(",").map(Number));
}

// Pointing at a cell, or reaching it by keys, lights all that it meets and says it.
export function lighting(trace, content) {
  const links = linksOf(trace);
  const note = h("p", { class: "meets" }, "Point at a number: all that it meets lights up.");
  const root = h("div", { class: "lighting" }, ...content, note);
  const show = (event) => {
    const element = event.target.closest?.("[data-x],[data-w],[data-y]");
    light(root, element ? links.filter((link) => belongs(link, element.dataset)) : []);
    if (element) note.textContent = noteOn(trace, element.dataset);
  };
  root.addEventListener("pointerover", show);
  root.addEventListener("focusin", show);
  root.addEventListener("pointerleave", () => light(root, []));
  return root;
}

// --------------------------------------------------------------------------------- a row

function rowOfX(app, trace, low, high) {
  const places = readPlaces(trace);
  const cells = [];
  for (let p = low; p <= high; ++p) {
    const start = 2 + 2 * (p - low);
    cells.push(h("span", { class: "ruler", style: placed(1, start) }, String(p).replace("-", "−")));
    if (p >= 0 && p < trace.x.length) cells.push(numberField(app, "x", [p], app.shown.x[p], placed(2, start)));
    else if (places.has(String(p))) cells.push(withStyle(outside(places.get(String(p))), placed(2, start)));
  }
  return cells;
}

function withStyle(element, style) {
  Object.entries(style).forEach(([name, value]) => element.style.setProperty(name, value));
  return element;
}

function productCell(app, term, style) {
  const text = term.product === null ? "–" : numberText(term.product);
  const how = term.product === null ? "" : `${factorText(term.b)}·${factorText(term.a)}`;
  const data = term.product === null ? {} : { "data-x": (term.x ?? []).join(","), "data-w": term.w.join(",") };
  const moved = app.moved ? "falls" : "";
  return h("span", { class: `${CELL} product ${moved}`, style, key: `product ${term.w.join(",")}`, onpointerdown: (event) => drag(app, event), ...data }, h("small", null, how), text);
}

function rowOfWindow(app, step, low, span) {
  const start = (term) => 2 + 2 * (term.position[0] - low);
  const first = start(step.terms[0]);
  return [
    h("span", { class: "outline", key: "window", style: { "grid-row": "2 / 5", ...column(first, 2 * span) } }),
    ...step.terms.map((term) => numberField(app, "w", term.w, app.shown.w[term.w[0]], placed(3, start(term)))),
    ...step.terms.map((term) => productCell(app, term, placed(4, start(term)))),
    grip(app, step, placed(5, first, 2 * span)),
  ];
}

function yCell(app, step, style) {
  const chosen = app.state.at === app.trace.steps.indexOf(step);
  const name = step.y.join(",");
  return h(
    "button",
    { type: "button", class: `${CELL} y${chosen && app.moved ? " lands" : ""}`, key: `y ${name}`, "data-y": name, style, "aria-pressed": String(chosen), "aria-label": `y${indexText(step.y)} = ${numberText(step.value)}`, onclick: () => app.go(app.trace.steps.indexOf(step)) },
    numberText(step.value),
  );
}

function rowOfY(app, trace, low, span) {
  return trace.steps.flatMap((step, m) => {
    const start = 2 + 2 * (step.terms[0].position[0] - low) + span - 1;
    return [yCell(app, step, placed(6, start)), h("span", { class: "ruler", style: placed(7, start) }, `y[${m}]`)];
  });
}

// The taps as they stand in the window, w read from its end where it is flipped.
function labels(trace) {
  const flipped = trace.operation === "convolve" ? "w, flipped" : "w";
  return ["place", "x", flipped, "w·x", "", "y", ""].map((text, i) => h("span", { class: "side", style: { "grid-row": String(i + 1), "grid-column": "1" } }, text));
}

function stageOfRow(app, trace) {
  const [low, high] = bounds(trace, 0);
  const span = trace.lengths[0].span;
  const step = trace.steps[app.state.at];
  const places = high - low + 1;
  const width = { "--cell": `clamp(2.7rem, calc((100cqw - 5.5rem) / ${places}), 5rem)`, "grid-template-columns": `max-content repeat(${2 * places}, calc(var(--cell) / 2))` };
  const cells = [labels(trace), rowOfX(app, trace, low, high), rowOfWindow(app, step, low, span), rowOfY(app, trace, low, span)];
  return scroller("The window over x", "stage", h("div", { class: "row-stage", style: width }, cells.flat()));
}

// ---------------------------------------------------------------- the handle of the window

const KEYS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

// Which output the keys lead to: along the last axis, and up and down along the first of two.
function nextOutput(app, key) {
  const count = app.trace.steps.length;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  const [down, right] = KEYS[key] ?? [];
  if (down === undefined) return null;
  const columns = app.trace.lengths.at(-1).outputs;
  const next = app.state.at + right + down * (app.trace.lengths.length > 1 ? columns : 1);
  return next < 0 || next >= count ? app.state.at : next;
}

function grip(app, step, style) {
  const onkeydown = (event) => {
    const next = nextOutput(app, event.key);
    if (next === null) return;
    event.preventDefault();
    app.go(next);
  };
  return h(
    "div",
    {
      class: "grip", style, key: "grip", role: "slider", tabindex: "0", "aria-label": "Window: drag it, or use the arrow keys",
      "aria-valuemin": "0", "aria-valuemax": String(app.trace.steps.length - 1), "aria-valuenow": String(app.state.at), "aria-valuetext": sentence(step),
      onkeydown, onpointerdown: (event) => drag(app, event),
    },
    "◂ slide ▸",
  );
}

// The window follows the pointer: by so many cells to the right, and of a picture down.
function drag(app, event) {
  event.preventDefault();
  const { trace, state } = app;
  const cell = document.querySelector(".view .cell").getBoundingClientRect();
  const sizes = trace.lengths.map((length) => length.outputs);
  const from = sizes.length > 1 ? [Math.floor(state.at / sizes[1]), state.at % sizes[1]] : [state.at];
  const steps = trace.lengths.map((length) => length.stride);
  const move = (moved) => {
    const by = [(moved.clientY - event.clientY) / cell.height, (moved.clientX - event.clientX) / cell.width].slice(-sizes.length);
    const place = from.map((start, axis) => Math.min(Math.max(start + Math.round(by[axis] / steps[axis]), 0), sizes[axis] - 1));
    const next = place.reduce((whole, index, axis) => whole * sizes[axis] + index, 0);
    if (next !== app.state.at) app.go(next);
  };
  const end = () => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

// ----------------------------------------------------------------------------- a picture

export function grid(title, [rows, columns], cellOf, extra = []) {
  const style = { "grid-template-columns": `1.6rem repeat(${columns}, var(--cell))` };
  const rulers = [
    ...Array.from({ length: columns }, (_, c) => h("span", { class: "ruler", style: gridPlace(1, c + 2) }, String(c))),
    ...Array.from({ length: rows }, (_, r) => h("span", { class: "ruler", style: gridPlace(r + 2, 1) }, String(r))),
  ];
  const cells = Array.from({ length: rows * columns }, (_, i) => {
    const [r, c] = [Math.floor(i / columns), i % columns];
    const cell = cellOf(r, c);
    return cell && withStyle(cell, gridPlace(r + 2, c + 2));
  });
  return h("figure", { class: "grid-figure" }, h("figcaption", null, title), h("div", { class: "grid", style }, rulers, cells, extra));
}

const gridPlace = (row, col, rows = 1, columns = 1) => ({ "grid-row": `${row} / span ${rows}`, "grid-column": `${col} / span ${columns}` });

function gridOfX(app, trace, step) {
  const [[top, bottom], [left, right]] = [bounds(trace, 0), bounds(trace, 1)];
  const places = readPlaces(trace);
  const cellOf = (r, c) => {
    const [row, col] = [r + top, c + left];
    const inside = row >= 0 && row < trace.x.length && col >= 0 && col < trace.x[0].length;
    if (inside) return numberField(app, "x", [row, col], app.shown.x[row][col], {});
    const term = places.get(`${row},${col}`);
    return term ? outside(term) : null;
  };
  const [first, spans] = [step.terms[0].position, trace.lengths.map((length) => length.span)];
  const over = step.terms.map((term) =>
    h("span", { class: "tap", key: `tap ${term.w.join(",")}`, style: gridPlace(term.position[0] - top + 2, term.position[1] - left + 2) }, `·${numberText(term.b)}`),
  );
  const outline = h("span", { class: "outline", key: "window", style: gridPlace(first[0] - top + 2, first[1] - left + 2, ...spans) });
  const made = grid("x, and the taps over it", [bottom - top + 1, right - left + 1], cellOf, [outline, ...over]);
  renumber(made, top, left, bottom - top + 1, right - left + 1);
  return made;
}

// Rows and columns count from the first sample; those of the padding are negative.
export function renumber(figure, top, left, rows, columns) {
  const rulers = figure.querySelectorAll(".ruler");
  const text = (value) => String(value).replace("-", "−");
  for (let c = 0; c < columns; ++c) rulers[c].textContent = text(c + left);
  for (let r = 0; r < rows; ++r) rulers[columns + r].textContent = text(r + top);
}

function stageOfPicture(app, trace) {
  const step = trace.steps[app.state.at];
  const [rows, columns] = trace.lengths.map((length) => length.taps);
  const yShape = trace.lengths.map((length) => length.outputs);
  const flipped = trace.operation === "convolve" ? " (over x it lies turned by half a turn)" : "";
  const grids = [
    gridOfX(app, trace, step),
    grid(`w${flipped}`, [rows, columns], (r, c) => numberField(app, "w", [r, c], app.shown.w[r][c], {})),
    grid("products", [rows, columns], (r, c) => productCell(app, step.terms[r * columns + c], {})),
    grid("y", yShape, (r, c) => yCell(app, trace.steps[r * yShape[1] + c], {})),
  ];
  return scroller("The window over x", "stage", h("div", { class: "stage grids" }, grids, grip(app, step, {})));
}

// --------------------------------------------------------------------------------- both

export function stage(app) {
  const { trace } = app;
  const drawn = trace.lengths.length === 1 ? stageOfRow(app, trace) : stageOfPicture(app, trace);
  return lighting(trace, [drawn, player(app)]);
}

function player(app) {
  const last = app.trace.steps.length - 1;
  return h(
    "div",
    { class: "bar" },
    action("First", () => app.go(0)),
    action("◂ Back", () => app.go(Math.max(app.state.at - 1, 0))),
    action(app.playing ? "Pause" : "Play", () => app.play()),
    action("Ahead ▸", () => app.go(Math.min(app.state.at + 1, last))),
    action("Last", () => app.go(last)),
    h("span", { class: "count" }, `Window ${app.state.at + 1} of ${last + 1}`),
  );
}

