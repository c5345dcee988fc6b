// The call on the page in other languages, as mathematics and as a drawing.

import { flatten, numberText, shapeOf, sourceText, Fraction, Complex } from "./number.js";
import { drawPicture } from "./picture.js";
import { indexText, sumText } from "./words.js";

const PAD_MODES = { zero: "constant", constant: "constant", edge: "edge", symmetric: "symmetric", mirror: "reflect", wrap: "wrap" };

// ---------------------------------------------------------------------------- programs

function python(value) {
  if (value instanceof Fraction) return value.below === 1n ? String(value.above) : `Fraction(${value.above}, ${value.below})`;
  if (typeof value === "number" && !Number.isFinite(value)) return `float("${sourceText(value)}")`;
  return sourceText(value);
}

const list = (nested, write) => (Array.isArray(nested) ? `[${nested.map((entry) => list(entry, write)).join(", ")}]` : write(nested));
const hasFractions = (trace) => [trace.x, trace.w].some((nested) => flatten(nested).some((value) => value instanceof Fraction));

function words(trace) {
  const pairs = [["boundary", trace.boundary[0], "zero"], ["stride", trace.stride[0], 1], ["dilation", trace.dilation[0], 1]];
  const given = pairs.filter(([, value, usual]) => value !== usual).map(([name, value]) => `, ${name}=${typeof value === "string" ? `"${value}"` : value}`);
  const fill = trace.boundary[0] === "constant" ? `, fill_value=${python(trace.fill_value)}` : "";
  return given.join("") + fill;
}

function flipslide(trace) {
  const start = hasFractions(trace) ? "from fractions import Fraction\n\n" : "";
  const arrays = `x = ${list(trace.x, python)}\nw = ${list(trace.w, python)}\n`;
  return `${start}import flipslide as fs\n\n${arrays}y = fs.${trace.operation}(x, w, "${trace.mode}"${words(trace)})`;
}

const spread = (trace) => {
  const [d] = trace.dilation;
  if (d === 1) return "";
  if (trace.lengths.length === 1) return `wide = np.zeros(${d} * (len(w) - 1) + 1, w.dtype)\nwide[::${d}] = w\nw = wide\n`;
  return `wide = np.zeros([${d} * (n - 1) + 1 for n in w.shape], w.dtype)\nwide[::${d}, ::${d}] = w\nw = wide\n`;
};

// All pads are written out, so that only "valid" is left, which every library means alike.
function padded(trace) {
  const pads = trace.lengths.map(({ before, after }) => [before, after]);
  if (pads.flat().every((width) => width === 0)) return "";
  const mode = PAD_MODES[trace.boundary[0]];
  const value = trace.boundary[0] === "constant" ? `, constant_values=${python(trace.fill_value)}` : "";
  return `x = np.pad(x, ${JSON.stringify(pads)}, mode="${mode}"${value})\n`;
}

const every = (trace) => (trace.stride[0] === 1 ? "" : `[${trace.stride.map((step) => `::${step}`).join(", ")}]`);

function numpy(trace) {
  const flat = trace.lengths.length === 1;
  const exact = hasFractions(trace) ? "from fractions import Fraction\n\n" : "";
  const imports = `${exact}import numpy as np\n${flat ? "" : "from scipy.signal import convolve2d, correlate2d\n"}\n`;
  const name = flat ? `np.${trace.operation}` : `${trace.operation}2d`;
  return `${imports}x = np.array(${list(trace.x, python)})\nw = np.array(${list(trace.w, python)})\n${padded(trace)}${spread(trace)}y = ${name}(x, w, "valid")${every(trace)}`;
}

function matlabMatrix(nested) {
  const row = (values) => values.map((value) => (value instanceof Complex ? sourceText(value).replace("j", "i") : sourceText(value))).join(" ");
  return Array.isArray(nested[0]) ? `[${nested.map(row).join("; ")}]` : `[${row(nested)}]`;
}

const MATLAB_PADS = { zero: "0", edge: "'replicate'", symmetric: "'symmetric'", wrap: "'circular'" };

function matlab(trace) {
  const flat = trace.lengths.length === 1;
  const plainStep = trace.stride[0] === 1 && trace.dilation[0] === 1;
  const rule = trace.boundary[0] === "constant" ? matlabMatrix([trace.fill_value]) : MATLAB_PADS[trace.boundary[0]];
  if (!rule) return "% padarray has no rule that leaves the border sample out of the mirror image.";
  const size = (side) => (flat ? `[0 ${trace.lengths[0][side]}]` : `[${trace.lengths.map((length) => length[side]).join(" ")}]`);
  const pad = trace.lengths.every(({ before, after }) => !before && !after) ? "" : `x = padarray(x, ${size("before")}, ${rule}, 'pre');\nx = padarray(x, ${size("after")}, ${rule}, 'post');\n`;
  const turned = trace.operation === "correlate" ? "w = conj(rot90(w, 2));\n" : "";
  const d = trace.dilation[0];
  const wide = d === 1 ? "" : flat ? `wide = zeros(1, ${d} * (numel(w) - 1) + 1); wide(1:${d}:end) = w; w = wide;\n` : `wide = zeros(${d} * (size(w) - 1) + 1); wide(1:${d}:end, 1:${d}:end) = w; w = wide;\n`;
  const step = plainStep || trace.stride[0] === 1 ? "" : flat ? `\ny = y(1:${trace.stride[0]}:end);` : `\ny = y(1:${trace.stride[0]}:end, 1:${trace.stride[1]}:end);`;
  return `x = ${matlabMatrix(trace.x)};\nw = ${matlabMatrix(trace.w)};\n${turned}${pad}${wide}y = ${flat ? "conv" : "conv2"}(x, w, 'valid');${step}`;
}

