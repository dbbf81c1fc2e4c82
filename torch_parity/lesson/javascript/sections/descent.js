// Gradient descent: one step, and the loss after twenty.
//
// The loss is half the squared distance between the output y = x * K and the wanted output t, so that dL/dy = y - t.

import { conv2d, conv2d_backward } from "conv.js";
import { sgd_step } from "optim.js";
import * as convolution from "sections/convolution.js";
import { image, tensor, zeros } from "tensor.js";
import { factor, format } from "text.js";

const STEPS = 20;

/** The loss where the kernel is K, the output, and dL/dK. */
function slope(x, K, t) {
  const y = conv2d(x, K, null);
  const g = zeros(y.shape);
  let loss = 0;
  for (let i = 0; i < y.data.length; i++) {
    g.data[i] = y.data[i] - t.data[i];
    loss += (g.data[i] * g.data[i]) / 2;
  }
  const [, grad] = conv2d_backward(g, x, K);
  return { loss, y, grad };
}

/** The losses before each of twenty steps, and after the last. */
function path(x, K, t, options) {
  const losses = [];
  for (let step = 0; step <= STEPS; step++) {
    const { loss, grad } = slope(x, K, t);
    losses.push(loss);
    K = sgd_step(K, grad, options);
  }
  return losses;
}

export function compute({ kernel, grad_kernel, image: x, target }, { eta }, maximize = false) {
  const options = { lr: eta, maximize };
  const { y, grad } = slope(image(x), image(kernel), tensor(target));
  return {
    new_kernel: sgd_step(tensor(kernel), tensor(grad_kernel), options).rows(),
    output: y.rows(),
    slope: grad.rows(),
    losses: [path(image(x), image(kernel), tensor(target), options)],
  };
}

export const mistakes = {
  climbing: (given, options) => compute(given, options, true),
};

/** The twenty steps that NumPy and torch took from the kernel that the page starts with. */
export function* check({ examples, extra }) {
  const { image: x, kernel, target } = examples[0].given;
  for (const { eta, numpy, torch, bound } of extra.paths) {
    const losses = [path(image(x), image(kernel), tensor(target), { lr: eta })];
    yield [`descent.losses at ${eta} and NumPy's`, losses, numpy, bound];
    yield [`descent.losses at ${eta} and torch's`, losses, torch, bound];
  }
}

export function terms(name, row, column, values, { eta }) {
  const { kernel, grad_kernel, image: x, output, target } = values;
  if (name === "kernel" || name === "grad_kernel" || name === "new_kernel") {
    const [K, g] = [kernel[row][column], grad_kernel[row][column]];
    const way =
      g > 0
        ? "The gradient is positive: a larger weight would raise the loss, so it goes down."
        : g < 0
          ? "The gradient is negative: a larger weight would lower the loss, so it goes up."
          : "The gradient is 0: the loss is flat in this weight, so it stays.";
    const cells = [["kernel", row, column], ["grad_kernel", row, column], ["new_kernel", row, column]];
    return {
      says: `new K[${row}, ${column}] = old K − η·dL/dK. ${way}`,
      start: { text: format(K), value: K },
      terms: [{ cells, text: `(−${format(eta)})·${factor(g)}`, value: -eta * g }],
    };
  }
  if (name === "losses") return column === 0 ? lossTerms(output, target) : laterLoss(column, values.losses[0], eta);
  if (name === "target") return { ...gap(row, column, output, target), total: null };
  if (name === "slope") {
    const found = [];
    for (let i = 0; i < output.length; i++)
      for (let j = 0; j < output[0].length; j++) {
        const [g, pixel] = [output[i][j] - target[i][j], x[i + row][j + column]];
        const cells = [["kernel", row, column], ["output", i, j], ["target", i, j], ["image", i + row, j + column]];
        found.push({ cells, text: `${factor(g)}·${factor(pixel)}`, value: g * pixel });
      }
    return { says: `dL/dK[${row}, ${column}] of this loss: for every output g·x, with g = y − t.`, terms: found };
  }
  const forward = { image: x, kernel, bias: [[0]], output };
  const found = convolution.terms(name, row, column, forward, { stride: 1, padding: 0, dilation: 1, flip: false });
  return name === "output" ? found : { ...found, total: null };
}

const gap = (i, j, output, target) => {
  const g = output[i][j] - target[i][j];
  return {
    says: `Here y should be ${format(target[i][j])}. The gradient g is what it is too large by:`,
    terms: [{ cells: [["output", i, j], ["target", i, j]], text: `y − t = ${format(g)}`, value: g }],
  };
};

const lossTerms = (output, target) => ({
  says: "The loss before the first step: half the sum of the squares (y − t)².",
  terms: output.flatMap((numbers, i) =>
    numbers.map((y, j) => {
      const g = y - target[i][j];
      return { cells: [["output", i, j], ["target", i, j]], text: `½·${factor(g)}²`, value: (g * g) / 2 };
    }),
  ),
});

