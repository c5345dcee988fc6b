// Why a transform is allowed: a wave that goes through w stays a wave, and what a transform
// multiplies is convolution on a circle.

import { choice, field, h, scroller } from "./dom.js";
import { convolveSignals } from "./fourier.js";
import { parse, toFloat } from "./number.js";
import { Plot, span } from "./plot.js";
import { START } from "./state.js";

const LENGTH = 32;

// The rows of the page where they are real rows, else those of the beginning.
function rowsOf(app) {
  const { x, w } = isReal(app) ? app.state : START;
  return [x, w].map((row) => row.map((text) => toFloat(parse(text))));
}

const isReal = ({ state: { x, w } }) => [...x, ...w].every((value) => !Array.isArray(value) && Number.isFinite(toFloat(parse(value))));

// What a wave of f turns per sample is multiplied by: Σ w[j]·exp(−2πi·f·j).
export function response(w, f) {
  const angles = w.map((_, j) => -2 * Math.PI * f * j);
  return [w.reduce((total, tap, j) => total + tap * Math.cos(angles[j]), 0), w.reduce((total, tap, j) => total + tap * Math.sin(angles[j]), 0)];
}

const short = (value) => String(Number(value.toFixed(3))).replace("-", "−");

function arrow(w, [real, imag]) {
  const reach = w.reduce((total, tap) => total + Math.abs(tap), 0) || 1;
  const all = Array.from({ length: 129 }, (_, i) => response(w, i / 256));
  const plot = new Plot("The complex number that the wave is multiplied by", [-reach * 1.1, reach * 1.1], [-reach * 1.1, reach * 1.1], 240, 240);
  plot.line(0, -reach * 1.1, 0, reach * 1.1, "axis").curve(all.map(([x]) => x), all.map(([, y]) => y), "faint");
  return plot.line(0, 0, real, imag, "stem w").dot(real, imag, "w", 6).draw({ class: "plot square" });
}

function waveSection(app, w) {
  const f = Math.min(app.state.frequency, LENGTH / 2);
  const wave = Array.from({ length: LENGTH }, (_, n) => Math.cos((2 * Math.PI * f * n) / LENGTH));
  const through = wave.map((_, n) => w.reduce((total, tap, j) => total + tap * wave[(((n - j) % LENGTH) + LENGTH) % LENGTH], 0));
  const [real, imag] = response(w, f / LENGTH);
  const size = Math.hypot(real, imag);
  const angle = size < 1e-9 ? 0 : (Math.atan2(imag, real) * 180) / Math.PI;
  const slider = h("input", { type: "range", min: "0", max: "16", step: "1", key: "frequency", value: String(f), "aria-valuetext": `${f} turns in ${LENGTH} samples`, oninput: (event) => app.change({ frequency: Number(event.target.value) }) });
  const place = Array.from({ length: LENGTH }, (_, n) => n);
  const [low, high] = span(wave, through);
  const plot = new Plot("The wave before and after", [-0.5, LENGTH - 0.5], [low, high]).curve(place, wave, "x").stems(wave, "x").curve(place, through, "y").stems(through, "y").draw();
  return h("section", { class: "card" }, h("h2", null, "A wave goes through w"), h("p", null, "Drag a wave through w. It comes out as the same wave, only stronger or weaker and shifted. So all that w does to this wave is one number with a length and an angle."),
    field("turns in 32 samples", slider), h("p", { class: "line", role: "status" }, `${f} turns: ${short(size)} times as strong, turned by ${short(angle)}°. The number is ${short(real)} ${imag < 0 ? "−" : "+"} ${short(Math.abs(imag))}i.`),
    h("div", { class: "grids" }, h("div", { class: "grow" }, plot), arrow(w, [real, imag])), h("p", { class: "faint" }, "Blue: the wave. Green: what comes out. Right: the number as an arrow; the thin line is its path over all waves."));
}

// The full result, wound around a circle of n places: what stands beyond n − 1 comes again from 0.
export function wind(full, n) {
  const circle = Array(n).fill(0);
  full.forEach((value, i) => { circle[i % n] += value; });
  return circle;
}

function circleTable(full, n) {
  const laps = Array.from({ length: Math.ceil(full.length / n) }, (_, lap) => full.slice(lap * n, (lap + 1) * n));
  const circle = wind(full, n);
  const cells = (values, kind) => Array.from({ length: n }, (_, i) => h("td", { class: values[i] === undefined ? "nothing" : kind }, values[i] === undefined ? "" : short(values[i])));
  const head = h("tr", null, h("th", { scope: "row" }, "place"), Array.from({ length: n }, (_, i) => h("th", { scope: "col" }, String(i))));
  const rows = laps.map((values, lap) => h("tr", null, h("th", { scope: "row" }, lap ? `lap ${lap + 1}` : "full result"), cells(values, "x")));
  const total = h("tr", { class: "total" }, h("th", { scope: "row" }, "on the circle"), cells(circle, "y"));
  return scroller("The circle", "circle", h("table", { class: "numbers" }, h("thead", null, head), h("tbody", null, rows, total)));
}

function circleSection(app, x, w) {
  const full = Array.from(convolveSignals(x, w), (value) => Number(value.toFixed(9)));
  const lengths = Array.from({ length: full.length - x.length + 1 }, (_, i) => String(x.length + i));
  const n = Math.min(Math.max(app.state.circle, x.length), full.length);
  const fits = n === full.length;
  return h("section", { class: "card" }, h("h2", null, "A circle instead of a line"), h("p", null, "A transform of n numbers takes them to stand on a circle, where after the last place comes the first again. Multiplying two spectra convolves on that circle. If it is too short, the end of the result lands on its beginning; long enough, and nothing meets."),
    choice("places on the circle", lengths, String(n), (value) => app.change({ circle: Number(value) })), circleTable(full, n),
    h("p", { class: "line" }, fits ? `${n} = ${x.length} + ${w.length} − 1 places: exactly the full convolution.` : `${n} places: ${full.length - n} of the ${full.length} numbers of the full result wrap around and spoil what stands there.`));
}

export function waves(app) {
  const [x, w] = rowsOf(app);
  const text = `Why the FFT is allowed, with x = ${x.map(short).join(" ")} and w = ${w.map(short).join(" ")}${isReal(app) ? "" : ", because the numbers of this page are no two rows of real ones"}.`;
  return [h("p", null, text), waveSection(app, w), circleSection(app, x, w)];
}
