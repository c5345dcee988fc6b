// The other sides of the same numbers: stamps, the matrix, the columns, and the graph that is
// walked back.

import { action, h, isNarrow, s, scroller } from "./dom.js";
import { add, factorText, flatten, fold, mapNested, multiply, numberText, parse, shapeOf, sourceText, sum, toFloat, isZero } from "./number.js";
import { numberField, lighting } from "./stage.js";
import { gradientsOf, makeTrace } from "./trace.js";
import { indexText, rowsText } from "./words.js";

const MOST = 1500;
const tooLarge = (what) => h("p", null, `${what} is too large to be drawn; take a smaller x or w.`);
const samplesOf = (trace) => flatten(trace.x);

function samples(trace) {
  const shape = shapeOf(trace.x);
  return flatten(trace.x).map((value, i) => ({ value, index: indexOf(i, shape) }));
}

function indexOf(i, shape) {
  return shape.length === 1 ? [i] : [Math.floor(i / shape[1]), i % shape[1]];
}

const same = (a, b) => a !== null && a.join(",") === b.join(",");

// ------------------------------------------------------------------------------- stamps

function stampRow(trace, { value, index }) {
  const cells = trace.steps.map((step) => {
    const terms = step.terms.filter((term) => same(term.x, index));
    const text = terms.map((term) => `${factorText(term.b)}·${factorText(term.a)}`).join(" + ");
    return h("td", terms.length ? { class: "stamp", "data-x": index.join(","), "data-w": terms[0].w.join(",") } : null, text && h("small", null, text), text && numberText(sum(terms.map((term) => term.product))));
  });
  return h("tr", null, h("th", { scope: "row", class: "x", "data-x": index.join(",") }, `x${indexText(index)} = ${numberText(value)}`), cells);
}

// Each sample stamps its own copy of w into y; the columns add up.
export function stamps(app) {
  const { trace } = app;
  if (trace.steps.length * samplesOf(trace).length > MOST) return tooLarge("The table");
  const head = h("tr", null, h("td", null), trace.steps.map((step) => h("th", { scope: "col" }, `y${indexText(step.y)}`)));
  const total = h("tr", { class: "total" }, h("th", { scope: "row" }, "sum"), trace.steps.map((step) => h("td", { class: "y", "data-y": step.y.join(",") }, numberText(step.value))));
  const text = "Each sample starts its own copy of w, times the sample. Where copies overlap they add: read a column from top to bottom, and the taps come in reverse. That is the flip.";
  const table = h("table", { class: "numbers" }, h("thead", null, head), h("tbody", null, samples(trace).map((sample) => stampRow(trace, sample)), total));
  return lighting(trace, [h("p", null, text), scroller("Stamps", "stamps", table)]);
}

// ------------------------------------------------------------------------------- matrix

function matrixRow(app, step, all, m) {
  const cells = all.map(({ index }) => {
    const terms = step.terms.filter((term) => same(term.x, index));
    return h("td", terms.length ? { class: "w", "data-w": terms[0].w.join(","), "data-x": null } : { class: "nothing" }, terms.length ? numberText(sum(terms.map((term) => term.b))) : "0");
  });
  const chosen = m === app.state.at ? { class: "chosen" } : null;
  return h("tr", chosen, h("th", { scope: "row" }, `row ${m}`), cells, h("td", { class: "gap" }, "→"), h("td", { class: "y", "data-y": step.y.join(",") }, numberText(step.value)));
}

function constantsOf(trace) {
  const given = trace.steps.some((step) => step.terms.some((term) => term.source === "fill" && !isZero(term.a)));
  return given ? " The fill value adds a constant that is not in the matrix." : "";
}

// y = T·x: the taps stand in every row, moved on by the stride.
export function matrix(app) {
  const { trace } = app;
  const all = samples(trace);
  if (trace.steps.length * all.length > MOST) return tooLarge("The matrix");
  const head = h("tr", null, h("th", { scope: "row" }, "x"), all.map(({ value, index }) => h("th", { scope: "col", class: "x", "data-x": index.join(",") }, numberText(value))), h("td", null), h("th", { scope: "col" }, "y"));
  const rows = trace.steps.map((step, m) => matrixRow(app, step, all, m));
  const text = `y = T·x. Each row of T holds the taps where the window stands; multiply it by x, which lies above, and add.${constantsOf(trace)} The gradient goes back through the same matrix, turned: dx = Tᵀ·dy.`;
  const table = h("table", { class: "numbers matrix" }, h("thead", null, head), h("tbody", null, rows));
  return lighting(trace, [h("p", null, text), scroller("Matrix", "matrix", table)]);
}

