// A picture and a kernel: own photograph, webcam or the one that is drawn here; taps written,
// painted or chosen; and the window behind each pixel.

import { action, choice, field, h } from "./dom.js";
import { convolvePlane, hasCore } from "./engine.js";
import { Complex, fold, numberText, factorText, parse, toFloat } from "./number.js";
import { planOnThisMachine } from "./machine.js";
import { Random } from "./random.js";

const WIDEST = 480;
const KERNELS = {
  "leave as it is": [0, 0, 0, 0, 1, 0, 0, 0, 0],
  "mean of nine": Array(9).fill("1/9"),
  "soften (binomial)": ["1/16", "1/8", "1/16", "1/8", "1/4", "1/8", "1/16", "1/8", "1/16"],
  sharpen: [0, -1, 0, -1, 5, -1, 0, -1, 0],
  "edges from left to right (Sobel)": [1, 0, -1, 2, 0, -2, 1, 0, -1],
  "edges from top to bottom (Sobel)": [1, 2, 1, 0, 0, 0, -1, -2, -1],
  "all edges (Laplace)": [0, 1, 0, 1, -4, 1, 0, 1, 0],
  emboss: [-2, -1, 0, -1, 1, 1, 0, 1, 2],
};
// How results are shown.
const SHOWN = { "as it is, clipped to 0 … 255": (v) => v, "zero is grey": (v) => 128 + v / 2, "size only": (v) => Math.abs(v) };

export const SHOWN_NAMES = Object.keys(SHOWN);

// ------------------------------------------------------------------------------ pictures

// Hills, a disk, stripes and some noise: something for every kernel to find.
function drawnPicture(rows = 240, columns = 320) {
  const random = new Random(3);
  const pixels = new Uint8ClampedArray(rows * columns * 4);
  for (let i = 0; i < rows * columns; ++i) {
    const [r, c] = [Math.floor(i / columns), i % columns];
    const hill = 90 + 60 * Math.sin(c / 37) * Math.cos(r / 29);
    const disk = Math.hypot(r - 90, c - 95) < 55 ? 80 : 0;
    const stripes = c > 190 && r > 120 ? (Math.floor(c / 9) % 2) * 90 : 0;
    const noise = random.between(-9, 9);
    const value = hill + disk + stripes + noise;
    pixels.set([value + 20, value, value - 25, 255], 4 * i);
  }
  return { rows, columns, pixels };
}

async function readPicture(source) {
  const bitmap = await createImageBitmap(source);
  const scale = Math.min(1, WIDEST / Math.max(bitmap.width, bitmap.height));
  const [columns, rows] = [Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale))];
  const canvas = h("canvas", { width: columns, height: rows });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0, columns, rows);
  return { rows, columns, pixels: context.getImageData(0, 0, columns, rows).data };
}

function planesOf({ rows, columns, pixels }) {
  const planes = [0, 1, 2].map(() => new Float32Array(rows * columns));
  for (let i = 0; i < rows * columns; ++i) for (let channel = 0; channel < 3; ++channel) planes[channel][i] = pixels[4 * i + channel];
  return planes;
}

// ------------------------------------------------------------------------------- results

function filtered(own) {
  const { rows, columns } = own.picture;
  const taps = own.kernel.map((text) => toFloat(parse(text)));
  const planes = planesOf(own.picture);
  const began = performance.now();
  own.results = planes.map((plane) => convolvePlane(plane, rows, columns, taps, own.size, own.size));
  own.milliseconds = performance.now() - began;
  return own.results;
}

function paint(canvas, { rows, columns }, pixels) {
  canvas.width = columns;
  canvas.height = rows;
  canvas.getContext("2d").putImageData(new ImageData(pixels, columns, rows), 0, 0);
}

// Rounded and clipped to bytes, and how many pixels were clipped.
export function toPixels(planes, show) {
  const pixels = new Uint8ClampedArray(planes[0].length * 4).fill(255);
  let clipped = 0;
  for (let i = 0; i < planes[0].length; ++i) {
    let beyond = 0;
    for (let channel = 0; channel < 3; ++channel) {
      const value = show(planes[channel][i]);
      pixels[4 * i + channel] = value;
      if (value < 0 || value > 255) beyond = 1;
    }
    clipped += beyond;
  }
  return [pixels, clipped];
}

