// Pooling: who is in the window, who wins, and who gets the gradient.

import { outputs } from "conv.js";
import { avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward } from "pooling.js";
import { image } from "tensor.js";
import { factor, format } from "text.js";

/** The upstream gradient has the size of the output: rows and columns are cut, or the places counted on. */
export function fit({ input, grad_output }, { kernel, stride }) {
  const [height, width] = [outputs(input.length, kernel, stride, 0), outputs(input[0].length, kernel, stride, 0)];
  const row = (i) => Array.from({ length: width }, (_, j) => grad_output[i]?.[j] ?? i * width + j + 1);
  return { input, grad_output: Array.from({ length: height }, (_, i) => row(i)) };
}

export function compute({ input, grad_output }, { kind, ...window }) {
  const [x, g] = [image(input), image(grad_output)];
  if (kind === "average")
    return { output: avg_pool2d(x, window).rows(), grad_input: avg_pool2d_backward(g, x.shape, window).rows() };
  const [y, indices] = max_pool2d(x, window);
  return { output: y.rows(), grad_input: max_pool2d_backward(g, indices, x.shape).rows() };
}

/** The pixels of the window of output (i, j), row by row: {row, column, value}. */
function pixels(input, i, j, { kernel, stride }) {
  const found = [];
  for (let m = 0; m < kernel; m++)
    for (let k = 0; k < kernel; k++) {
      const [row, column] = [i * stride + m, j * stride + k];
      found.push({ row, column, value: input[row][column] });
    }
  return found;
}

/** All windows, row by row: {i, j, g, pixels, winner, equals}, where `equals` are as large as the winner. */
function windows({ input, grad_output }, options) {
  return grad_output.flatMap((row, i) =>
    row.map((g, j) => {
      const seen = pixels(input, i, j, options);
      const largest = Math.max(...seen.map(({ value }) => value));
      const [winner, ...equals] = seen.filter(({ value }) => value === largest);
      return { i, j, g, pixels: seen, winner, equals };
    }),
  );
}

const at = (place, row, column) => place.row === row && place.column === column;
const name = (letter, place) => `${letter}[${place.row}, ${place.column}]`;
const cell = (matrix, { row, column }) => [matrix, row, column];

export function terms(matrix, row, column, values, options) {
  const all = windows(values, options);
  const average = options.kind === "average";
  if (matrix === "output" || matrix === "grad_output") {
    const window = all.find(({ i, j }) => i === row && j === column);
    if (matrix === "output") return average ? mean(window) : maximum(window);
    return average ? shares(window) : toWinner(window);
  }
  const seeing = all.filter((window) => window.pixels.some((pixel) => at(pixel, row, column)));
  if (!seeing.length)
    return { says: `No window sees x[${row}, ${column}]: it moves no output and gets no gradient.`, terms: [] };
  if (matrix === "input") return average ? inMeans(seeing, row, column, values) : inMaxima(seeing, row, column);
  return average ? collectsShares(seeing, row, column, values) : collectsWins(seeing, row, column);
}

// Where an output comes from.

function maximum({ i, j, pixels, winner, equals }) {
  const times = equals.length + 1;
  const tie = equals.length ? ` It stands there ${times} times; the first one, row by row, is the winner.` : "";
  return {
    says: `y[${i}, ${j}] is the largest of ${pixels.length} numbers, ${name("x", winner)}.${tie}`,
    open: "max(",
    sign: ", ",
    close: ")",
    combine: (one, other) => Math.max(one, other),
    terms: pixels.map((pixel) => ({ cells: [cell("input", pixel)], text: format(pixel.value), value: pixel.value })),
  };
}

function mean({ i, j, pixels }) {
  return {
    says: `y[${i}, ${j}] is the mean of ${pixels.length} numbers:`,
    open: "(",
    close: `) / ${pixels.length}`,
    terms: pixels.map((pixel) => ({ cells: [cell("input", pixel)], text: factor(pixel.value), value: pixel.value })),
    total: pixels.reduce((sum, { value }) => sum + value, 0) / pixels.length,
  };
}

// Where an upstream gradient goes.

function toWinner({ i, j, g, winner, equals }) {
  const losers = equals.map((place) => name("x", place)).join(" and ");
  const tie = losers && ` ${losers}, as large but later, ${equals.length > 1 ? "get" : "gets"} nothing.`;
  return {
    says: `The winner of y[${i}, ${j}] is ${name("x", winner)}: it gets the whole gradient.${tie}`,
    sign: ", ",
    terms: [
      { cells: [cell("grad_input", winner), cell("input", winner)], text: `${format(g)} to ${name("dL/dx", winner)}` },
    ],
    total: null,
  };
}

function shares({ i, j, g, pixels }) {
  return {
    says: `Each of the window's ${pixels.length} numbers has the slope 1/${pixels.length} in y[${i}, ${j}], and gets that share:`,
    sign: ", ",
    terms: pixels.map((pixel) => ({
      cells: [cell("grad_input", pixel)],
      text: `${format(g)}/${pixels.length} to ${name("dL/dx", pixel)}`,
    })),
    total: null,
  };
}

