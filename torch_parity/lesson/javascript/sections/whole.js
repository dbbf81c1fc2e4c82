// The whole network: it reads the digit on the canvas, and another one like it learns in the page.

import { grey } from "canvas.js";
import { curve } from "curve.js";
import { floats, normalize, unpack } from "datasets.js";
import { linear } from "dense.js";
import { Drawing } from "drawing.js";
import { largest, paint, pointAt } from "maps.js";
import { Network, predictions } from "network.js";
import { softmax } from "softmax.js";
import { Tensor } from "tensor.js";
import { factor, format, say, thousands } from "text.js";
import { Training } from "training.js";

export const rounding = 1e-12;

const SIZE = 28;
const SLICE = 12; // milliseconds of training between two pictures: the page stays responsive
const JUDGE_EVERY = 10; // steps
const SEEN = { maps: { step: 1, size: 3 }, rectified: { step: 1, size: 3 }, pooled: { step: 2, size: 4 } };

export let trained; // the network that reads
export let training; // the one that learns here
let drawing;

/** Unpacks weights and digits, and puts canvas and buttons to work. */
export function begin(figure) {
  const { extra } = figure.facts;
  trained = new Network(parametersOf(extra.trained, extra.shapes));
  training = trainingOf(extra);
  beginDrawing(figure);
  beginTraining(figure);
}

const parametersOf = (texts, shapes) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, floats(text, shapes[name])]));

function trainingOf({ initial, shapes, digits, held_out, at_birth }) {
  const [train, test] = [digits, held_out].map(({ images, labels }) => ({
    pixels: unpack(images, labels.length * SIZE * SIZE),
    labels,
  }));
  return new Training(parametersOf(initial, shapes), train, test, at_birth);
}

// Reading a digit.

export function compute({ drawn }) {
  const scores = trained.forward(normalize(drawn.flat(), [1, 1, SIZE, SIZE]));
  return { scores: scores.rows(), probabilities: softmax(scores).rows() };
}

export const mistakes = {
  // A number of all maps stands beside that of the same place in the next map.
  "flattened-channels-last": ({ drawn }) => {
    trained.forward(normalize(drawn.flat(), [1, 1, SIZE, SIZE]));
    const { pooled, flat } = trained.seen;
    const places = pooled.shape[2] * pooled.shape[3];
    const shuffled = flat.data.map((_, i) => pooled.data[(i % pooled.shape[1]) * places + Math.floor(i / pooled.shape[1])]);
    const scores = linear(new Tensor(flat.shape, shuffled), trained.parameters["4.weight"], trained.parameters["4.bias"]);
    return { scores: scores.rows(), probabilities: softmax(scores).rows() };
  },
};

export function terms(name, row, column, { drawn, scores, probabilities }) {
  if (name === "drawn") return ofPixel(row, column, drawn);
  if (name === "scores") return ofScore(column, scores);
  if (name === "probabilities") return ofProbability(column, scores, probabilities);
  return null;
}

function ofPixel(row, column, drawn) {
  const pixel = drawn[row][column];
  const seen = (place) => Math.min(place, SIZE - 3) - Math.max(0, place - 2) + 1;
  const windows = seen(row) * seen(column);
  return {
    says: `The network sees this pixel as a number near 0. ${windows} places of each of the 8 kernels see it.`,
    start: { text: `(${pixel} / 255 − 0.1307) / 0.3081`, value: 0 },
    terms: [],
    total: (pixel / 255 - 0.1307) / 0.3081,
  };
}