const laterLoss = (step, losses, eta) => ({
  says: `The loss at step ${step} with η = ${format(eta)}, where each step goes against the gradient at its own place:`,
  terms: losses.slice(0, step + 1).map((loss, i) => ({ cells: [["losses", 0, i]], text: format(loss), value: loss })),
  total: null,
});

// The curve, and the buttons that go along it.

const [LEFT, RIGHT, TOP, BOTTOM] = [52, 352, 14, 206]; // of the axes, in the drawing's units
const across = (step, last) => LEFT + ((RIGHT - LEFT) * step) / last;
// Beyond the top, and so no number at all, counts as just above it: the line leaves the drawing.
const upward = (loss, highest) => BOTTOM - (BOTTOM - TOP) * (loss / highest < 1.2 ? loss / highest : 1.2);
const line = (losses, first, last, highest) =>
  losses.map((loss, i) => `${across(first + i, last).toFixed(1)},${upward(loss, highest).toFixed(1)}`).join(" ");

const walks = new Map(); // by figure: the losses of the steps taken, and the kernel that they led to

export function draw(figure, values, options) {
  const walk = walks.get(figure) ?? begin(figure);
  const losses = values.losses[0];
  // Someone else put another kernel there: a new walk begins.
  if (String(walk.kernel) !== String(values.kernel)) Object.assign(walk, { losses: [], kernel: values.kernel });
  const taken = [...walk.losses, losses[0]];
  const [now, last] = [walk.losses.length, walk.losses.length + STEPS];
  const highest = taken[0] * 1.25 || 1;
  const { element } = figure;
  const find = (name) => element.querySelector(`.${name}`);
  find("forecast").setAttribute("points", line(losses, now, last, highest));
  find("taken").setAttribute("points", line(taken, 0, last, highest));
  find("here").setAttribute("cx", across(now, last));
  find("here").setAttribute("cy", Math.max(upward(losses[0], highest), TOP - 8));
  find("first-loss").textContent = format(taken[0]);
  find("first-line").setAttribute("y1", upward(taken[0], highest));
  find("first-line").setAttribute("y2", upward(taken[0], highest));
  find("first-loss").setAttribute("y", upward(taken[0], highest) + 4);
  find("last-step").textContent = last;
  const beyond = losses.findIndex((loss) => !(loss <= highest));
  find("beyond").textContent = beyond < 0 ? "" : `↑ off the chart at step ${now + beyond}`;
  const says = verdict(losses, options.eta);
  find("outcome").textContent = says;
  element.querySelector("svg title").textContent = `The loss against the step. ${says}`;
  const etas = choices(figure);
  const slider = find("eta-slider");
  slider.value = etas.indexOf(options.eta);
  slider.setAttribute("aria-valuetext", String(options.eta));
}

/** What becomes of the loss, in a word and in numbers. */
function verdict(losses, eta) {
  const [first, last] = [losses[0], losses.at(-1)];
  const word =
    last > first ? "exploding" : last === first ? "standing still" : last > first / 4 ? "slow" : "falling";
  return `η = ${eta}: ${word}. The loss is ${format(first)} now, and ${format(last)} after ${STEPS} steps.`;
}

const menu = (figure) => figure.controls.find(({ name }) => name === "eta");
const choices = (figure) => Array.from(menu(figure).options, ({ value }) => Number(value));

/** Puts the slider and the buttons of a figure to work. */
function begin(figure) {
  const select = menu(figure);
  const chosen = select.value;
  // The slider and the list go from small to large, whatever the page shows at first.
  select.append(...Array.from(select.options).toSorted((a, b) => a.value - b.value));
  select.value = chosen;
  figure.element.querySelector(".eta-slider").addEventListener("input", (event) => {
    select.selectedIndex = Number(event.target.value);
    figure.update();
  });
  for (const button of figure.element.querySelectorAll("[data-steps]"))
    button.addEventListener("click", () => step(figure, Number(button.dataset.steps)));
  figure.element.querySelector(".own-slope").addEventListener("click", () => {
    figure.set({ given: { grad_kernel: figure.values.slope } });
  });
  const walk = { losses: [], kernel: null };
  walks.set(figure, walk);
  return walk;
}

/** K_new becomes K_old, and the gradient is found anew; `count` times. */
function step(figure, count) {
  const walk = walks.get(figure);
  const go = mistakes[figure.mistake] ?? compute;
  let { given } = figure;
  for (let i = 0; i < count; i++) {
    const { new_kernel: kernel, losses } = go(given, figure.options);
    const { slope: grad_kernel } = go({ ...given, kernel }, figure.options);
    walk.losses.push(losses[0][0]);
    given = { ...given, kernel, grad_kernel };
  }
  walk.kernel = given.kernel;
  figure.set({ given });
}
