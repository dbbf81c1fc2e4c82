// Flatten and dense: the row that the maps become, the products that make an output, and where gradients go.

import { batch } from "batch.js";
import { linear, linear_backward } from "dense.js";
import { flatten, flatten_backward } from "flatten.js";
import { Tensor, tensor } from "tensor.js";
import { factor, format } from "text.js";

const HEIGHT = 2; // of every map

export const fit = ({ input, grad_output, ...given }, options) => ({
  ...given,
  input: batch(input, options.batch),
  grad_output: batch(grad_output, options.batch),
});

const shapeOf = (input, channels) => [input.length, channels, HEIGHT, input[0].length / channels / HEIGHT];

export function compute({ input, weight, bias, grad_output }, { channels }, flattening = flatten, biasShare = 1) {
  const maps = flatten_backward(tensor(input), shapeOf(input, channels));
  const x = flattening(maps);
  const [w, g] = [tensor(weight), tensor(grad_output)];
  const [grad_input, grad_weight, grad_bias] = linear_backward(g, x, w);
  return {
    maps: maps.rows(),
    flattened: x.rows(),
    output: linear(x, w, tensor(bias, [w.shape[0]])).rows(),
    grad_input: grad_input.rows(),
    grad_weight: grad_weight.rows(),
    grad_bias: [Array.from(grad_bias.data, (sum) => sum * biasShare)],
    grad_maps: flatten_backward(grad_input, maps.shape).rows(),
  };
}

/** Where a number of the maps stands in the row, and the other way round. */
const inRow = (row, column, [, C, H, W]) => [Math.floor(row / (C * H)), (row % (C * H)) * W + column];
const inMaps = (n, i, [, C, H, W]) => [n * C * H + Math.floor(i / W), i % W];

const product = (a, b, cells) => ({ text: `${factor(a)}·${factor(b)}`, value: a * b, cells });

export function terms(name, row, column, values, { channels }) {
  const shape = shapeOf(values.input, channels);
  const of = name.replace("grad_", "");
  if (of === "maps") return ofMaps(name, row, column, values, shape);
  if (name === "output") return ofOutput(row, column, values);
  if (name === "grad_output") return ofUpstream(row, column, values);
  if (of === "input") return ofInput(name, row, column, values, shape);
  return of === "weight" ? ofWeight(row, column, values) : ofBias(column, values);
}

function ofMaps(name, row, column, values, shape) {
  const [, C, H, W] = shape;
  const [n, i] = inRow(row, column, shape);
  const [c, h] = [Math.floor(row / H) % C, row % H];
  const place = `(c H + h) W + w = (${c}·${H} + ${h})·${W} + ${column} = ${i}`;
  if (name === "maps")
    return {
      says: `Map ${c}, row ${h}, column ${column}: flattening puts this number at place ${place} of the row.`,
      terms: [{ text: `x[${n}, ${i}]`, value: values.input[n][i], cells: [["input", n, i]] }],
    };
  return {
    says: `Flattening put m[${c}, ${h}, ${column}] at place ${place} of the row: its gradient comes from there.`,
    terms: [{ text: `∂L/∂x[${n}, ${i}]`, value: values.grad_input[n][i], cells: [["grad_input", n, i]] }],
  };
}

function ofOutput(row, column, { input, weight, bias }) {
  return {
    says: `y[${row}, ${column}] is the bias and the sum of ${input[0].length} products, weight · input:`,
    start: { text: factor(bias[0][column]), value: bias[0][column] },
    terms: input[row].map((x, i) => product(weight[column][i], x, [["weight", column, i], ["input", row, i]])),
  };
}

function ofInput(name, row, column, { weight, grad_output }, shape) {
  return {
    says: `x[${row}, ${column}] goes into all ${weight.length} outputs. Its gradient adds up their g · W:`,
    terms: weight.map((_, o) => {
      const cells = [["grad_output", row, o], ["weight", o, column], ["output", row, o], ["grad_input", row, column]];
      if (name === "input") cells.push(["maps", ...inMaps(row, column, shape)]);
      return product(grad_output[row][o], weight[o][column], cells);
    }),
  };
}

