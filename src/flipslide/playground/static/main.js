// The page: which room is open, what state it is in, and drawing it anew when that changes.

import { action, h, redraw } from "./dom.js";
import { at, fold, mapNested, parse, shapeOf } from "./number.js";
import { openFromPage } from "./engine.js";
import { SHAPE_NAMES, functionsRoom } from "./functions.js";
import { layerRoom } from "./layer.js";
import { SHOWN_NAMES, planeRoom } from "./plane.js";
import { PLACE_NAMES, SOUND_NAMES, soundRoom } from "./sound.js";
import { quizRoom } from "./quiz.js";
import { LEVEL_NAMES } from "./exercises.js";
import { History, START, fromAddress, readRows, toAddress } from "./state.js";
import { BOUNDARIES, MODES, TraceError, makeTrace } from "./trace.js";
import { TABS, windowRoom } from "./window.js";

const ROOMS = { window: ["Window", windowRoom], layer: ["Layer", layerRoom], plane: ["Picture", planeRoom], sound: ["Sound", soundRoom], functions: ["Functions", functionsRoom], exercises: ["Exercises", quizRoom] };
const ALLOWED = { room: Object.keys(ROOMS), mode: MODES, boundary: Object.keys(BOUNDARIES), operation: ["convolve", "correlate"], tab: TABS, level: LEVEL_NAMES, shown: SHOWN_NAMES, sound: SOUND_NAMES, place: PLACE_NAMES, f: SHAPE_NAMES, g: SHAPE_NAMES };
const PAUSE = 900;

class App {
  constructor(root, nav) {
    this.root = root;
    this.nav = nav;
    this.history = new History(this.read());
    this.follow();
  }

  get state() {
    return this.history.now;
  }

  read() {
    const state = fromAddress(location.hash, parse, ALLOWED);
    return { ...state, room: state.room in ROOMS ? state.room : START.room };
  }

  get settings() {
    const { mode, operation, boundary, fill, stride, dilation } = this.state;
    return { mode, operation, boundary, fill: parse(fill), stride: Math.min(Math.max(stride, 1), 8), dilation: Math.min(Math.max(dilation, 1), 6) };
  }

  // What the state means, or why it means nothing; then the last trace and its numbers stay.
  compute() {
    try {
      const { x, w } = this.state;
      this.trace = makeTrace(mapNested(x, parse), mapNested(w, parse), this.settings);
      this.shown = { x, w };
      this.error = null;
    } catch (error) {
      if (!(error instanceof TraceError)) throw error;
      this.error = `${error.message}.`;
      if (!this.trace) this.begin();
    }
  }

  begin() {
    this.shown = { x: START.x, w: START.w };
    this.trace = makeTrace(mapNested(START.x, parse), mapNested(START.w, parse));
  }

  follow() {
    this.compute();
    const count = this.trace.steps.length;
    if (this.state.at >= count) this.history.now = { ...this.state, at: count - 1 };
    this.draw();
  }

  change(patch) {
    this.history.push({ ...this.state, ...patch });
    this.follow();
    this.save();
  }

  save() {
    try {
      history.replaceState(null, "", toAddress(this.state));
    } catch {
      // A page that is shown inside another one may not have an address of its own.
    }
  }

  // Only a step that was asked for moves; what is typed stands where it is.
  go(m) {
    this.moved = m !== this.state.at;
    this.change({ at: m });
    this.moved = false;
  }

  undo(which) {
    this.history[which]();
    this.follow();
    this.save();
  }

  play() {
    this.playing = !this.playing;
    clearTimeout(this.timer);
    if (this.playing) this.advance();
    else this.draw();
  }

  advance() {
    const last = this.trace.steps.length - 1;
    this.go(this.state.at >= last ? 0 : this.state.at + 1);
    this.playing = this.state.at < last;
    if (this.playing) this.timer = setTimeout(() => this.advance(), PAUSE);
    this.draw();
  }

  // One number is being typed. It counts as soon as it is one.
  type(key, name, index, text) {
    const sound = parse(text) !== null;
    this.draft = { key, text, sound };
    if (!sound) return this.draw();
    return this.change({ [name]: index.length ? this.replaced(name, index, text.trim()) : text.trim() });
  }

  replaced(name, index, text) {
    const rows = (name in this.shown ? this.shown : this.state)[name] ?? fold(this.trace.steps.map(() => "1"), [this.trace.steps.length]);
    const copy = mapNested(rows, (entry) => entry);
    at(copy, index.slice(0, -1))[index.at(-1)] = text;
    return copy;
  }

  typeRows(key, name, text) {
    const rows = readRows(text, parse);
    this.draft = { key, text, sound: rows !== null };
    if (rows === null) return this.draw();
    return this.change({ [name]: rows, dy: null, target: null, ...this.matching(name, rows) });
  }

  // A picture needs a picture of taps, and a row a row.
  matching(name, rows) {
    const [other, axes] = [name === "x" ? "w" : "x", shapeOf(rows).length];
    if (shapeOf(this.state[other]).length === axes) return {};
    return { [other]: axes === 2 ? [this.state[other]].flat(1).map((entry) => [entry].flat()) : [this.state[other]].flat(2) };
  }

  settle(key) {
    if (this.draft?.key !== key) return;
    this.draft = null;
    setTimeout(() => this.draw());
  }

  draw() {
    redraw(this.nav, this.menu());
    redraw(this.root, ROOMS[this.state.room][1](this).flat(Infinity).filter(Boolean));
    document.body.classList.toggle("bare", this.state.bare === 1);
    document.title = `${ROOMS[this.state.room][0]} · flipslide`;
  }

  menu() {
    const link = ([name, [title]]) => h("a", { href: `#/${name}`, key: `room ${name}`, "aria-current": name === this.state.room ? "page" : null, onclick: (event) => { event.preventDefault(); this.change({ room: name }); } }, title);
    return [
      h("nav", { "aria-label": "Rooms" }, Object.entries(ROOMS).map(link)),
      h("div", { class: "bar" },
        action("Undo", () => this.undo("back"), { "aria-disabled": this.history.past.length ? null : "true" }),
        action("Redo", () => this.undo("forth"), { "aria-disabled": this.history.future.length ? null : "true" })),
    ];
  }
}

// A page around this one may say which theme it has, and is told how much room is needed.
const around = window.parent === window ? null : window.parent;
addEventListener("message", ({ source, data }) => {
  if (source === around && ["light", "dark"].includes(data?.theme)) document.documentElement.dataset.theme = data.theme;
});
if (around) new ResizeObserver(() => around.postMessage({ height: document.documentElement.offsetHeight }, "*")).observe(document.documentElement);

// On paper the key of a sheet stands on a page of its own.
addEventListener("beforeprint", () => document.querySelectorAll("details.key").forEach((key) => { key.open = true; }));

const app = new App(document.querySelector("main"), document.querySelector("#menu"));
addEventListener("hashchange", () => {
  app.history.push(app.read());
  app.follow();
});
addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target.matches("input, textarea")) return;
  event.preventDefault();
  app.undo(event.shiftKey ? "forth" : "back");
});
// The core is ready a moment later than the page; what was computed without it stays right.
openFromPage(document.querySelector("#core")).then(() => app.state.room === "plane" && app.draw(), () => {});
