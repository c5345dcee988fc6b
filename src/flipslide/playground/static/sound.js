// Convolution that is heard: a sound, the echo of a room, and each sample of the sound starting
// the echo anew. Everything is made here or comes from a file of one's own.

import { action, choice, field, h } from "./dom.js";
import { convolveLong } from "./engine.js";
import { download } from "./picture.js";
import { Plot } from "./plot.js";
import { Random } from "./random.js";
import { START } from "./state.js";

const RATE = 22050;
// −12 dB: nothing that is played is louder than a quarter of what could be.
const LOUDEST = 0.25;
const LONGEST = 20 * RATE;

const noise = (random) => random.between(-1000, 1000) / 1000;
const empty = (seconds) => new Float64Array(Math.round(seconds * RATE));

function clap(seed = 1) {
  const random = new Random(seed);
  return empty(0.12).map((_, i) => noise(random) * Math.exp(-i / (0.012 * RATE)));
}

function claps() {
  const out = empty(1.6);
  [0, 0.5, 0.75, 1].forEach((second, k) => out.set(clap(k + 1), Math.round(second * RATE)));
  return out;
}

// Karplus and Strong: a burst of noise goes round and round through a mean of two.
function string(hertz, seconds, seed) {
  const random = new Random(seed);
  const period = Math.round(RATE / hertz);
  const out = empty(seconds);
  for (let i = 0; i < out.length; ++i) out[i] = i < period ? noise(random) : 0.498 * (out[i - period] + out[i - period - 1 < 0 ? 0 : i - period - 1]);
  return out;
}

function melody() {
  const out = empty(2.4);
  [220, 277.2, 329.6, 440].forEach((hertz, k) => string(hertz, 0.9, k + 5).forEach((value, i) => { out[Math.round(k * 0.4 * RATE) + i] += value * 0.6; }));
  return out;
}

function hall(seconds = 1.5) {
  const random = new Random(9);
  const out = empty(seconds).map((_, i) => 0.12 * noise(random) * Math.exp((-4 * i) / (seconds * RATE)));
  out[0] = 1;
  return out;
}

function echoes(times) {
  const out = empty(Math.max(...times.map(([second]) => second)) + 0.01);
  for (const [second, strength] of times) out[Math.round(second * RATE)] += strength;
  return out;
}

const SOUNDS = { "some claps": claps, "one clap": clap, "a melody": melody };
const ROOMS = {
  "a hall": hall,
  "a small room": () => hall(0.35),
  "an echo, three times": () => echoes([[0, 1], [0.25, 0.6], [0.5, 0.36], [0.75, 0.2]]),
  "running mean (dull)": () => new Float64Array(24).fill(1 / 24),
  "difference (thin)": () => Float64Array.from([1, -1]),
};

export const SOUND_NAMES = Object.keys(SOUNDS);
export const PLACE_NAMES = Object.keys(ROOMS);

// -------------------------------------------------------------------------------- player

const peakOf = (samples) => samples.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0);

function mixOf(own) {
  const dry = own.samples;
  return own.wet.map((value, i) => own.mix * value + (1 - own.mix) * (dry[i] ?? 0));
}

function levelled(samples) {
  const scale = LOUDEST / (peakOf(samples) || 1);
  return Float32Array.from(samples, (value) => value * scale);
}

function play(own, samples) {
  own.context ??= new AudioContext();
  own.context.resume();
  own.playing?.stop();
  const buffer = own.context.createBuffer(1, samples.length, RATE);
  buffer.copyToChannel(levelled(samples), 0);
  own.playing = own.context.createBufferSource();
  own.playing.buffer = buffer;
  own.playing.connect(own.context.destination);
  own.playing.start();
}

async function readSound(file) {
  const context = new OfflineAudioContext(1, 1, RATE);
  const buffer = await context.decodeAudioData(await file.arrayBuffer());
  return Float64Array.from(buffer.getChannelData(0).subarray(0, LONGEST));
}

// 16-bit samples in the plainest kind of file.
export function toWav(samples) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const word = (place, text) => [...text].forEach((letter, i) => view.setUint8(place + i, letter.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  word(8, "WAVEfmt ");
  [[16, 16], [24, RATE], [28, 2 * RATE]].forEach(([place, value]) => view.setUint32(place, value, true));
  [[20, 1], [22, 1], [32, 2], [34, 16]].forEach(([place, value]) => view.setUint16(place, value, true));
  word(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, i) => view.setInt16(44 + 2 * i, Math.round(Math.max(-1, Math.min(1, value)) * 32767), true));
  return view.buffer;
}

