// Convolution: which pixels and weights make an output.

import { conv2d, outputs } from "conv.js";
import { image, tensor } from "tensor.js";
import { factor } from "text.js";

const turned = (kernel) => kernel.map((row) => row.toReversed()).toReversed();

export function compute({ image: x, kernel, bias }, { stride, padding, dilation, flip }) {
  const K = flip ? turned(kernel) : kernel;
  return { output: conv2d(image(x), image(K), tensor(bias, [1]), { stride, padding, dilation }).rows() };
}

export function refuse({ image: x, kernel }, { stride, padding, dilation }) {
  const fits = outputs(x.length, kernel.length, stride, padding, dilation) > 0;
  return fits ? null : "The kernel, spread out by its dilation, is larger than the padded image: there is no output.";
}

export const padding = (options) => ({ image: options.padding });

/** The products of one window: every tap of the kernel, with the pixel that lies under it. */
export function terms(name, row, column, { image: x, kernel, bias, output }, { stride, padding, dilation, flip }) {
  if (name !== "output") return uses(name, row, column, { image: x, kernel, output }, { stride, padding, dilation, flip });
  const found = [];
  for (let m = 0; m < kernel.length; m++)
    for (let k = 0; k < kernel[0].length; k++) {
      const [i, j] = [row * stride + m * dilation - padding, column * stride + k * dilation - padding];
      const tap = flip ? [kernel.length - 1 - m, kernel[0].length - 1 - k] : [m, k];
      const weight = kernel[tap[0]][tap[1]];
      const pixel = x[i]?.[j];
      const cells = [["kernel", ...tap]];
      if (pixel !== undefined) cells.push(["image", i, j]);
      found.push({ cells, text: `${factor(weight)}·${pixel === undefined ? "0 (padding)" : factor(pixel)}`, value: weight * (pixel ?? 0) });
    }
  const start = bias[0][0] ? { text: factor(bias[0][0]), value: bias[0][0] } : undefined;
  return {
    says: `y[${row}, ${column}] is the sum of ${found.length} products, weight · pixel${start ? ", and the bias" : ""}:`,
    start,
    window: {
      matrix: "image",
      row: row * stride - padding,
      column: column * stride - padding,
      height: (kernel.length - 1) * dilation + 1,
      width: (kernel[0].length - 1) * dilation + 1,
    },
    terms: found,
    total: output[row][column],
  };
}

/** Where a pixel or a weight goes: the outputs that it has a share in. */
function uses(name, row, column, { image: x, kernel, output }, { stride, padding, dilation, flip }) {
  if (name === "bias") return null;
  const found = [];
  for (let i = 0; i < output.length; i++)
    for (let j = 0; j < output[0].length; j++)
      for (let m = 0; m < kernel.length; m++)
        for (let k = 0; k < kernel[0].length; k++) {
          const pixel = [i * stride + m * dilation - padding, j * stride + k * dilation - padding];
          const tap = flip ? [kernel.length - 1 - m, kernel[0].length - 1 - k] : [m, k];
          const at = name === "image" ? pixel : tap;
          const value = x[pixel[0]]?.[pixel[1]];
          if (at[0] !== row || at[1] !== column || value === undefined) continue;
          const other = name === "image" ? ["kernel", ...tap] : ["image", ...pixel];
          const product = kernel[tap[0]][tap[1]] * value;
          const text = `${factor(kernel[tap[0]][tap[1]])}·${factor(value)} in y[${i}, ${j}]`;
          found.push({ cells: [["output", i, j], other], text, value: product });
        }
  const what = name === "image" ? "pixel" : "weight";
  return { says: `This ${what} has a share in ${found.length} outputs; its products there:`, terms: found, total: null };
}

export const mistakes = {
  "kernel-flipped": ({ kernel, ...given }, options) => compute({ kernel: turned(kernel), ...given }, options),
  "kernel-transposed": ({ kernel, ...given }, options) =>
    compute({ kernel: kernel[0].map((_, k) => kernel.map((row) => row[k])), ...given }, options),
  "bias-forgotten": (given, options) => compute({ ...given, bias: [[0]] }, options),
  "dilation-ignored": (given, options) => compute(given, { ...options, dilation: 1 }),
  "padding-on-one-side": ({ image: x, ...given }, options) => {
    const [p, width] = [2 * options.padding, x[0].length + 2 * options.padding];
    const above = Array.from({ length: p }, () => Array(width).fill(0));
    const padded = [...above, ...x.map((row) => [...Array(p).fill(0), ...row])];
    return compute({ image: padded, ...given }, { ...options, padding: 0 });
  },
  "uint8-wrap-around": (given, options) => ({
    output: compute(given, options).output.map((row) => row.map((sum) => ((sum % 256) + 256) % 256)),
  }),
};
