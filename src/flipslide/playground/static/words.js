// Sentences and formulas about a trace: the arithmetic of one output, the length of an axis.

import { factorText, numberText } from "./number.js";

export const indexText = (index) => (index === null ? "" : `[${index.join(", ")}]`);

function productText(term, first) {
  const tap = first ? numberText(term.b) : factorText(term.b);
  return `${/ /.test(tap) && first ? `(${tap})` : tap}·${factorText(term.a)}`;
}

export function sumText(terms) {
  const counted = terms.filter((term) => term.product !== null);
  return counted.map((term, i) => productText(term, i === 0)).join(" + ");
}

function leftOut(terms) {
  const count = terms.filter((term) => term.product === null).length;
  if (!count) return "";
  return ` (${count === 1 ? "1 tap lies" : `${count} taps lie`} on zeros of the padding)`;
}

function plus(values) {
  return values.map((value, i) => (i ? factorText(value) : numberText(value))).join(" + ");
}

// y[1] = 2·1 + (−1)·2 + 1·3 = 3
export function sentence(step) {
  const name = `y${indexText(step.y)}`;
  if (step.partials.length > 1) {
    const bias = step.bias === null ? "" : ` + bias ${factorText(step.bias)}`;
    return `${name} = ${plus(step.partials)}${bias} = ${numberText(step.value)}`;
  }
  const bias = step.bias === null ? "" : ` + bias ${factorText(step.bias)}`;
  const products = sumText(step.terms);
  return products ? `${name} = ${products}${bias} = ${numberText(step.value)}${leftOut(step.terms)}` : `${name} = 0${bias}: only padding is in the window`;
}

// ⌊(5 + 0 + 0 − 3)/1⌋ + 1 = 3, of one axis
export function sizeText(length) {
  const { n, before, after, span, stride, outputs } = length;
  return `⌊(${n} + ${factorText(BigInt(before))} + ${factorText(BigInt(after))} − ${span})/${stride}⌋ + 1 = ${outputs}`;
}

const counted = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

export function sizeWhy(length) {
  const parts = [counted(length.n, "sample"), `${counted(length.before, "place")} before and ${length.after} after`];
  const taps = length.dilation > 1 ? `${counted(length.taps, "tap")} that span ${length.span} places` : counted(length.taps, "tap");
  const rest = length.room % length.stride;
  const unused = rest ? ` ${counted(rest, "place")} at the end ${rest === 1 ? "is" : "are"} never used.` : "";
  return `${parts.join(", ")}, ${taps}, a window every ${length.stride === 1 ? "place" : `${length.stride} places`}.${unused}`;
}

export function otherText(trace) {
  const word = trace.other.operation === "correlate" ? "Without the flip (correlation)" : "With the flip (convolution)";
  if (!trace.flip_matters) return "The taps read the same in both directions: the flip changes nothing.";
  return `${word}: ${rowsText(trace.other.y)}`;
}

export const rowsText = (nested) =>
  Array.isArray(nested[0]) ? nested.map((row) => row.map(numberText).join(" ")).join("; ") : nested.map(numberText).join(" ");

// Everything that one entry of x or w meets, in words.
export function meetsText(trace, kind, index) {
  const key = index.join(",");
  const found = trace.steps.flatMap((step) =>
    step.terms.filter((term) => (term[kind] ?? []).join(",") === key && term.product !== null).map((term) => [term, step]),
  );
  const other = kind === "x" ? "w" : "x";
  const list = found.slice(0, 9).map(([term, step]) => `${other}${indexText(term[other])} in y${indexText(step.y)}`);
  if (!found.length) return `${kind}${indexText(index)} meets nothing`;
  return `${kind}${indexText(index)} meets ${list.join(", ")}${found.length > 9 ? ", …" : ""}`;
}
