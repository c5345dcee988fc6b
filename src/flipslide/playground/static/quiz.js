// The room of exercises: a question from a level and a seed, cells to write in, and what went wrong.

import { action, choice, h } from "./dom.js";
import { LEVEL_NAMES, check, hint, makeQuestion } from "./exercises.js";
import { LEVELS } from "./levels.js";
import { arrays, nameOf, perRow } from "./parts.js";
import { sheetRoom } from "./sheet.js";
import { toAddress, START } from "./state.js";

const MOST_SEED = 99999;

// ------------------------------------------------------------------------------- answers

function readCell(written) {
  const plain = written.trim().replace("−", "-");
  return /^[+-]?\d{1,9}$/.test(plain) ? Number(plain) : plain === "" ? null : NaN;
}

function cell(app, quiz, i) {
  const { question, cells, right } = quiz;
  const verdict = right[i] === null || right[i] === undefined ? "" : right[i] ? "right" : "wrong";
  const said = { right: ", right", wrong: ", not right" }[verdict] ?? "";
  const field = h("input", {
    type: "text", class: `cell y answer ${verdict}`, key: `answer ${i}`, value: cells[i], autocomplete: "off", inputmode: "text",
    "aria-label": `${nameOf(question)}, number ${i + 1} of ${question.answer.length}${said}`,
    "aria-describedby": "task",
    oninput: (event) => { cells[i] = event.target.value; },
    onchange: () => judge(app, quiz),
    onkeydown: (event) => { if (event.key === "Enter") enter(app, quiz, i, event); },
  });
  return h("span", { class: "stack" }, field, h("small", { class: "mark", "aria-hidden": "true" }, { right: "✓", wrong: "✗" }[verdict] ?? ""));
}

function enter(app, quiz, i, event) {
  event.preventDefault();
  judge(app, quiz);
  document.querySelector(`[data-key="${quiz.done ? "Next" : `answer ${i + 1}`}"]`)?.focus();
}

// ------------------------------------------------------------------------------- a round

function quizOf(app) {
  const { level, seed } = app.state;
  const name = `${level} ${seed}`;
  if (app.quiz?.name !== name) {
    const question = makeQuestion(level, seed);
    app.quiz = { name, question, cells: question.answer.map(() => ""), right: [], hints: [], say: "", why: null };
  }
  return app.quiz;
}

function sayOf(result, cells) {
  if (result.done) return "Right, all of it.";
  if (result.mistake) return result.mistake;
  const wrong = result.right.filter((right) => right === false).length;
  if (wrong) return `${wrong === 1 ? "One number is" : `${wrong} numbers are`} not right. Ask for a hint, or count again.`;
  return cells.some((value) => value !== null) ? "Right so far." : "";
}

function judge(app, quiz) {
  const cells = quiz.cells.map(readCell);
  const result = check(quiz.question, cells);
  Object.assign(quiz, { right: result.right, say: sayOf(result, cells), why: result.why });
  if (result.done && !quiz.done) {
    quiz.done = true;
    app.solved = (app.solved ?? 0) + 1;
  }
  app.draw();
}

// Why the mistake is one, and the sum of the first number that it spoiled.
function sayWhy(app, quiz) {
  const line = `${quiz.why} ${hint(quiz.question, quiz.right.indexOf(false))}`;
  if (quiz.hints.at(-1) !== line) quiz.hints.push(line);
  quiz.why = null;
  app.draw();
}

function askHint(app, quiz) {
  const open = quiz.cells.findIndex((written, i) => readCell(written) !== quiz.question.answer[i]);
  if (open < 0) return;
  const line = hint(quiz.question, open);
  if (quiz.hints.at(-1) !== line) quiz.hints.push(line);
  app.draw();
}

// Where the same call can be taken apart: only rows and pictures have a stage.
function stageLink({ call }) {
  if (!["signal", "gradient"].includes(call.kind)) return null;
  const texts = (nested) => (Array.isArray(nested) ? nested.map(texts) : String(nested));
  const patch = { room: "window", x: texts(call.x), w: texts(call.w), mode: call.mode, boundary: call.boundary, stride: call.stride, dilation: call.dilation };
  return h("a", { href: toAddress({ ...START, ...patch, tab: call.kind === "gradient" ? "graph" : "window" }) }, "Take it apart in the window");
}

export function quizRoom(app) {
  return app.state.sheet ? sheetRoom(app) : oneRoom(app);
}

function oneRoom(app) {
  const quiz = quizOf(app);
  const { question } = quiz;
  const go = (seed) => {
    app.change({ seed: Math.min(Math.max(seed, 0), MOST_SEED) });
    document.querySelector('[data-key="answer 0"]').focus();
  };
  const columns = perRow(question);
  return [
    h("h1", null, "Exercises"),
    h("div", { class: "controls" }, choice("level", LEVEL_NAMES.map((name) => [name, LEVELS[name].title]), app.state.level, (level) => app.change({ level })), action("Next", () => go(app.state.seed + 1)), action("Another", () => go(Math.floor(Math.random() * MOST_SEED))), h("span", { class: "count" }, `No. ${app.state.seed}`), h("span", { class: "count" }, `${app.solved ?? 0} solved`)),
    h("p", { class: "task", id: "task" }, question.text),
    h("div", { class: "grids" }, arrays(question.call)),
    h("h2", null, nameOf(question) === "results" ? "How many?" : `${nameOf(question)} =`),
    h("div", { class: "answers", style: { "grid-template-columns": `repeat(${columns}, max-content)` } }, question.answer.map((_, i) => cell(app, quiz, i))),
    h("p", { class: "line", role: "status", key: "verdict" }, quiz.say),
    quiz.hints.length ? h("ul", { class: "hints", "aria-live": "polite" }, quiz.hints.map((line) => h("li", null, line))) : null,
    h("div", { class: "controls" }, action("Check", () => judge(app, quiz)), action("Hint", () => askHint(app, quiz)), quiz.why ? action("Say why", () => sayWhy(app, quiz)) : null, stageLink(question)),
    h("p", { class: "faint" }, "Each number is checked when you leave its cell. The address of the page is this exercise."),
    h("div", { class: "controls screen-only" }, action("A sheet to print", () => app.change({ sheet: 10 }))),
  ];
}
