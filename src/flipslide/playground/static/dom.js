// Elements from plain calls, and a page that is drawn anew at every change: what has a key moves
// from where it stood to where it stands, keeps the focus, and nothing else is remembered.

const SVG = "http://www.w3.org/2000/svg";
const TWEEN = 180;

function set(element, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "style") Object.entries(value).forEach(([rule, entry]) => element.style.setProperty(rule, entry));
  else if (name === "value") element.value = value;
  else if (name === "checked" || name === "selected") element[name] = true;
  else element.setAttribute(name === "key" ? "data-key" : name, value === true ? "" : value);
}

function build(element, attributes, children) {
  const late = ["value"];
  for (const [name, value] of Object.entries(attributes ?? {})) if (!late.includes(name)) set(element, name, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  late.filter((name) => attributes && name in attributes).forEach((name) => set(element, name, attributes[name]));
  return element;
}

export const h = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

// ------------------------------------------------------------------------- drawing anew

const keyed = (root) => [...root.querySelectorAll("[data-key]")];

function placeIn(element) {
  const frame = element.closest("[data-frame]");
  if (!frame) return null;
  const [own, ground] = [element.getBoundingClientRect(), frame.getBoundingClientRect()];
  return { left: own.left - ground.left + frame.scrollLeft, top: own.top - ground.top + frame.scrollTop };
}

function remember(root) {
  const places = new Map();
  for (const element of keyed(root)) places.set(element.dataset.key, placeIn(element));
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const scrolls = [...root.querySelectorAll("[data-frame]")].map((frame) => [frame.dataset.frame, frame.scrollLeft]);
  const selection = focused && focused.matches("input[type=text]") ? [focused.selectionStart, focused.selectionEnd] : null;
  return { places, focus: focused?.dataset.key, selection, scrolls };
}

function refocus(root, { focus, selection }) {
  if (!focus) return;
  const element = keyed(root).find((candidate) => candidate.dataset.key === focus);
  element?.focus({ preventScroll: true });
  if (element && selection && element.matches("input[type=text]")) element.setSelectionRange(...selection);
}

// Where there is no room for a wide drawing.
export const isNarrow = () => matchMedia("(max-width: 40rem)").matches;

export const movesAllowed = () => !matchMedia("(prefers-reduced-motion: reduce)").matches;

function tween(root, places) {
  for (const element of keyed(root)) {
    const [before, now] = [places.get(element.dataset.key), placeIn(element)];
    if (!before || !now) continue;
    const [dx, dy] = [before.left - now.left, before.top - now.top];
    if (Math.abs(dx) + Math.abs(dy) < 1) continue;
    element.animate([{ translate: `${dx}px ${dy}px` }, { translate: "0 0" }], { duration: TWEEN, easing: "ease-out" });
  }
}

// A slider that is being dragged must not leave the page, or the drag would end: all around it is exchanged.
function exchange(old, made, kept) {
  const holds = (node) => node.nodeType === Node.ELEMENT_NODE && (node.dataset.key === kept.dataset.key || node.querySelector(`[data-key="${kept.dataset.key}"]`));
  const [branch, twin] = [[...old.childNodes].find((node) => node.contains(kept)), [...made.childNodes].find(holds)];
  if (!branch || !twin || branch.tagName !== twin.tagName) return old.replaceChildren(...made.childNodes);
  for (const name of twin.getAttributeNames()) branch.setAttribute(name, twin.getAttribute(name));
  if (branch !== kept) exchange(branch, twin, kept);
  const children = [...made.childNodes];
  const place = children.indexOf(twin);
  [...old.childNodes].forEach((node) => node === branch || node.remove());
  branch.before(...children.slice(0, place));
  branch.after(...children.slice(place + 1));
}

export function redraw(root, children) {
  const before = remember(root);
  const kept = root.contains(document.activeElement) && document.activeElement.matches("input[type=range]") ? document.activeElement : null;
  if (kept) exchange(root, h("div", null, ...children), kept);
  else root.replaceChildren(...children);
  for (const [name, left] of before.scrolls) {
    const frame = root.querySelector(`[data-frame="${name}"]`);
    if (frame) frame.scrollLeft = left;
  }
  refocus(root, before);
  if (movesAllowed()) tween(root, before.places);
}

// ------------------------------------------------------------------------------ controls

let count = 0;

export function field(label, control) {
  control.id ||= `field-${++count}`;
  return h("span", { class: "field" }, h("label", { for: control.id }, label), control);
}

export function choice(label, options, chosen, change, key = label) {
  const entries = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  const menu = h(
    "select",
    { key, onchange: (event) => change(event.target.value) },
    entries.map(([value, text]) => h("option", { value, selected: value === chosen }, text)),
  );
  return field(label, menu);
}

export function stepper(label, value, low, high, change) {
  const step = (by) => () => change(Math.min(Math.max(value + by, low), high));
  const button = (sign, by, word) =>
    h("button", { type: "button", key: `${label} ${word}`, "aria-label": `${label}: ${word}`, "aria-disabled": value + by < low || value + by > high ? "true" : null, onclick: step(by) }, sign);
  return h("span", { class: "field stepper", role: "group", "aria-label": label }, h("span", null, label), button("−", -1, "less"), h("output", null, String(value)), button("+", 1, "more"));
}

export function toggle(label, on, change) {
  return h("button", { type: "button", class: "toggle", key: label, "aria-pressed": String(on), onclick: () => change(!on) }, label);
}

export const action = (label, run, attributes = {}) =>
  h("button", { type: "button", key: label, onclick: run, ...attributes }, label);

export function tabs(label, names, chosen, change) {
  const move = (event) => {
    const at = names.indexOf(chosen);
    const next = { ArrowRight: names[(at + 1) % names.length], ArrowLeft: names.at(at - 1), Home: names[0], End: names.at(-1) }[event.key];
    if (!next) return;
    event.preventDefault();
    change(next);
    document.querySelector(`[data-key="tab ${next}"]`)?.focus();
  };
  const tab = (name) =>
    h("button", { type: "button", role: "tab", key: `tab ${name}`, "aria-selected": String(name === chosen), tabindex: name === chosen ? "0" : "-1", onclick: () => change(name) }, name);
  return h("div", { class: "tabs", role: "tablist", "aria-label": label, onkeydown: move }, names.map(tab));
}

// A part of the page that may be wider than the window: it scrolls by itself, by keys as well.
export const scroller = (label, name, ...children) =>
  h("div", { class: "scroller", role: "region", "aria-label": label, tabindex: "0", "data-frame": name }, ...children);
