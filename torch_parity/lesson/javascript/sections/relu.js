// ReLU: the two curves, and the gate that the gradient passes or does not.

import { relu, relu_backward } from "relu.js";
import { tensor } from "tensor.js";
import { factor, format } from "text.js";

export function compute({ input, grad_output }) {
  const x = tensor(input);
  return { output: relu(x).rows(), grad_input: relu_backward(tensor(grad_output), x).rows() };
}

export function terms(name, row, j, { input, grad_output }) {
  const [x, g] = [input[0][j], grad_output[0][j]];
  const open = x > 0;
  const passed = open ? g : 0;
  const why = x === 0 ? `x[${j}] is 0, not above 0` : `x[${j}] = ${format(x)} is ${open ? "above" : "below"} 0`;
  const gate = (gradient) =>
    `${why}, so the gate is ${open ? `open: ${gradient} passes unchanged.` : `shut: ${gradient} stops here.`}`;
  const place = (matrix) => [matrix, row, j];
  if (name === "output")
    return {
      says: `${why}: ${open ? "it is kept." : "the output is 0."}`,
      open: "max(0, ",
      close: ")",
      terms: [{ cells: [place("input")], text: format(x), value: x }],
      total: Math.max(0, x),
    };
  if (name === "grad_input")
    return {
      says: `${gate("the upstream gradient")} Slope · upstream gradient:`,
      terms: [{ cells: [place("grad_output"), place("input")], text: `${open ? 1 : 0}·${factor(g)}`, value: passed }],
    };
  const received = { cells: [place("grad_input")], text: `dL/dx[${j}] = ${format(passed)}` };
  if (name === "grad_output")
    return {
      says: gate("this gradient"),
      sign: ", ",
      terms: [received],
      total: null,
    };
  return {
    says: `${why}: ${open ? "it is kept, and opens" : "the output is 0, and it shuts"} the gate for the gradient.`,
    sign: ", ",
    terms: [{ cells: [place("output")], text: `y[${j}] = ${format(Math.max(0, x))}` }, received],
    total: null,
  };
}

/** The axes reach as far as the numbers do; each number is a point on both curves. */
export function draw({ element, mistake }, { input, output, grad_output, grad_input }) {
  const reach = Math.max(4, Math.ceil(Math.max(...input[0].map(Math.abs))));
  for (const label of element.querySelectorAll("[data-times]")) label.textContent = format(label.dataset.times * reach);
  // What passed through the gate tells whether it was open; nothing can be told from a gradient of 0.
  const open = input[0].map((x, j) => (grad_output[0][j] === 0 ? x > 0 : grad_input[0][j] === grad_output[0][j]));
  input[0].forEach((x, j) => {
    const points = [
      ["f", 140 / reach, output[0][j], Math.max(0, x)],
      ["slope", 100, Number(open[j]), Number(x > 0)],
    ];
    for (const [plot, unit, height, right] of points) {
      const point = element.querySelector(`[data-plot=${plot}] [data-column="${j}"]`);
      point.setAttribute("cx", 160 + (140 * x) / reach);
      point.setAttribute("cy", 150 - unit * height);
      point.classList.toggle("wrong", Boolean(mistake) && height !== right);
    }
  });
  const gates = element.querySelector(".gates");
  open.forEach((passes, j) => {
    gates.children[j].className = passes ? "open" : "shut";
    gates.children[j].textContent = passes ? "↓" : "✕";
  });
  const columns = open.flatMap((passes, j) => (passes ? [j] : []));
  const where = columns.length ? `columns ${columns.join(", ")}` : "no column";
  gates.setAttribute("aria-label", `The gate is open in ${where}, else shut.`);
}

/** The point of the number that is pointed at stands out. */
export function light({ element }, place) {
  for (const point of element.querySelectorAll("[data-column]"))
    point.classList.toggle("pointed", place !== null && Number(point.dataset.column) === place[2]);
}

const gradientWhere = (passes) => (given) => ({
  ...compute(given),
  grad_input: [given.grad_output[0].map((g, j) => (passes(given.input[0][j], g) ? g : 0))],
});

export const mistakes = {
  "slope-one-at-zero": gradientWhere((x) => x >= 0),
  "masked-by-gradient": gradientWhere((x, g) => g > 0),
  leaky: (given) => ({ ...compute(given), output: [given.input[0].map((x) => (x < 0 ? x / 100 : x))] }),
};