const save = (own) => download("convolved.wav", "audio/wav", toWav(levelled(mixOf(own))));

// ----------------------------------------------------------------------------------- room

const COLUMNS = 600;

// The highest and the lowest sample of each column, as editors of sound draw them.
function outline(samples, length) {
  const width = length / COLUMNS;
  const tops = [], bottoms = [];
  for (let c = 0; c < COLUMNS; ++c) {
    let [low, high] = [0, 0];
    for (let i = Math.floor(c * width); i < Math.min(Math.floor((c + 1) * width) + 1, samples.length); ++i) [low, high] = [Math.min(low, samples[i]), Math.max(high, samples[i])];
    tops.push(high);
    bottoms.push(low);
  }
  return [tops, bottoms];
}

function wave(label, samples, kind, length) {
  const peak = peakOf(samples) || 1;
  const [tops, bottoms] = outline(samples, length);
  const xs = tops.map((_, i) => i);
  return new Plot(label, [0, COLUMNS - 1], [-peak * 1.05, peak * 1.05], 640, 90).area([...xs, ...xs.toReversed()], [...tops, ...bottoms.toReversed()], kind).draw();
}

function make(own) {
  own.samples = own.sounds[own.sound]();
  own.echo = own.rooms[own.place]();
  const began = performance.now();
  own.wet = convolveLong(own.samples, own.echo);
  own.milliseconds = performance.now() - began;
}

function stateOf(app) {
  const own = (app.sound ??= { sounds: { ...SOUNDS }, rooms: { ...ROOMS } });
  const sound = app.state.sound in own.sounds ? app.state.sound : START.sound;
  const place = app.state.place in own.rooms ? app.state.place : START.place;
  own.mix = Math.min(app.state.mix, 100) / 100;
  if (own.sound !== sound || own.place !== place) make(Object.assign(own, { sound, place }));
  return own;
}

function opener(app, own, label, list, name) {
  const read = async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const samples = await readSound(file);
      own[list] = { ...own[list], [file.name]: () => samples };
      own.problem = "";
      own[name] = null;
      app.change({ [name]: file.name });
    } catch {
      own.problem = "That is no sound that this browser can read.";
      app.draw();
    }
  };
  return field(label, h("input", { type: "file", accept: "audio/*", key: label, onchange: read }));
}

export function soundRoom(app) {
  const own = stateOf(app);
  const pick = (name) => (value) => app.change({ [name]: value });
  const length = own.wet.length;
  const row = (title, samples, kind) => h("section", { class: "sound" }, h("div", { class: "controls" }, action(`Play ${title}`, () => play(own, samples)), h("span", { class: "count" }, `${(samples.length / RATE).toFixed(2)} s`)), wave(title, samples, kind, length));
  return [
    h("h1", null, "Convolution that is heard"),
    h("p", null, "Clap once in a hall, and what you record is w: how the hall answers to a single sample. Any other sound is a series of samples, each of which starts the same answer at its own time. So the sound in the hall is their convolution."),
    own.problem ? h("p", { class: "error", role: "alert" }, own.problem) : null,
    h("div", { class: "controls" }, choice("sound x", Object.keys(own.sounds), own.sound, pick("sound")), opener(app, own, "own sound", "sounds", "sound")),
    row("x, the sound", own.samples, "x"),
    h("div", { class: "controls" }, choice("room w", Object.keys(own.rooms), own.place, pick("place")), opener(app, own, "own room", "rooms", "place")),
    row("w, the room", own.echo, "w"),
    h("div", { class: "controls" }, field("mix", h("input", { type: "range", min: "0", max: "100", step: "5", key: "mix", value: String(app.state.mix), "aria-valuetext": `${app.state.mix} % of the room`, oninput: (event) => app.change({ mix: Number(event.target.value) }) })), action("Stop", () => own.playing?.stop()), action("Save as WAV", () => save(own))),
    row("y, the sound in the room", mixOf(own), "y"),
    h("p", { class: "faint" }, `${own.samples.length} samples by ${own.echo.length} in ${own.milliseconds.toFixed(0)} ms, by transforms. Played at no more than −12 dB. Nothing leaves this page.`),
  ];
}
