// Convolution of functions: g is turned around, slides over f, and the area under their product
// is the value of the result. Both can be drawn with the pointer.

import { choice, field, h } from "./dom.js";
import { Plot, span } from "./plot.js";
import { START } from "./state.js";

const REACH = 4;
const STEP = 0.05;
const COUNT = 2 * Math.round(REACH / STEP);
// Functions are sampled in the middle of their slices, so that a jump falls between two of them;
// with t at the ends of slices, t − τ is the middle of a slice again.
const times = Array.from({ length: COUNT }, (_, i) => -REACH + (i + 0.5) * STEP);
const moments = Array.from({ length: COUNT + 1 }, (_, i) => -REACH + i * STEP);

const SHAPES = {
  box: (t) => (Math.abs(t) <= 0.5 ? 1 : 0),
  "box from 0 to 1": (t) => (t >= 0 && t <= 1 ? 1 : 0),
  triangle: (t) => Math.max(0, 1 - Math.abs(t)),
  bell: (t) => Math.exp(-t * t * 2),
  "dying away": (t) => (t < 0 ? 0 : Math.exp(-t)),
  "two pulses": (t) => (Math.abs(Math.abs(t) - 1) < 0.15 ? 1 : 0),
};

const DRAWN = "drawn";
export const SHAPE_NAMES = [...Object.keys(SHAPES), DRAWN];
export const sampled = (shape) => times.map(SHAPES[shape]);

// ∫ f(τ)·g(t − τ) dτ by slices; outside of what is drawn both are 0.
export function areaAt(f, g, t) {
  return productOf(f, g, t).reduce((total, value) => total + value, 0) * STEP;
}

function turned(g, t) {
  const shift = Math.round(t / STEP) + COUNT - 1;
  return times.map((_, i) => g[shift - i] ?? 0);
}

function productOf(f, g, t) {
  const other = turned(g, t);
  return f.map((value, i) => value * other[i]);
}

function stateOf(app) {
  const { f, g, time } = app.state;
  app.drawn ??= {};
  const valuesOf = (name, shape) => (shape === DRAWN ? (app.drawn[name] ??= sampled(START[name])) : sampled(shape));
  return { f: valuesOf("f", f), g: valuesOf("g", g), t: moments[Math.min(time, COUNT)] };
}

// Drawing: the pointer's place is a time and a height; what lies between two places is filled in.
function sketch(app, own, name, event) {
  const picture = event.currentTarget;
  let last = null;
  const put = (moved) => {
    const box = picture.getBoundingClientRect();
    const i = Math.round(((moved.clientX - box.left) / box.width) * (COUNT - 1));
    const value = Math.min(Math.max(1.5 - ((moved.clientY - box.top) / box.height) * 2, -0.5), 1.5);
    const from = last ?? [i, value];
    for (let k = Math.min(from[0], i); k <= Math.max(from[0], i); ++k) {
      const share = i === from[0] ? 1 : (k - from[0]) / (i - from[0]);
      if (k >= 0 && k < COUNT) own[name][k] = from[1] + share * (value - from[1]);
    }
    last = [i, value];
    app.drawn[name] = own[name];
    picture.replaceChildren(...curveOf(own[name], name).children);
  };
  const end = () => {
    removeEventListener("pointermove", put);
    removeEventListener("pointerup", end);
    app.change({ [name]: DRAWN });
  };
  event.preventDefault();
  own[name] = [...own[name]];
  put(event);
  addEventListener("pointermove", put);
  addEventListener("pointerup", end);
}

const curveOf = (values, name, extra) => new Plot(`${name}, to be drawn with the pointer`, [-REACH, REACH], [-0.5, 1.5], 320, 110).area(times, values, name === "f" ? "x" : "w").draw(extra);

function editor(app, own, name) {
  const options = SHAPE_NAMES.filter((shape) => shape !== DRAWN || app.drawn[name]);
  return h("div", { class: "grow" }, choice(name, options, app.state[name], (shape) => app.change({ [name]: shape })), curveOf(own[name], name, { class: "plot sketch", onpointerdown: (event) => sketch(app, own, name, event) }));
}

export function functionsRoom(app) {
  const own = stateOf(app);
  const { f, g, t } = own;
  const product = productOf(f, g, t);
  const result = moments.map((time) => areaAt(f, g, time));
  const slider = h("input", { type: "range", class: "long", min: "0", max: String(COUNT), step: "1", key: "time", value: String(app.state.time), "aria-valuetext": `t = ${t.toFixed(2)}`, oninput: (event) => app.change({ time: Number(event.target.value) }) });
  const area = areaAt(f, g, t);
  const over = new Plot("f, g turned around and moved to t, and their product filled", [-REACH, REACH], span(f, g, product)).area(times, product, "y").curve(times, f, "x").curve(times, turned(g, t), "w").line(t, 0, t, 1, "axis").draw();
  const below = new Plot("The result, and its value at t", [-REACH, REACH], span(result)).curve(moments, result, "y").line(t, 0, t, area, "stem y").dot(t, area, "y", 6).draw();
  return [
    h("h1", null, "The area under a product"),
    h("p", null, "(f ∗ g)(t) = ∫ f(τ)·g(t − τ) dτ. Turn g around, move it to t, multiply, and the area under the product is the value at t. Choose f and g, or draw them with the pointer."),
    h("div", { class: "grids" }, editor(app, own, "f"), editor(app, own, "g")),
    field("t", slider),
    h("p", { class: "line", role: "status" }, `At t = ${t.toFixed(2).replace("-", "−")} the area is ${area.toFixed(3).replace("-", "−")}.`),
    over,
    below,
    h("p", { class: "faint" }, "Above: f blue, g turned around and moved to t orange, their product filled. Below: the area for every t."),
  ];
}