// Where an input goes.

function inMaxima(seeing, row, column) {
  return {
    says: `x[${row}, ${column}] is seen by ${counted(seeing.length, "window")}:`,
    sign: "; ",
    terms: seeing.map(({ i, j, winner, equals }) => {
      const outcome = at(winner, row, column)
        ? "the winner"
        : equals.some((place) => at(place, row, column))
          ? `as large as ${name("x", winner)}, but later`
          : `less than ${name("x", winner)}`;
      return { cells: [["output", i, j]], text: `y[${i}, ${j}]: ${outcome}` };
    }),
    total: null,
  };
}

function inMeans(seeing, row, column, { input }) {
  return {
    says: `x[${row}, ${column}] has a share in ${counted(seeing.length, "mean")}:`,
    sign: ", ",
    terms: seeing.map(({ i, j, pixels }) => ({
      cells: [["output", i, j]],
      text: `${format(input[row][column])}/${pixels.length} in y[${i}, ${j}]`,
    })),
    total: null,
  };
}

// Where a gradient comes from.

function collectsWins(seeing, row, column) {
  const won = seeing.filter(({ winner }) => at(winner, row, column));
  const tied = seeing.find(({ equals }) => equals.some((place) => at(place, row, column)));
  const all = `${counted(won.length, "window")}, and gets the whole gradient${won.length > 1 ? " of each" : ""}`;
  const how = won.length
    ? `is the winner of ${all}:`
    : tied
      ? `is as large as ${name("x", tied.winner)}, the winner of y[${tied.i}, ${tied.j}], but comes later: it gets nothing.`
      : "is no window's winner. A small change of it changes no output: it gets nothing.";
  return {
    says: `x[${row}, ${column}] ${how}`,
    terms: won.map(({ i, j, g }) => ({ cells: [["grad_output", i, j], ["output", i, j]], text: factor(g), value: g })),
  };
}

function collectsShares(seeing, row, column) {
  const each = seeing.length > 1 ? "; each hands" : ", which hands";
  return {
    says: `x[${row}, ${column}] lies in ${counted(seeing.length, "window")}${each} it an equal share of its gradient:`,
    terms: seeing.map(({ i, j, g, pixels }) => ({
      cells: [["grad_output", i, j]],
      text: `${factor(g)}/${pixels.length}`,
      value: g / pixels.length,
    })),
  };
}

const counted = (count, thing) => `${count === 1 ? "one" : count} ${thing}${count === 1 ? "" : "s"}`;

/** Marks the winners of max pooling, and what is as large but comes later. */
export function draw({ element, tables }, values, options) {
  const max = options.kind === "max";
  const all = max ? windows(values, options) : [];
  for (const matrix of ["input", "grad_input"])
    values.input.forEach((numbers, row) =>
      numbers.forEach((_, column) => {
        const { classList } = tables.get(matrix).cell(row, column);
        const wins = all.some(({ winner }) => at(winner, row, column));
        classList.toggle("winner", wins);
        classList.toggle("tied", !wins && all.some(({ equals }) => equals.some((place) => at(place, row, column))));
      }),
    );
  element.querySelector(".legend").classList.toggle("none", !max);
}

// Mistakes.  Those of one kind of pooling change nothing in the other.

const only = (kind, wrong) => (given, options) =>
  options.kind === kind ? { ...compute(given, options), grad_input: wrong(given, options) } : compute(given, options);

/** dL/dx where `give(window, add)` hands out each window's gradient, window after window. */
const handedOut = (kind, give) =>
  only(kind, (given, options) => {
    const grad = given.input.map((row) => row.map(() => 0));
    for (const window of windows(given, options)) give(window, grad);
    return grad;
  });

export const mistakes = {
  "ties-to-all": handedOut("max", ({ g, winner, equals }, grad) => {
    for (const { row, column } of [winner, ...equals]) grad[row][column] += g;
  }),
  "ties-split": handedOut("max", ({ g, winner, equals }, grad) => {
    for (const { row, column } of [winner, ...equals]) grad[row][column] += g / (1 + equals.length);
  }),
  "ties-to-last": handedOut("max", ({ g, winner, equals }, grad) => {
    const { row, column } = equals.at(-1) ?? winner;
    grad[row][column] += g;
  }),
  "pooling-gradient-overwritten": handedOut("max", ({ g, winner }, grad) => {
    grad[winner.row][winner.column] = g;
  }),
  "pooling-gradient-not-divided": only("average", ({ input, grad_output }, { kernel, stride }) =>
    avg_pool2d_backward(image(grad_output), image(input).shape, { kernel, stride }, 1).rows(),
  ),
  "average-gradient-overwritten": handedOut("average", ({ g, pixels }, grad) => {
    for (const { row, column } of pixels) grad[row][column] = g / pixels.length;
  }),
};