function refresh(own) {
  paint(own.source, own.picture, new Uint8ClampedArray(own.picture.pixels));
  const [pixels, clipped] = toPixels(filtered(own), SHOWN[own.shown]);
  paint(own.target, own.picture, pixels);
  own.clipped = clipped;
}

// -------------------------------------------------------------------------- one window

const clamp = (value, n) => Math.min(Math.max(value, 0), n - 1);

// The green of a pixel and its neighbours, each times the tap that lies over it.
function magnifier(own) {
  const { rows, columns, pixels } = own.picture;
  const [row, col] = [clamp(own.at[0], rows), clamp(own.at[1], columns)];
  const half = own.size >> 1;
  const value = (i, j) => pixels[4 * (clamp(row + i - half, rows) * columns + clamp(col + j - half, columns)) + 1];
  const tap = (i, j) => parse(own.kernel[(own.size - 1 - i) * own.size + own.size - 1 - j]);
  const line = Array.from({ length: own.size }, (_, i) => h("tr", null, Array.from({ length: own.size }, (_, j) => h("td", null, h("small", null, `${factorText(tap(i, j))}·`), String(value(i, j))))));
  const result = own.results[1][row * columns + col];
  return [h("p", { class: "line" }, `Row ${row}, column ${col}, green: ${value(half, half)} becomes ${numberText(Number(result.toFixed(3)))}`), h("table", { class: "numbers", "aria-label": "The window: each pixel and the tap over it" }, h("tbody", null, line))];
}

// -------------------------------------------------------------------------------- room

function stateOf(app) {
  if (!app.plane) {
    app.plane = { picture: drawnPicture(), at: [120, 160], brush: "1", source: h("canvas", { role: "img", "aria-label": "The picture" }), target: h("canvas", { role: "img", "aria-label": "The filtered picture" }) };
    for (const canvas of [app.plane.source, app.plane.target]) canvas.addEventListener("pointermove", (event) => follow(app, event));
  }
  const { kernel, shown } = app.state;
  return Object.assign(app.plane, { kernel: kernel.flat(), size: kernel.length, shown, name: nameOf(kernel.flat()) });
}

const nameOf = (kernel) => Object.keys(KERNELS).find((name) => KERNELS[name].map(String).join() === kernel.join()) ?? "";
const square = (taps) => fold(taps.map(String), [Math.sqrt(taps.length), Math.sqrt(taps.length)]);

function follow(app, event) {
  const box = event.currentTarget.getBoundingClientRect();
  const { rows, columns } = app.plane.picture;
  const [row, col] = [((event.clientY - box.top) / box.height) * rows, ((event.clientX - box.left) / box.width) * columns];
  app.plane.at = [clamp(Math.floor(row), rows), clamp(Math.floor(col), columns)];
  document.querySelector(".magnifier")?.replaceChildren(...magnifier(app.plane));
}

function put(app, i, text) {
  const value = parse(text);
  if (value === null || value instanceof Complex || !Number.isFinite(toFloat(value))) return app.draw();
  return app.change({ kernel: square(app.state.kernel.flat().with(i, text)) });
}

// Painting: the pointer leaves the brush's number in every tap that it crosses.
function brushOver(app, event) {
  if (!event.target.dataset.tap) return;
  event.preventDefault();
  const touch = (moved) => {
    const over = document.elementFromPoint(moved.clientX, moved.clientY);
    if (over?.dataset.tap !== undefined && app.state.kernel.flat()[Number(over.dataset.tap)] !== app.plane.brush) put(app, Number(over.dataset.tap), app.plane.brush);
  };
  const end = () => {
    removeEventListener("pointermove", touch);
    removeEventListener("pointerup", end);
  };
  touch(event);
  addEventListener("pointermove", touch);
  addEventListener("pointerup", end);
}