/** What every feature map adds to a score: the sum of its 13 x 13 products. */
function ofScore(digit, scores) {
  const { pooled } = trained.seen;
  const [weight, bias] = [trained.parameters["4.weight"], trained.parameters["4.bias"]];
  const [, maps, height, width] = pooled.shape;
  const found = [];
  for (let map = 0; map < maps; map++) {
    let sum = 0;
    for (let i = map * height * width; i < (map + 1) * height * width; i++)
      sum += weight.data[digit * pooled.data.length + i] * pooled.data[i];
    found.push({ cells: [], text: `${factor(sum)} from map ${map + 1}`, value: sum });
  }
  return {
    says:
      `The score of ${digit}: the bias, and ${thousands(pooled.data.length)} products, weight · pooled number, ` +
      `here added up map by map:`,
    start: { text: `${factor(bias.data[digit])}, the bias`, value: bias.data[digit] },
    terms: found,
    total: scores[0][digit],
  };
}

function ofProbability(digit, [scores], [probabilities]) {
  const top = Math.max(...scores);
  return {
    says:
      `exp(score of ${digit} − ${format(top)}) = ${format(Math.exp(scores[digit] - top))}, over the sum of the same ` +
      `for all ten, is ${format(probabilities[digit])}. The sum:`,
    terms: scores.map((score, c) => {
      const power = Math.exp(score - top);
      return { cells: [["scores", 0, c]], text: format(power), value: power };
    }),
  };
}

function beginDrawing(figure) {
  const canvas = figure.element.querySelector("canvas[data-draw]");
  const put = (pixels) => figure.set({ given: { drawn: new Tensor([SIZE, SIZE], Float64Array.from(pixels)).rows() } });
  const read = () => put(drawing.pixels);
  drawing = new Drawing(canvas, figure.element.querySelector(".pen"), read);
  const act = (name, action) => figure.element.querySelector(name).addEventListener("click", action);
  act(".clear", () => put(new Uint8Array(SIZE * SIZE)));
  act(".centre", () => {
    drawing.centre();
    read();
  });
  figure.element.querySelectorAll("[data-digit]").forEach((button, i) => {
    const pixels = figure.facts.examples[i].given.drawn.flat();
    grey(button.querySelector("canvas"), pixels);
    button.addEventListener("click", () => put(pixels));
  });
  pointAt(figure.element, SIZE, SEEN, () => trained.seen);
}

/** The pictures, the bars and the verdict. */
export function draw(figure, { drawn, probabilities }) {
  const pixels = drawn.flat();
  if (drawing.pixels.some((pixel, i) => pixel !== pixels[i])) drawing.pixels = pixels;
  const { maps, rectified, pooled } = trained.seen;
  const most = largest(maps);
  paint(figure.element, "kernels", trained.parameters["0.weight"]);
  paint(figure.element, "maps", maps, most);
  paint(figure.element, "rectified", rectified, most);
  paint(figure.element, "pooled", pooled, most);
  figure.element.querySelectorAll(".bars > div").forEach((bar, digit) => {
    const share = probabilities[0][digit];
    bar.querySelector(".track > span").style.width = `${100 * share}%`;
    bar.querySelector("output").textContent = percent(share);
  });
  const isDrawn = ({ given }) => given.drawn.flat().every((pixel, i) => pixel === pixels[i]);
  const picked = figure.facts.examples.findIndex(isDrawn);
  figure.element.querySelectorAll("[data-digit]").forEach((button, i) => {
    button.setAttribute("aria-pressed", i === picked);
  });
  say(figure.element.querySelector(".reads"), verdict(pixels, probabilities[0], figure.facts.extra.picked[picked]));
  readWithLearner(figure);
}

const percent = (share) => `${(Math.floor(1000 * share) / 10).toFixed(1)} %`; // 100.0 % is only what is certain

function verdict(pixels, probabilities, picked) {
  const [first, second] = probabilities.map((share, digit) => ({ share, digit })).sort((a, b) => b.share - a.share);
  const guess = `${first.digit}, with a probability of ${percent(first.share)}`;
  if (pixels.every((pixel) => pixel === 0))
    return `Nothing is drawn. The network still says ${guess}: it knows no answer but the ten digits.`;
  const doubt = first.share < 0.8 ? ` It wavers: ${second.digit} gets ${percent(second.share)}.` : "";
  const wrong = ` That is wrong: it is a ${picked}.`;
  const truth = picked === undefined ? "" : picked === first.digit ? " That is right." : wrong;
  return `The network reads ${guess}.${truth}${doubt}`;
}

