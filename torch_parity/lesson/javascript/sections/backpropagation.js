// Backpropagation: who gets which share of the gradient of a convolution.

import { conv2d, conv2d_backward, outputs } from "conv.js";
import * as convolution from "sections/convolution.js";
import { image, Tensor, zeros } from "tensor.js";
import { factor, format } from "text.js";

const turned = (K) => new Tensor(K.shape, K.data.toReversed());

/** An image with `padding` zeros around it. */
function framed(x, padding) {
  const [height, width] = x.shape.slice(2);
  const frame = zeros([1, 1, height + 2 * padding, width + 2 * padding]);
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++)
      frame.data[(i + padding) * frame.shape[3] + j + padding] = x.data[i * width + j];
  return frame;
}

/** The part of a frame, from (first, first) on, that is as large as an image. */
function cut(frame, shape, first) {
  const part = zeros(shape);
  for (let i = 0; i < shape[2]; i++)
    for (let j = 0; j < shape[3]; j++)
      part.data[i * shape[3] + j] = frame.data[(i + first) * frame.shape[3] + j + first];
  return part;
}

/** The upstream gradient has the size of the output.  Where it grows, small numbers that differ from place to place. */
export function fit({ image: x, kernel, grad_output, ...given }, { stride, padding }) {
  const height = outputs(x.length, kernel.length, stride, padding);
  const width = outputs(x[0].length, kernel[0].length, stride, padding);
  const g = Array.from({ length: height }, (_, i) =>
    Array.from({ length: width }, (_, j) => grad_output[i]?.[j] ?? ((i + j) % 3) - 1),
  );
  return { image: x, kernel, grad_output: g, ...given };
}

export function compute({ image: x, kernel: K, grad_output: g }, options, gradients = conv2d_backward) {
  const [pixels, weights, upstream] = [image(x), image(K), image(g)];
  const [grad_image, grad_kernel, grad_bias] = gradients(upstream, pixels, weights, options);
  const found = {
    output: conv2d(pixels, weights, null, options).rows(),
    grad_kernel: grad_kernel.rows(),
    grad_image: grad_image.rows(),
    grad_bias: grad_bias.rows(),
    turned: turned(weights).rows(),
  };
  if (options.padding === 0) return found;
  // Zeros around the image, taken for pixels, get a gradient as well.
  const [grad_framed] = gradients(upstream, framed(pixels, options.padding), weights, { ...options, padding: 0 });
  return { ...found, grad_framed: grad_framed.rows() };
}

/** With padding, the gradient of the padded image is shown too; the cells of the padding are cut off. */
export function draw(figure, { image: x }, { padding }) {
  const { body, element } = figure.tables.get("grad_framed");
  element.parentElement.hidden = padding === 0;
  figure.element.querySelector(".unpadded").hidden = padding !== 0;
  if (padding === 0) body.replaceChildren();
  const inside = (row, column) =>
    padding <= row && row < padding + x.length && padding <= column && column < padding + x[0].length;
  for (const row of body.rows)
    for (const cell of row.cells) cell.classList.toggle("lost", !inside(row.rowIndex, cell.cellIndex));
}

export function terms(name, row, column, values, options) {
  if (name in BACKWARD) return BACKWARD[name](row, column, values, options);
  const forward = { ...values, bias: [[0]] };
  const found = convolution.terms(name, row, column, forward, { ...options, dilation: 1, flip: false });
  return name === "output" ? found : { ...found, total: null };
}

/** Every product of the forward pass: an output, and the weight and the pixel that met there. */
function* products({ kernel, grad_output: g }, { stride, padding }) {
  for (let i = 0; i < g.length; i++)
    for (let j = 0; j < g[0].length; j++)
      for (let m = 0; m < kernel.length; m++)
        for (let k = 0; k < kernel[0].length; k++)
          yield { i, j, m, k, row: i * stride + m - padding, column: j * stride + k - padding };
}

const times = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;

