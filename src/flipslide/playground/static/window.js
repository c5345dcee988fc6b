// The room where a small call is taken apart: its numbers, its switches, its sides.

import { action, choice, field, h, stepper, tabs, toggle } from "./dom.js";
import { COPIES } from "./copy.js";
import { saveMoving, saveStill } from "./picture.js";
import { rowsText, otherText, sentence, sizeText, sizeWhy } from "./words.js";
import { sizeSliders } from "./size.js";
import { stage } from "./stage.js";
import { columns, graph, matrix, stamps } from "./views.js";
import { BOUNDARIES, MODES } from "./trace.js";
import { Random } from "./random.js";
import { waves } from "./waves.js";

const VIEWS = { window: stage, stamps, matrix, columns, graph, waves };
export const TABS = Object.keys(VIEWS);

const PRESETS = {
  "the example": { x: ["0", "1", "2", "3", "4"], w: ["1", "-1", "2"] },
  "a single 1": { x: ["0", "0", "1", "0", "0"], w: ["1", "-1", "2"] },
  "running mean": { x: ["3", "6", "0", "9", "3", "6"], w: ["1/3", "1/3", "1/3"] },
  "how fast it rises": { x: ["0", "1", "4", "9", "16", "25"], w: ["1", "0", "-1"] },
  echo: { x: ["4", "0", "0", "8", "0", "0"], w: ["1", "1/2", "1/4"], mode: "full" },
  "two dice": { x: ["1", "1", "1", "1", "1", "1"], w: ["1", "1", "1", "1", "1", "1"], mode: "full" },
  "a polynomial": { x: ["1", "2", "1"], w: ["1", "-1"], mode: "full" },
  "a picture": { x: [["1", "2", "0", "1"], ["0", "1", "3", "1"], ["2", "0", "1", "0"], ["1", "1", "0", "2"]], w: [["1", "2"], ["3", "4"]] },
  "an edge": { x: [["0", "0", "9", "9"], ["0", "0", "9", "9"], ["0", "0", "9", "9"], ["0", "0", "9", "9"]], w: [["1", "0", "-1"], ["2", "0", "-2"], ["1", "0", "-1"]] },
};

function textField(app, name) {
  const rows = app.state[name];
  const text = Array.isArray(rows[0]) ? rows.map((row) => row.join(" ")).join("; ") : rows.join(" ");
  const key = `all of ${name}`;
  return field(name, h("input", {
    type: "text", class: "whole", key, autocomplete: "off", spellcheck: "false", value: app.draft?.key === key ? app.draft.text : text.replaceAll("-", "−"),
    "aria-invalid": app.draft?.key === key && !app.draft.sound ? "true" : null,
    oninput: (event) => app.typeRows(key, name, event.target.value), onblur: () => app.settle(key),
  }));
}

function shuffle(app) {
  const random = new Random(Math.floor(Math.random() * 2 ** 30));
  const draw = (rows, low, high) => (Array.isArray(rows[0]) ? rows.map((row) => row.map(() => String(random.between(low, high)))) : rows.map(() => String(random.between(low, high))));
  app.change({ x: draw(app.state.x, 0, 9), w: draw(app.state.w, -3, 3) });
}

function numbers(app) {
  return h(
    "div",
    { class: "controls" },
    textField(app, "x"),
    textField(app, "w"),
    choice("example", [["", "choose …"], ...Object.keys(PRESETS)], "", (name) => name && app.change({ mode: "valid", at: 0, dy: null, target: null, ...PRESETS[name] })),
    action("Random numbers", () => shuffle(app)),
  );
}

const MODE_WORDS = { valid: "valid: whole windows", same: "same: as long as x", full: "full: every overlap" };

function switches(app) {
  const { state } = app;
  return h(
    "div",
    { class: "controls" },
    toggle("flip w", state.operation === "convolve", (on) => app.change({ operation: on ? "convolve" : "correlate" })),
    choice("mode", MODES.map((mode) => [mode, MODE_WORDS[mode]]), state.mode, (mode) => app.change({ mode })),
    choice("outside of x", Object.keys(BOUNDARIES), state.boundary, (boundary) => app.change({ boundary })),
    state.boundary === "constant" ? field("fill value", h("input", { type: "text", class: "narrow", key: "fill", value: app.draft?.key === "fill" ? app.draft.text : state.fill, oninput: (event) => app.type("fill", "fill", [], event.target.value), onblur: () => app.settle("fill") })) : null,
    stepper("stride", state.stride, 1, 8, (stride) => app.change({ stride })),
    stepper("dilation", state.dilation, 1, 6, (dilation) => app.change({ dilation })),
  );
}

function size(app) {
  const names = app.trace.lengths.length === 1 ? ["length"] : ["rows", "columns"];
  return h("section", { class: "card" }, h("h2", null, "How long is y?"), app.trace.lengths.map((length, axis) => h("p", null, h("strong", null, `${names[axis]}: `), h("span", { class: "formula" }, sizeText(length)), h("small", null, ` (n + before + after − span)/stride: ${sizeWhy(length)}`))));
}

function copies(app) {
  const kinds = [...Object.keys(COPIES), "link"];
  const kind = app.copied ?? kinds[0];
  const text = kind === "link" ? location.href : COPIES[kind](app.trace);
  const box = h("textarea", { readonly: true, rows: String(Math.min(text.split("\n").length + 1, 12)), "aria-label": `The call as ${kind}`, key: "copied" }, text);
  const copy = (event) => {
    box.select();
    navigator.clipboard?.writeText(text).then(() => (event.target.textContent = "Copied"), () => {});
  };
  return h("details", { class: "card", open: app.copied !== undefined, key: "copy", ontoggle: (event) => { app.copied = event.target.open ? kind : undefined; } },
    h("summary", null, h("h2", null, "Copy and save")),
    h("div", { class: "controls" }, choice("as", kinds, kind, (chosen) => { app.copied = chosen; app.draw(); }), action("Copy", copy), action("Save the picture (SVG)", () => saveStill(app.trace, app.state.at)), action("Save the steps (GIF)", () => saveMoving(app.trace))),
    box);
}

function results(app) {
  const { trace, state } = app;
  return h("section", { class: "card" }, h("p", { class: "line", role: "status" }, sentence(trace.steps[state.at])), h("p", null, `y = ${rowsText(trace.y)}`), h("p", { class: "faint" }, otherText(trace)));
}

export function windowRoom(app) {
  const view = VIEWS[app.state.tab] ?? stage;
  return [
    h("h1", null, "Flip, slide, multiply, add"),
    tabs("Sides of the same numbers", TABS, app.state.tab, (tab) => app.change({ tab })),
    app.error ? h("p", { class: "error", role: "alert" }, `${app.error} The picture shows the last call that could be computed.`) : null,
    h("div", { class: view === stage && app.trace.lengths.length === 1 ? "beside" : "" }, h("div", { class: "view", role: "tabpanel", "aria-label": app.state.tab }, view(app)), results(app)),
    numbers(app),
    switches(app),
    size(app),
    sizeSliders(app),
    copies(app),
  ];
}