function ofWeight(row, column, { input, grad_output }) {
  return {
    says: `W[${row}, ${column}] multiplies x[${column}] in output ${row}. Its gradient adds up g · x of every image:`,
    terms: input.map((_, n) => {
      const cells = [["grad_output", n, row], ["input", n, column], ["output", n, row], ["grad_weight", row, column]];
      return product(grad_output[n][row], input[n][column], cells);
    }),
  };
}

function ofBias(column, { grad_output }) {
  return {
    says: `b[${column}] is added once to output ${column}. Its gradient adds up g of every image:`,
    terms: grad_output.map((row, n) => ({
      text: factor(row[column]),
      value: row[column],
      cells: [["grad_output", n, column], ["output", n, column], ["grad_bias", 0, column]],
    })),
  };
}

function ofUpstream(row, column, { input, grad_output }) {
  const cells = [["output", row, column], ["grad_bias", 0, column]];
  input[row].forEach((_, i) => cells.push(["grad_weight", column, i], ["grad_input", row, i]));
  return {
    says:
      `How much the loss grows with y[${row}, ${column}]; what follows the layer hands it down. From here it goes, ` +
      "times x, to the weights of this output, times W to the inputs, and as it is to the bias.",
    terms: [{ text: `g[${row}, ${column}]`, value: grad_output[row][column], cells }],
  };
}

/** The numbers of the maps, one pixel of all maps after the other. */
function channelsLast(maps) {
  const [N, C, H, W] = maps.shape;
  const y = new Tensor([N, C * H * W]);
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++)
      for (let p = 0; p < H * W; p++) y.data[n * C * H * W + p * C + c] = maps.data[(n * C + c) * H * W + p];
  return y;
}

/** Weights (O, I) in memory, read as if they were (I, O). */
function asInOut(weight) {
  const [numbers, O] = [weight.flat(), weight.length];
  return weight.map((row, o) => row.map((_, i) => numbers[i * O + o]));
}

export const mistakes = {
  "flattened-channels-last": (given, options) => compute(given, options, channelsLast),
  "weights-as-in-out": (given, options) => ({
    ...compute(given, options),
    output: compute({ ...given, weight: asInOut(given.weight) }, options).output,
  }),
  "dense-bias-gradient-averaged": (given, options) => compute(given, options, flatten, 1 / given.input.length),
};

// The drawing: a line for each weight of the first image.

export function draw(figure, { input, weight, output }) {
  const lines = figure.element.querySelector(".dense-net .lines");
  const products = weight.map((row) => row.map((w, i) => w * input[0][i]));
  const largest = Math.max(1, ...products.flat().map(Math.abs));
  lines.replaceChildren(
    ...products.flatMap((row, o) =>
      row.map((value, i) => {
        const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
        const ends = { x1: 60, y1: across(i, row.length), x2: 260, y2: across(o, weight.length) };
        for (const [name, number] of Object.entries(ends)) line.setAttribute(name, number);
        line.setAttribute("class", value < 0 ? "negative" : "positive");
        line.setAttribute("stroke-width", value ? 1 + (4 * Math.abs(value)) / largest : 0.5);
        return line;
      }),
    ),
  );
  write(figure.element.querySelector(".dense-net .inputs"), 44, input[0], "end");
  write(figure.element.querySelector(".dense-net .outputs"), 276, output[0], "start");
}

const across = (index, count) => 110 + (index - (count - 1) / 2) * Math.min(60, 200 / count);

function write(group, x, numbers, anchor) {
  group.replaceChildren(
    ...numbers.map((number, i) => {
      const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
      for (const [name, value] of Object.entries({ x, y: across(i, numbers.length) + 5, "text-anchor": anchor }))
        text.setAttribute(name, value);
      text.textContent = format(number);
      return text;
    }),
  );
}