const BACKWARD = {
  grad_kernel(row, column, values, options) {
    const { image: x, grad_output: g } = values;
    const met = [...products(values, options)].filter(({ m, k }) => m === row && k === column);
    const outside = met.filter((product) => x[product.row]?.[product.column] === undefined).length;
    const padding = outside ? ` In ${outside} of them it met padding, which is 0 and adds nothing.` : "";
    return {
      says:
        `dL/dK[${row}, ${column}]: this weight touched ${times(met.length, "output")}. Each gives back its g times ` +
        `the pixel that the weight met there, g·x.${padding}`,
      terms: met.map(({ i, j, row: r, column: c }) => {
        const pixel = x[r]?.[c];
        const cells = [["output", i, j], ["grad_output", i, j], ["kernel", row, column]];
        if (pixel !== undefined) cells.push(["image", r, c]);
        const text = `${factor(g[i][j])}·${pixel === undefined ? "0 (padding)" : factor(pixel)}`;
        return { cells, text, value: g[i][j] * (pixel ?? 0) };
      }),
    };
  },

  grad_image(row, column, values, options) {
    const { kernel, grad_output: g } = values;
    const seen = [...products(values, options)].filter((product) => product.row === row && product.column === column);
    const [first, last] = [seen[0], seen.at(-1)];
    const through = ({ i, j, m, k }) => `y[${i}, ${j}] saw it through K[${m}, ${k}]`;
    const path =
      seen.length > 1 ? ` ${through(first)}, …, ${through(last)}: as the window moves on, the weight moves back.` : "";
    return {
      says: seen.length
        ? `dL/dx[${row}, ${column}]: ${times(seen.length, "output")} saw this pixel. Each gives back its g times ` +
          `the weight through which it saw it, g·K.${path}`
        : `dL/dx[${row}, ${column}]: no output saw this pixel, so its gradient is 0.`,
      terms: seen.map(({ i, j, m, k }) => ({
        cells: [
          ["image", row, column],
          ["output", i, j],
          ["grad_output", i, j],
          ["kernel", m, k],
          ["turned", kernel.length - 1 - m, kernel[0].length - 1 - k],
        ],
        text: `${factor(g[i][j])}·${factor(kernel[m][k])}`,
        value: g[i][j] * kernel[m][k],
      })),
    };
  },

  grad_framed(row, column, values, options) {
    const [height, width] = [values.image.length, values.image[0].length];
    const [r, c] = [row - options.padding, column - options.padding];
    const found = BACKWARD.grad_image(r, c, values, options);
    if (0 <= r && r < height && 0 <= c && c < width) return found;
    const count = times(found.terms.length, "output");
    const says = `This is padding. ${count} saw it, so it gets a gradient, and loses it: nobody can change this 0.`;
    return { ...found, says };
  },

  grad_bias(row, column, { grad_output: g }) {
    return {
      says: "dL/db: the bias was added to every output once, with slope 1. So it collects every g:",
      terms: g.flatMap((numbers, i) =>
        numbers.map((number, j) => ({
          cells: [["output", i, j], ["grad_output", i, j]],
          text: factor(number),
          value: number,
        })),
      ),
    };
  },

  grad_output(row, column, values, options) {
    const { image: x, kernel, grad_output: g } = values;
    const made = [...products(values, options)].filter(({ i, j }) => i === row && j === column);
    const upstream = factor(g[row][column]);
    return {
      says:
        `g[${row}, ${column}] says how the loss moves with y[${row}, ${column}]. It goes back to every weight and ` +
        `every pixel that made this output, times what the other one was (and to the bias as it is):`,
      terms: made.map(({ m, k, row: r, column: c }) => {
        const pixel = x[r]?.[c];
        const cells = [["output", row, column], ["kernel", m, k], ["grad_kernel", m, k]];
        if (pixel !== undefined) cells.push(["image", r, c], ["grad_image", r, c]);
        if (options.padding) cells.push(["grad_framed", r + options.padding, c + options.padding]);
        const weight = `K[${m}, ${k}] gets ${upstream}·${pixel === undefined ? "0" : factor(pixel)}`;
        const other = pixel === undefined ? "padding loses" : `x[${r}, ${c}] gets`;
        return { cells, text: `${weight} and ${other} ${upstream}·${factor(kernel[m][k])}`, value: 0 };
      }),
      total: null,
    };
  },

  turned(row, column, { kernel }) {
    const [m, k] = [kernel.length - 1 - row, kernel[0].length - 1 - column];
    return {
      says: `After half a turn, the weight K[${m}, ${k}] stands here:`,
      terms: [{ cells: [["kernel", m, k]], text: format(kernel[m][k]), value: kernel[m][k] }],
      total: null,
    };
  },
};

