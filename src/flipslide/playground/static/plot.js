// Curves, stems and arrows in SVG.

import { s } from "./dom.js";

export class Plot {
  constructor(label, [left, right], [low, high], width = 640, height = 180) {
    Object.assign(this, { label, left, right, low, high, width, height, items: [] });
    this.line(left, 0, right, 0, "axis");
  }

  x(value) {
    return 8 + ((value - this.left) / (this.right - this.left)) * (this.width - 16);
  }

  y(value) {
    return this.height - 8 - ((value - this.low) / (this.high - this.low)) * (this.height - 16);
  }

  line(x1, y1, x2, y2, kind) {
    this.items.push(s("line", { class: kind, x1: this.x(x1), y1: this.y(y1), x2: this.x(x2), y2: this.y(y2) }));
    return this;
  }

  points(xs, ys) {
    return Array.from(xs, (x, i) => `${this.x(x).toFixed(1)},${this.y(ys[i]).toFixed(1)}`).join(" ");
  }

  curve(xs, ys, kind) {
    this.items.push(s("polyline", { class: `curve-line ${kind}`, points: this.points(xs, ys) }));
    return this;
  }

  area(xs, ys, kind) {
    const ends = `${this.x(xs[0])},${this.y(0)} ${this.points(xs, ys)} ${this.x(xs.at(-1))},${this.y(0)}`;
    this.items.push(s("polygon", { class: `area ${kind}`, points: ends }));
    return this;
  }

  stems(ys, kind) {
    Array.from(ys).forEach((y, i) => {
      this.line(i, 0, i, y, `stem ${kind}`);
      this.dot(i, y, kind);
    });
    return this;
  }

  dot(x, y, kind, radius = 4) {
    this.items.push(s("circle", { class: `dot ${kind}`, cx: this.x(x), cy: this.y(y), r: radius }));
    return this;
  }

  text(x, y, text) {
    this.items.push(s("text", { x: this.x(x), y: this.y(y) }, text));
    return this;
  }

  draw(extra = {}) {
    return s("svg", { class: "plot", viewBox: `0 0 ${this.width} ${this.height}`, role: "img", "aria-label": this.label, ...extra }, this.items);
  }
}

export const span = (...lists) => {
  const all = lists.flatMap((list) => Array.from(list));
  const [low, high] = [Math.min(0, ...all), Math.max(0, ...all)];
  const room = (high - low || 1) * 0.08;
  return [low - room, high + room];
};
