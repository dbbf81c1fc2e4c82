// Deeper networks: what their layers see, and why two convolutions without a ReLU between them are one.

import { grey } from "canvas.js";
import { conv2d, outputs } from "conv.js";
import { largest, paint, pointAt } from "maps.js";
import { relu } from "relu.js";
import { image as asImage } from "tensor.js";
import { factor, format, thousands } from "text.js";
import { checkTwice, twice } from "twice.js";

const turned = (kernel) => kernel.map((row) => row.toReversed()).toReversed();
const convolved = (x, K, moves) => conv2d(asImage(x), asImage(K), null, moves).rows();

export function compute({ image, first, second }, options, convolve = convolved) {
  let middle = convolve(image, first);
  if (options.relu) middle = relu(asImage(middle)).rows();
  const both = convolve(first, turned(second), { padding: 2 });
  return { middle, output: convolve(middle, second), both, once: convolve(image, both) };
}

export const mistakes = {
  "kernel-flipped": (given, options) => compute(given, options, (x, K, moves) => convolved(x, turned(K), moves)),
};

// Convolutions of the figure: [input, kernel, output].
const STEPS = [
  ["image", "first", "middle"],
  ["middle", "second", "output"],
  ["image", "both", "once"],
];

export function terms(name, row, column, values, options) {
  if (name === "both") return makesBoth(row, column, values);
  const made = STEPS.find(([, , output]) => output === name);
  if (made) return makes(made, row, column, values, options);
  const used = STEPS.find(([input, kernel]) => input === name || kernel === name);
  return used ? uses(used, name, row, column, values) : null;
}

function makes([input, kernel, output], row, column, values, options) {
  const found = values[kernel].flatMap((weights, m) =>
    weights.map((weight, k) => {
      const pixel = values[input][row + m][column + k];
      const cells = [[kernel, m, k], [input, row + m, column + k]];
      return { cells, text: `${factor(weight)}·${factor(pixel)}`, value: weight * pixel };
    }),
  );
  const total = found.reduce((sum, term) => sum + term.value, 0);
  const cut = options.relu && output === "middle";
  const then = cut ? ` ReLU makes ${format(values[output][row][column])} of the sum.` : "";
  const says = `Row ${row}, column ${column}: the sum of ${found.length} products, weight · number.${then}`;
  return { says, terms: found, total };
}

/** A weight of the one kernel: every pair of weights whose shifts add up to its place. */
function makesBoth(row, column, { first, second, both }) {
  const found = [];
  for (let m = 0; m < first.length; m++)
    for (let n = 0; n < first[0].length; n++) {
      const other = second[row - m]?.[column - n];
      if (other === undefined) continue;
      const text = `${factor(first[m][n])}·${factor(other)}`;
      found.push({ cells: [["first", m, n], ["second", row - m, column - n]], text, value: first[m][n] * other });
    }
  const place = `The weight ${row} down and ${column} across`;
  const says = `${place}: a part of the way by the first kernel, the rest by the second, in ${found.length} ways:`;
  return { says, terms: found, total: both[row][column] };
}

/** Where a number of an input, or of a kernel, goes. */
function uses([input, kernel, output], name, row, column, values) {
  const found = [];
  for (let i = 0; i < values[output].length; i++)
    for (let j = 0; j < values[output][0].length; j++)
      for (let m = 0; m < values[kernel].length; m++)
        for (let k = 0; k < values[kernel][0].length; k++) {
          const here = name === input ? [i + m, j + k] : [m, k];
          if (here[0] !== row || here[1] !== column) continue;
          const [weight, pixel] = [values[kernel][m][k], values[input][i + m][j + k]];
          const other = name === input ? [kernel, m, k] : [input, i + m, j + k];
          const text = `${factor(weight)}·${factor(pixel)}`;
          found.push({ cells: [[output, i, j], other], text, value: weight * pixel });
        }
  const says = `This number has a share in ${found.length} numbers of the next step; its products there:`;
  return { says, terms: found };
}

