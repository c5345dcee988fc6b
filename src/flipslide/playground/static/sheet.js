// A sheet of exercises to be printed, and its key on a page of its own. The twin is flipslide/playground/worksheet.py.

import { action, h, stepper } from "./dom.js";
import { LEVEL_NAMES, makeQuestion } from "./exercises.js";
import { arrays, nameOf, perRow, text } from "./parts.js";

const MOST = 40;

// The levels in turn, each with the next seed.
export const sheetOf = (seed, count) => Array.from({ length: count }, (_, i) => makeQuestion(LEVEL_NAMES[i % LEVEL_NAMES.length], seed + i));

function cells(question, values) {
  const columns = perRow(question);
  const rows = Array.from({ length: values.length / columns }, (_, r) => values.slice(r * columns, (r + 1) * columns));
  return h("table", { class: "plain" }, h("tbody", null, rows.map((row) => h("tr", null, row.map((value) => h("td", { class: "y" }, value))))));
}

function ask(question, i) {
  return h("section", { class: "asked" }, h("h2", null, `${i + 1}.`), h("p", { class: "task" }, question.text), h("div", { class: "grids" }, arrays(question.call)), h("p", null, `${nameOf(question)} =`), cells(question, question.answer.map(() => "\u00a0")));
}

function answer(question, i) {
  const mistakes = question.mistakes.map(({ say, values }) => h("li", null, `${values.map(text).join(", ")}: ${say}`));
  return h("section", { class: "asked" }, h("h3", null, `${i + 1}.`), cells(question, question.answer.map(text)), h("ul", null, mistakes));
}

export function sheetRoom(app) {
  const { seed, sheet } = app.state;
  const questions = sheetOf(seed, Math.min(sheet, MOST));
  return [
    h("h1", null, `Convolution: ${questions.length} exercises`),
    h("div", { class: "controls screen-only" }, action("Print", () => window.print()), stepper("exercises", questions.length, 1, MOST, (count) => app.change({ sheet: count })), action("Other ones", () => app.change({ seed: Math.floor(Math.random() * 99999) })), action("One at a time", () => app.change({ sheet: 0 }))),
    h("p", { class: "faint" }, `Name: ______________________   Sheet ${seed}`),
    questions.map(ask),
    h("details", { class: "card key", key: "key" }, h("summary", null, h("h2", null, "Key")), questions.map(answer)),
  ];
}