const TORCH_PADS = { zero: "constant", constant: "constant", edge: "replicate", mirror: "reflect", wrap: "circular" };

function pytorch(trace) {
  const rule = TORCH_PADS[trace.boundary[0]];
  if (!rule) return "# torch.nn.functional.pad has no symmetric rule.";
  const axes = trace.lengths.length;
  const pads = [...trace.lengths].reverse().flatMap(({ before, after }) => [before, after]);
  const value = trace.boundary[0] === "constant" ? `, value=${python(trace.fill_value)}` : "";
  const pad = pads.every((width) => width === 0) ? "" : `x = F.pad(x, ${JSON.stringify(pads)}, mode="${rule}"${value})\n`;
  const flips = trace.operation === "convolve" ? `w = w.flip(${axes === 1 ? "-1" : "-2, -1"})  # PyTorch does not flip\n` : "";
  const steps = `${trace.stride[0] === 1 ? "" : `, stride=${trace.stride[0]}`}${trace.dilation[0] === 1 ? "" : `, dilation=${trace.dilation[0]}`}`;
  return `import torch\nimport torch.nn.functional as F\n\nx = torch.tensor([[${list(trace.x, sourceText)}]])\nw = torch.tensor([[${list(trace.w, sourceText)}]])\n${pad}${flips}y = F.conv${axes}d(x, w${steps})[0, 0]`;
}

const shellRows = (nested) => (Array.isArray(nested[0]) ? `"${nested.map((row) => row.map(sourceText).join(",")).join(";")}"` : nested.map(sourceText).join(","));

function shell(trace) {
  const boundary = trace.boundary[0] === "constant" ? `constant=${sourceText(trace.fill_value)}` : trace.boundary[0];
  const options = [
    trace.mode === "valid" ? "" : ` -m ${trace.mode}`,
    boundary === "zero" ? "" : ` -b ${boundary}`,
    trace.stride[0] === 1 ? "" : ` -s ${trace.stride[0]}`,
    trace.dilation[0] === 1 ? "" : ` -d ${trace.dilation[0]}`,
    trace.operation === "correlate" ? " --no-flip" : "",
  ];
  return `flipslide explain ${shellRows(trace.x)} ${shellRows(trace.w)}${options.join("")}`;
}

// ------------------------------------------------------------------------- mathematics

const TEX = { "−": "-", "·": " \\cdot ", inf: "{\\infty}", nan: "\\mathrm{NaN}" };
const tex = (text) => text.replace(/−|·|inf|nan/g, (sign) => TEX[sign]);
const numbersTex = (values) => values.map((value) => tex(numberText(value)));
// A row of more numbers is written so that a line can end behind each of them.
const WIDEST = 60;
// amsmath has no more where nothing else is said.
const MOST_IN_A_MATRIX = 10;

const matrixTex = (rows) => `\\begin{pmatrix} ${rows.map((row) => numbersTex(row).join(" & ")).join(" \\\\ ")} \\end{pmatrix}`;
const rowTex = (row) => `(${numbersTex(row).join(",\\allowbreak\\;")})`;

// As one equation, or where a line is too short for it x, w and y one after the other.
function callTex({ x, w, y }, operator) {
  const arrays = [x, w, y].map((nested) => (Array.isArray(nested[0]) ? nested : [nested]));
  const width = arrays.reduce((total, [row]) => total + 2 * row.length + numbersTex(row).join("").length, 0);
  const columns = Math.max(...arrays.map(([row]) => row.length));
  const room = columns > MOST_IN_A_MATRIX ? `\\setcounter{MaxMatrixCols}{${columns}}\n` : "";
  const [left, middle, right] = arrays.map(matrixTex);
  if (width <= WIDEST) return `${room}\\[ ${left} ${operator} ${middle} = ${right} \\]`;
  const flat = (name, [row]) => `\\noindent $${name} = ${rowTex(row)}$`;
  const lines = ["x", "w", "y"].map((name, i) => (arrays[0].length === 1 ? flat(name, arrays[i]) : `\\[ ${name} = ${matrixTex(arrays[i])} \\]`));
  return room + lines.join("\n\n");
}

function latex(trace) {
  const operator = trace.operation === "convolve" ? "*" : "\\star";
  const lines = trace.steps.map((step) => `y${indexText(step.y)} &= ${tex(sumText(step.terms) || "0")} = ${tex(numberText(step.value))}`);
  return `${callTex(trace, operator)}\n{\\allowdisplaybreaks\n\\begin{align*}\n${lines.join(" \\\\\n")}\n\\end{align*}}`;
}

export const COPIES = { flipslide, numpy, matlab, pytorch, shell, LaTeX: latex, SVG: (trace) => drawPicture(trace, trace.steps.length - 1) };