// ------------------------------------------------------------------------------ columns

// Every window as a column: the taps as a row times the columns are y.
export function columns(app) {
  const { trace } = app;
  const { terms } = trace.steps[0];
  if (trace.steps.length * terms.length > MOST) return tooLarge("The matrix of columns");
  const valueOf = (term) => (term.source === "zero" ? "0" : numberText(term.a));
  const row = (_, t) =>
    h("tr", null, h("th", { scope: "row", class: "w", "data-w": terms[t].w.join(",") }, numberText(terms[t].b)), trace.steps.map((step, m) => {
      const term = step.terms[t];
      const data = term.x === null ? {} : { "data-x": term.x.join(",") };
      return h("td", { class: `${term.source === "sample" ? "x" : "pad"}${m === app.state.at ? " chosen" : ""}`, ...data }, valueOf(term));
    }));
  const head = h("tr", null, h("th", { scope: "row" }, "taps"), trace.steps.map((step, m) => h("th", { scope: "col" }, `window ${m}`)));
  const total = h("tr", { class: "total" }, h("th", { scope: "row" }, "y"), trace.steps.map((step) => h("td", { class: "y", "data-y": step.y.join(",") }, numberText(step.value))));
  const used = trace.steps.length * terms.length;
  const text = `Each window of x is copied into a column. The taps, laid as a row, times these columns are y: one product of matrices. ${used} numbers for the ${samplesOf(trace).length} of x.`;
  const table = h("table", { class: "numbers" }, h("thead", null, head), h("tbody", null, terms.map(row), total));
  return lighting(trace, [h("p", null, text), scroller("Columns", "columns", table)]);
}

// -------------------------------------------------------------------------------- graph

const NODES = { rx: 6, height: 30, gap: 40 };
const LETTER = 7;

// The middles of the columns of nodes, and how wide each is: as wide as its longest label, and where there is room apart.
function columnsOf(labels) {
  const widths = labels.map((column) => Math.max(...column.map((label) => label.length * LETTER + 14), 44));
  const gap = isNarrow() ? 22 : 88;
  const lefts = widths.reduce((places, width) => [...places, places.at(-1) + width + gap], [4]);
  return { widths, middles: widths.map((width, i) => lefts[i] + width / 2), whole: lefts.at(-1) - gap + 4 };
}

function node(kind, [x, width], y, label, gradient, lit) {
  return s("g", { class: `node ${kind === "×" ? "product" : kind}${lit ? " lit" : ""}` },
    s("rect", { x: x - width / 2, y: y - NODES.height / 2, width, height: NODES.height, rx: NODES.rx }),
    s("text", { x, y: y - 2, "text-anchor": "middle" }, label),
    gradient === null ? null : s("text", { x, y: y + 11, "text-anchor": "middle", class: "gradient" }, gradient));
}

function edge(from, to, lit) {
  return s("path", { class: `edge${lit ? " lit" : ""}`, d: `M${from[0]} ${from[1]}C${(from[0] + to[0]) / 2} ${from[1]} ${(from[0] + to[0]) / 2} ${to[1]} ${to[0]} ${to[1]}` });
}

function spread(count, height) {
  return Array.from({ length: count }, (_, i) => ((i + 0.5) * height) / count);
}

function layout(trace) {
  const products = trace.steps.flatMap((step, m) => step.terms.filter((term) => term.product !== null).map((term) => ({ term, m })));
  const inputs = [...samples(trace).map((entry) => ({ ...entry, kind: "x" })), ...flatten(trace.w).map((value, i) => ({ value, kind: "w", index: indexOf(i, shapeOf(trace.w)) }))];
  const height = NODES.gap * Math.max(products.length, inputs.length);
  return { products, inputs, height, inputY: spread(inputs.length, height), productY: spread(products.length, height), sumY: spread(trace.steps.length, height) };
}

const named = (name, index, value) => `${name}${indexText(index)} = ${numberText(value)}`;
const dText = (value) => `d = ${numberText(value)}`;