function kernelEditor(app, own) {
  const cells = own.kernel.map((text, i) => h("input", { type: "text", class: "cell w", key: `tap ${i}`, "data-tap": own.painting ? String(i) : null, "aria-label": `tap ${Math.floor(i / own.size)}, ${i % own.size}`, value: text.replace("-", "−"), onchange: (event) => put(app, i, event.target.value.trim()) }));
  const resize = (size) => app.change({ kernel: square(Array.from({ length: size ** 2 }, (_, i) => (i === (size ** 2 - 1) / 2 ? "1" : "0"))) });
  const brush = own.painting ? choice("brush", ["−2", "−1", "0", "1", "2"], own.brush.replace("-", "−"), (value) => { own.brush = value.replace("−", "-"); app.draw(); }) : null;
  const controls = h("div", { class: "controls" },
    choice("kernel", [...(own.name ? [] : [["", "own"]]), ...Object.keys(KERNELS)], own.name, (name) => name && app.change({ kernel: square(KERNELS[name]) })),
    choice("size", ["3", "5", "7"], String(own.size), resize),
    action(own.painting ? "Stop painting" : "Paint the kernel", () => { own.painting = !own.painting; app.draw(); }, { "aria-pressed": String(Boolean(own.painting)) }), brush);
  const editor = h("div", { class: `kernel${own.painting ? " painting" : ""}`, role: "group", "aria-label": "w", style: { "grid-template-columns": `repeat(${own.size}, var(--cell))` }, onpointerdown: (event) => brushOver(app, event) }, cells);
  return [editor, controls];
}

async function open(app, source) {
  try {
    app.plane.picture = await readPicture(source);
    app.plane.problem = "";
  } catch {
    app.plane.problem = "That is no picture that this browser can read.";
  }
  app.draw();
}

async function watch(app) {
  const own = app.plane;
  if (own.stream) return stopWatching(own, app);
  try {
    own.stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320 } });
  } catch {
    own.problem = "There is no camera that this page may use.";
    return app.draw();
  }
  const video = h("video", { muted: true, playsinline: true });
  video.srcObject = own.stream;
  await video.play();
  app.draw();
  return nextFrame(app, video);
}

async function nextFrame(app, video) {
  const own = app.plane;
  if (!own.stream) return;
  if (app.state.room !== "plane") return stopWatching(own, app);
  own.picture = await readPicture(video);
  refresh(own);
  requestAnimationFrame(() => nextFrame(app, video));
}

function stopWatching(own, app) {
  own.stream.getTracks().forEach((track) => track.stop());
  own.stream = null;
  app.draw();
}

function sources(app, own) {
  const file = h("input", { type: "file", accept: "image/*", key: "picture file", onchange: (event) => event.target.files[0] && open(app, event.target.files[0]) });
  return h("div", { class: "controls" }, field("own picture", file), action(own.stream ? "Stop the webcam" : "Webcam", () => watch(app)), choice("shown", Object.keys(SHOWN), own.shown, (shown) => app.change({ shown })));
}

function drop(app, event) {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) open(app, file);
}

function places(app, own) {
  const slider = (name, axis, count) => field(name, h("input", { type: "range", min: "0", max: String(count - 1), key: `place ${name}`, value: String(clamp(own.at[axis], count)), oninput: (event) => { own.at[axis] = Number(event.target.value); app.draw(); } }));
  return h("div", { class: "controls" }, slider("row", 0, own.picture.rows), slider("column", 1, own.picture.columns));
}

export function planeRoom(app) {
  const own = stateOf(app);
  refresh(own);
  const { rows, columns } = own.picture;
  const [editor, controls] = kernelEditor(app, own);
  return [
    h("h1", null, "A picture and a kernel"),
    own.problem ? h("p", { class: "error", role: "alert" }, own.problem) : null,
    h("div", { class: "grids", ondragover: (event) => event.preventDefault(), ondrop: (event) => drop(app, event) }, h("figure", { class: "grid-figure" }, h("figcaption", null, "x (drop a picture here)"), own.source), h("figure", { class: "grid-figure" }, h("figcaption", null, "w"), editor), h("figure", { class: "grid-figure" }, h("figcaption", null, "y"), own.target)),
    controls,
    h("p", { class: "faint" }, `${columns} × ${rows} pixels in three colours by ${own.size} × ${own.size} taps: ${own.milliseconds.toFixed(1)} ms ${hasCore() ? "with the library's own core" : "in a plain loop"}. ${own.clipped} pixels beyond 0 … 255 are clipped where they are shown. Nothing leaves this page.`),
    sources(app, own),
    places(app, own),
    h("div", { class: "magnifier" }, magnifier(own)),
    planOnThisMachine([rows, columns], [own.size, own.size]),
  ];
}