export function draw(figure, values, options) {
  const table = figure.tables.get("once");
  const rounding = 1e-12 * Math.max(1, ...values.output.flat().map(Math.abs)); // the two ways add up in other orders
  let different = 0;
  values.output.forEach((numbers, i) =>
    numbers.forEach((number, j) => {
      const differs = Math.abs(number - values.once[i][j]) > rounding;
      table.cell(i, j).classList.toggle("differs", differs);
      different += differs;
    }),
  );
  const count = values.output.flat().length;
  const why = options.relu ? ": ReLU keeps two kernels from being one" : "";
  figure.element.querySelector(".same").textContent = different
    ? `${different} of ${count} numbers differ, and are outlined${why}.`
    : `All ${count} numbers are equal: two kernels were one.`;
}

export function begin({ element, facts: { extra } }) {
  for (const network of element.querySelectorAll("[data-network]")) listen(network, extra.networks);
  showTrained(element.querySelector(".trained"), extra);
}

// One number of the second maps: 3 x 3 of the first ones after pooling, each of 2 x 2 numbers that see 3 x 3 pixels.
const SEEN = { first: { step: 1, size: 3 }, pooled: { step: 2, size: 4 }, second: { step: 2, size: 8 } };

/** The maps that the trained network makes of the digit, each row in a scale of its own. */
function showTrained(element, { digit, trained }) {
  const maps = twice(digit, trained);
  grey(element.querySelector("canvas.digit"), digit.flat());
  for (const name of ["first", "second"]) paint(element, name, maps[name]);
  paint(element, "pooled", maps.pooled, largest(maps.first));
  pointAt(element, digit.length, SEEN, () => maps);
}

/** Pointing at a layer, or reaching it with the keyboard, shows what a number of it sees. */
function listen(network, facts) {
  const { layers } = facts[network.dataset.network];
  const look = ({ target }) => {
    const button = target.closest("button[data-layer]") ?? target.closest("tr")?.querySelector("button[data-layer]");
    if (!button) return;
    const { kind, sees, shape, weights } = layers[button.dataset.layer];
    for (const other of network.querySelectorAll("button[data-layer]"))
      other.setAttribute("aria-pressed", other === button);
    for (const square of network.querySelectorAll(".sees"))
      square.classList.toggle("lit", square.dataset.layer === button.dataset.layer);
    network.querySelector("figcaption").textContent =
      `${kind}: ${shape.map(thousands).join(" × ")} numbers come out; ` +
      `one of them sees ${sees[2]} × ${sees[3]} pixels. ` +
      (weights ? `The layer has ${thousands(weights)} weights.` : "It has no weights.");
  };
  for (const event of ["pointerover", "focusin", "click"]) network.addEventListener(event, look);
}

/** The layers by arithmetic alone, beside what NumPy and torch found by running them; and the maps, once more. */
export function* check({ extra }) {
  for (const [name, { layers }] of Object.entries(extra.networks)) {
    const found = layers.map(({ shape, weights, sees }) => [...shape, sees[2], weights]);
    yield [`deeper.${name}`, byArithmetic(layers), found, 0];
  }
  yield* checkTwice(extra.digit, extra.trained);
}

function byArithmetic(layers) {
  const SIZE = 28;
  // Of one number: how many pixels it sees, and by how many pixels its neighbour sees further.
  let [channels, size, sees, step] = [1, SIZE, 1, 1];
  let others = 0; // how many more are seen by who looks at all numbers of a map
  return layers.map(({ kind, window, shape }) => {
    let weights = 0;
    if (window) {
      const [kernel, stride, padding] = window;
      if (kind === "Conv2d") [weights, channels] = [shape[0] * (channels * kernel * kernel + 1), shape[0]];
      size = outputs(size, kernel, stride, padding);
      sees += (kernel - 1) * step;
      step *= stride;
    } else if (kind === "Flatten") {
      others = (size - 1) * step;
      channels *= size * size;
      size = 1;
    } else if (kind === "Linear") {
      weights = shape[0] * (channels + 1);
      channels = shape[0];
      sees += others;
      others = 0;
    }
    return [channels, size, size, Math.min(SIZE, sees), weights];
  });
}