function drawGraph(app, gradients) {
  const { trace } = app;
  const { products, inputs, height, inputY, productY, sumY } = layout(trace);
  const given = [...flatten(gradients.dx), ...flatten(gradients.dw)];
  const dy = flatten(gradients.dy);
  const isChosen = (m) => m === app.state.at;
  const labels = [
    inputs.map(({ kind, index, value }) => named(kind, index, value)),
    products.map(({ term }) => named("×", null, term.product)),
    trace.steps.map((step) => named("y", step.y, step.value)),
    [named("L", null, gradients.loss)],
  ];
  const { widths, middles, whole } = columnsOf(labels);
  const [left, right] = [(c) => middles[c] - widths[c] / 2, (c) => middles[c] + widths[c] / 2];
  const placeOf = (kind, index) => inputs.findIndex((entry) => entry.kind === kind && same(entry.index, index));
  const edges = products.flatMap(({ term, m }, i) => {
    const ends = [["x", term.x], ["w", term.w]].filter(([, index]) => index !== null);
    return [...ends.map(([kind, index]) => edge([right(0), inputY[placeOf(kind, index)]], [left(1), productY[i]], isChosen(m))), edge([right(1), productY[i]], [left(2), sumY[m]], isChosen(m))];
  });
  const ends = trace.steps.map((_, m) => edge([right(2), sumY[m]], [left(3), height / 2], isChosen(m)));
  const at = (c) => [middles[c], widths[c]];
  const nodes = [
    ...inputs.map(({ kind }, i) => node(kind, at(0), inputY[i], labels[0][i], dText(given[i]), false)),
    ...products.map(({ m }, i) => node("×", at(1), productY[i], labels[1][i], dText(dy[m]), isChosen(m))),
    ...trace.steps.map((_, m) => node("y", at(2), sumY[m], labels[2][m], dText(dy[m]), isChosen(m))),
    node("L", at(3), height / 2, labels[3][0], "d = 1", false),
  ];
  const drawn = s("svg", { class: "graph", viewBox: `0 0 ${whole} ${height}`, role: "img", "aria-label": "The computation graph: x and w, their products, the sums y, and L", style: { "--natural": `${whole}px` } }, edges, ends, nodes);
  return scroller("Graph", "graph", drawn);
}

// dw[0] = 2·1 + 3·1 + 4·1 = 9, for every tap and every sample
function gradientLines(trace, gradients) {
  const weights = flatten(gradients.dy);
  const line = (kind, index, value) => {
    const met = trace.steps.flatMap((step, m) => step.terms.filter((term) => term.product !== null && same(term[kind], index)).map((term) => `${factorText(kind === "x" ? term.b : term.a)}·${factorText(weights[m])}`));
    return h("li", null, `d${kind}${indexText(index)} = ${met.length ? `${met.join(" + ")} = ` : ""}${numberText(value)}`);
  };
  const list = (kind, nested) => flatten(nested).map((value, i) => line(kind, indexOf(i, shapeOf(nested)), value));
  return h("div", { class: "gradient-lines" }, h("div", null, h("h2", { class: "small" }, "dw: the sample that the tap met, times dy"), h("ul", null, list("w", gradients.dw))), h("div", null, h("h2", { class: "small" }, "dx: the tap that the sample met, times dy"), h("ul", null, list("x", gradients.dx))));
}

const onesLike = (y) => flatten(y).map(() => "1");

function dyOf(app) {
  const count = app.trace.steps.length;
  const texts = app.state.dy && flatten(app.state.dy).length === count ? flatten(app.state.dy) : onesLike(app.trace.y);
  return texts;
}

export function graph(app) {
  const { trace } = app;
  const texts = dyOf(app);
  const products = trace.steps.length * flatten(trace.w).length;
  if (products > 60) return [tooLarge("The graph"), learning(app)];
  const gradients = gradientsOf(trace.steps, trace.x, trace.w, null, fold(texts.map(parse), shapeOf(trace.y)));
  const fields = texts.map((text, m) => h("span", { class: "stack" }, numberField(app, "dy", [m], text, {}, "gradient"), h("small", null, `dy${indexText(trace.steps[m].y)}`)));
  return [
    h("p", null, "L = Σ dy·y. Each product hands back dy times its other factor; where arrows leave a number several times, what comes back adds up."),
    h("div", { class: "fields", role: "group", "aria-label": "dy" }, fields),
    drawGraph(app, gradients),
    gradientLines(trace, gradients),
    learning(app),
  ];
}