// Gradients done wrongly: g, x and K as for conv2d_backward.

/** dL/dx written with = instead of +=: what comes last is left.  The loop is over the windows, or over the taps. */
function overwritten(g, x, K, { stride, padding }, tapsFirst) {
  const frame = framed(x, padding);
  frame.data.fill(0);
  const [[oH, oW], [kH, kW]] = [g.shape.slice(2), K.shape.slice(2)];
  const [[H, W], [h, w]] = tapsFirst ? [[kH, kW], [oH, oW]] : [[oH, oW], [kH, kW]]; // the outer and the inner loops
  for (let a = 0; a < H; a++)
    for (let b = 0; b < W; b++)
      for (let c = 0; c < h; c++)
        for (let d = 0; d < w; d++) {
          const [i, j, m, k] = tapsFirst ? [c, d, a, b] : [a, b, c, d];
          const pixel = (i * stride + m) * frame.shape[3] + j * stride + k;
          frame.data[pixel] = g.data[i * oW + j] * K.data[m * kW + k];
        }
  return cut(frame, x.shape, padding);
}

/** dL/dx as if stride were 1: the gradients stand side by side, in the top left corner. */
function crowded(g, x, K, options) {
  const [[oH, oW], [kH, kW]] = [g.shape.slice(2), K.shape.slice(2)];
  const [height, width] = framed(x, options.padding).shape.slice(2);
  const spread = zeros([1, 1, height - kH + 1, width - kW + 1]);
  for (let i = 0; i < oH; i++)
    for (let j = 0; j < oW; j++) spread.data[i * spread.shape[3] + j] = g.data[i * oW + j];
  return conv2d_backward(spread, x, K, { ...options, stride: 1 })[0];
}

const averaged = (sum, count) => new Tensor(sum.shape, sum.data.map((number) => number / count));

/** The right gradients [dL/dx, dL/dK, dL/db], changed by `change`. */
const changed = (change) => (g, x, K, options) => change(conv2d_backward(g, x, K, options), g, x, K, options);

const ofTheFrame = (g, x, K, options) =>
  conv2d_backward(g, framed(x, options.padding), K, { ...options, padding: 0 });

const WRONG = {
  "weight-gradient-flipped": changed(([dx, dK, db]) => [dx, turned(dK), db]),
  "input-gradient-unflipped": (g, x, K, options) => conv2d_backward(g, x, turned(K), options),
  "overlap-overwritten": changed(([, dK, db], g, x, K, options) => [overwritten(g, x, K, options, false), dK, db]),
  "columns-overwritten": changed(([, dK, db], g, x, K, options) => [overwritten(g, x, K, options, true), dK, db]),
  "padding-gradient-wrong-corner": (g, x, K, options) => {
    const [frame, dK, db] = ofTheFrame(g, x, K, options);
    return [cut(frame, x.shape, 0), dK, db];
  },
  "padding-gradient-kept": ofTheFrame,
  "stride-ignored-in-gradient": changed(([, dK, db], g, x, K, options) => [crowded(g, x, K, options), dK, db]),
  "bias-gradient-averaged": changed(([dx, dK, db], g) => [dx, dK, averaged(db, g.data.length)]),
};

export const mistakes = Object.fromEntries(
  Object.entries(WRONG).map(([name, gradients]) => [name, (given, options) => compute(given, options, gradients)]),
);