// Training.

function beginTraining(figure) {
  const find = (selector) => figure.element.querySelector(selector);
  const [train, twenty, restart, rate] = [".train", ".twenty", ".restart", "select[name=eta]"].map(find);
  let until = 0; // the step to train up to
  let frame = 0; // the slice that is waiting

  function slice() {
    frame = 0;
    const end = performance.now() + SLICE;
    while (training.steps < until) {
      training.step(Number(rate.value));
      if (training.steps % JUDGE_EVERY === 0 || performance.now() > end) break;
    }
    if (training.steps % JUDGE_EVERY === 0 || training.steps >= until) training.judge();
    showTraining(figure);
    if (training.steps < until) frame = requestAnimationFrame(slice);
    else stop();
  }

  function go(target) {
    until = target;
    frame ||= requestAnimationFrame(slice);
    train.textContent = "Stop";
  }

  function stop() {
    until = training.steps;
    train.textContent = "Train";
  }

  train.addEventListener("click", () => (training.steps < until ? stop() : go(Infinity)));
  twenty.addEventListener("click", () => go(training.steps + 20));
  restart.addEventListener("click", () => {
    training.restart();
    stop();
    showTraining(figure);
  });
  showTraining(figure);
}

function showTraining(figure) {
  const { losses, judged, steps, network } = training;
  const { loss, accuracy } = judged.at(-1);
  for (const [name, number] of Object.entries({ steps, loss, accuracy })) figure.tables.get(name).write([[number]]);
  paint(figure.element, "learning", network.parameters["0.weight"]);
  const box = { right: Math.max(100, steps), width: 300, height: 100 };
  const line = (selector, points, top) => curve(figure.element.querySelector(selector), points, { ...box, top });
  line(".batch-losses", losses.map((each, i) => [i, each]), 2.5);
  line(".losses", judged.map(({ step, loss: each }) => [step, each]), 2.5);
  line(".accuracies", judged.map(({ step, accuracy: each }) => [step, each]), 1);
  for (const element of figure.element.querySelectorAll(".last-step")) say(element, thousands(box.right));
  readWithLearner(figure);
}

/** How the network that learns here reads the drawing. */
function readWithLearner(figure) {
  const scores = training.network.forward(normalize(drawing.pixels, [1, 1, SIZE, SIZE]));
  const [digit] = predictions(scores);
  say(figure.element.querySelector(".learner-reads"), `${digit}, with ${percent(softmax(scores).data[digit])}`);
}

/** Twenty steps from the start, beside those of NumPy and of torch. */
export function* check({ extra }) {
  const again = trainingOf(extra);
  const { loss, accuracy } = again.verdict();
  yield ["whole: loss and accuracy before training", [[loss, accuracy]], [Object.values(extra.at_birth)], extra.within];
  for (let step = 0; step < extra.steps; step++) again.step(extra.eta);
  const found = summary(again);
  for (const [who, expected] of Object.entries(extra.after))
    for (const [name, rows] of Object.entries(expected))
      yield [`whole: ${name} after training, and ${who}'s`, found[name], rows, extra.within];
}

/** As in whole.py: losses, kernels, biases; of each row of the dense layer's weights the sum and the sum of squares. */
function summary({ losses, network: { parameters } }) {
  const dense = parameters["4.weight"].rows();
  const sums = dense.map((row) => row.reduce((sum, weight) => sum + weight, 0));
  const squares = dense.map((row) => row.reduce((sum, weight) => sum + weight * weight, 0));
  return {
    losses: [losses],
    kernels: new Tensor([8, 9], parameters["0.weight"].data).rows(),
    biases: [[...parameters["0.bias"].data, ...parameters["4.bias"].data]],
    sums: [sums],
    squares: [squares],
  };
}
