// Several filters: which pixels and weights make a number of a feature map.

import { conv2d } from "conv.js";
import { relu } from "relu.js";
import { image as asImage } from "tensor.js";
import { factor, format } from "text.js";

const NAMED = ["vertical", "horizontal", "diagonal", "sobel", "sharpen", "blur"];
const mapOf = (kernel) => (kernel === "kernel" ? "output" : `${kernel}_map`);
const kernelOf = (map) => (map === "output" ? "kernel" : map.replace("_map", ""));

export const fit = (given, { kernel }) => (kernel === "own" ? given : { ...given, kernel: given[kernel] });

/** A kernel with other numbers is one's own. */
export function edited(figure, name) {
  if (name === "kernel") figure.element.querySelector("select[name=kernel]").value = "own";
}

export function compute(given, options) {
  const maps = {};
  for (const kernel of ["kernel", ...NAMED]) maps[mapOf(kernel)] = featureMap(given.image, given[kernel], options);
  return maps;
}

function featureMap(image, kernel, options) {
  const sums = conv2d(asImage(image), asImage(kernel), null);
  return (options.relu ? relu(sums) : sums).rows();
}

/** Of the kernel that was chosen; the maps of the named ones stay right, to be compared with. */
const ofOther = (change) => ({ image, kernel }, options) => ({ output: featureMap(image, change(kernel), options) });

export const mistakes = {
  "kernel-flipped": ofOther((kernel) => kernel.map((row) => row.toReversed()).toReversed()),
  "kernel-transposed": ofOther((kernel) => kernel[0].map((_, k) => kernel.map((row) => row[k]))),
};

export function terms(name, row, column, values, { relu: cut }) {
  if (name === "output" || name.endsWith("_map")) return makes(name, row, column, values, cut);
  return name === "image" ? sees(row, column, values) : uses(name, row, column, values);
}

/** The products of one window. */
function makes(map, row, column, values, cut) {
  const kernel = kernelOf(map);
  const found = values[kernel].flatMap((weights, m) =>
    weights.map((weight, k) => {
      const pixel = values.image[row + m][column + k];
      const cells = [[kernel, m, k], ["image", row + m, column + k]];
      return { cells, text: `${factor(weight)}·${format(pixel)}`, value: weight * pixel };
    }),
  );
  const sum = found.reduce((total, term) => total + term.value, 0);
  const what = kernel === "kernel" ? "this kernel" : `the kernel ${kernel}`;
  const then = cut ? ` ReLU then makes max(0, ${format(sum)}) = ${format(values[map][row][column])} of the sum.` : "";
  const says = `Row ${row}, column ${column} of the map of ${what}: nine products, weight · pixel.${then}`;
  return { says, terms: found, total: sum };
}

/** The outputs of the kernel's map that see a pixel. */
function sees(row, column, { image, kernel, output }) {
  const found = [];
  for (let m = 0; m < kernel.length; m++)
    for (let k = 0; k < kernel[0].length; k++) {
      const [i, j] = [row - m, column - k];
      if (output[i]?.[j] === undefined) continue;
      const text = `${factor(kernel[m][k])}·${format(image[row][column])} in y[${i}, ${j}]`;
      found.push({ cells: [["kernel", m, k], ["output", i, j]], text, value: kernel[m][k] * image[row][column] });
    }
  const pixel = `Row ${row}, column ${column} of the digit, ${format(image[row][column])},`;
  const says = `${pixel} has a share in ${found.length} numbers of the map:`;
  return { says, terms: found };
}

/** The outputs that a weight has a share in; black pixels add nothing. */
function uses(kernel, row, column, values) {
  const weight = values[kernel][row][column];
  const map = values[mapOf(kernel)];
  const found = [];
  for (let i = 0; i < map.length; i++)
    for (let j = 0; j < map[0].length; j++) {
      const pixel = values.image[i + row][j + column];
      if (pixel === 0) continue;
      const cells = [["image", i + row, j + column], [mapOf(kernel), i, j]];
      found.push({ cells, text: `${factor(weight)}·${format(pixel)} in y[${i}, ${j}]`, value: weight * pixel });
    }
  const all = map.length * map[0].length;
  const says = `This weight is used in all ${all} numbers of its map. Where the pixel is not 0, its products are:`;
  return { says, terms: found };
}

export function draw(figure, values) {
  const all = values.output.flat();
  figure.element.querySelector(".range").textContent =
    `This map: from ${format(Math.min(...all))} to ${format(Math.max(...all))}.`;
  for (const canvas of figure.element.querySelectorAll("canvas")) paint(canvas, values[canvas.dataset.map]);
}

// The colours of pictures in lesson.css: of 0, of negative and of positive numbers.
const [ZERO, NEGATIVE, POSITIVE] = [
  [11, 15, 20],
  [255, 157, 46],
  [77, 176, 255],
];

function paint(canvas, rows) {
  const numbers = rows.flat();
  const most = numbers.reduce((size, number) => Math.max(size, Math.abs(number)), 0) || 1;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  numbers.forEach((number, p) => {
    const [full, share] = [number < 0 ? NEGATIVE : POSITIVE, Math.abs(number) / most];
    for (let c = 0; c < 3; c++) picture.data[4 * p + c] = ZERO[c] + share * (full[c] - ZERO[c]);
    picture.data[4 * p + 3] = 255;
  });
  context.putImageData(picture, 0, 0);
}