// ----------------------------------------------------------------------------- learning

const SMALL = 1e-6;

const asFloats = (nested) => mapNested(nested, toFloat);

function lossOf(y, target) {
  return flatten(y).reduce((total, value, m) => total + (value - target[m]) ** 2 / 2, 0);
}

// One step downhill on L = ½ Σ (y − target)²: dy = y − target, and w moves against dw.
export function descend(x, w, target, settings, rate) {
  const trace = makeTrace(x, w, settings);
  const errors = flatten(trace.y).map((value, m) => value - target[m]);
  const { dw } = gradientsOf(trace.steps, trace.x, trace.w, null, fold(errors, shapeOf(trace.y)));
  const steps = flatten(dw);
  return fold(flatten(trace.w).map((tap, j) => add(tap, multiply(-rate, steps[j]))), shapeOf(trace.w));
}

// The longest step that cannot overshoot: 1/Σ x² over all terms bounds the curvature.
function safeRate(trace) {
  const squares = trace.steps.map((step) => step.terms.reduce((total, term) => total + toFloat(term.a) ** 2, 0));
  return 1 / Math.max(squares.reduce((a, b) => a + b, 0), 1e-9);
}

function learn(app, count) {
  const x = asFloats(app.trace.x);
  const target = app.state.target.map((text) => toFloat(parse(text)));
  let w = asFloats(app.trace.w);
  const losses = [];
  const rate = safeRate(app.trace);
  const measureLoss = () => lossOf(makeTrace(x, w, app.settings).y, target);
  losses.push(measureLoss());
  for (let i = 0; i < count && losses.at(-1) > SMALL; ++i) {
    w = descend(x, w, target, app.settings, rate);
    losses.push(measureLoss());
  }
  app.losses = [...(app.losses ?? []), ...losses].slice(-400);
  app.change({ w: mapNested(w, (tap) => sourceText(Math.round(tap * 1e9) / 1e9)) });
}

function lossCurve(losses) {
  const logs = losses.map((loss) => Math.log10(Math.max(loss, 1e-9)));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const points = logs.map((log, i) => `${10 + (i * 280) / Math.max(logs.length - 1, 1)},${10 + (70 * (high - log)) / (high - low || 1)}`);
  return s("svg", { class: "curve", viewBox: "0 0 300 90", role: "img", "aria-label": `L fell from ${losses[0].toPrecision(3)} to ${losses.at(-1).toPrecision(3)}` }, s("polyline", { points: points.join(" ") }));
}

function learning(app) {
  const { trace } = app;
  const count = trace.steps.length;
  const isComplex = [...flatten(trace.x), ...flatten(trace.w)].some((value) => typeof value === "object" && "real" in value);
  if (isComplex) return null;
  const target = app.state.target?.length === count ? app.state.target : null;
  if (!target) return h("section", { class: "learn" }, h("h2", { class: "small" }, "Learn taps"), h("p", null, "Keep today's y as the target, change w, and let the gradient find the taps again."), action("Keep y as the target", () => app.change({ target: flatten(trace.y).map((value) => sourceText(value)) })));
  const loss = lossOf(asFloats(trace.y), target.map((text) => toFloat(parse(text))));
  return h(
    "section",
    { class: "learn" },
    h("h2", { class: "small" }, "Learn taps"),
    h("p", null, `Target: ${rowsText(target.map(parse))}. L = ½ Σ (y − target)² = ${loss.toPrecision(4)}. A step moves w against its gradient.`),
    h("div", { class: "bar" }, action("Forget w", () => app.change({ w: mapNested(app.state.w, () => "0.0") })), action("One step", () => learn(app, 1)), action("100 steps", () => learn(app, 100)), action("Put y − target into dy", () => app.change({ dy: flatten(trace.y).map((value, m) => sourceText(add(value, multiply(-1n, parse(target[m]))))) })), action("No target", () => { app.losses = []; app.change({ target: null }); })),
    app.losses?.length > 1 ? lossCurve(app.losses) : null,
  );
}

