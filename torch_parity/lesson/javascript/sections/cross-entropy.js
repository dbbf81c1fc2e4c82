// Softmax and cross-entropy: sliders for the scores, bars for the probabilities, the loss on its curve.

import { batch } from "batch.js";
import { cross_entropy, cross_entropy_backward, mean_loss } from "cross_entropy.js";
import { softmax, log_softmax, sums } from "softmax.js";
import { Tensor, tensor } from "tensor.js";
import { factor, format } from "text.js";

export const rounding = 1e-12;

export const fit = ({ logits }, options) => ({ logits: batch(logits, options.batch) });

/** The true class of every row: the one chosen, then the next one. */
const classes = (logits, target) => logits.map((row, n) => (target + n) % row.length);

export function compute({ logits }, { target }) {
  const [x, t] = [tensor(logits), classes(logits, target)];
  return {
    probabilities: softmax(x).rows(),
    loss: [[cross_entropy(x, t)]],
    grad_logits: cross_entropy_backward(x, t).rows(),
  };
}

export function terms(name, row, column, { logits }, { target }) {
  const [N, x, t] = [logits.length, tensor(logits), classes(logits, target)];
  const [[top, S], p, log_p] = [sums(x), softmax(x).rows(), log_softmax(x).rows()];
  const mean = N === 1 ? "" : `/${N}`;
  if (name === "probabilities") {
    const power = (c) => `exp(${format(logits[row][c])} − ${factor(top.data[row])})`;
    return {
      says:
        `p[${row}, ${column}] = ${power(column)} / S = ${format(p[row][column])}. ` +
        `S adds up all ${logits[row].length} powers, each score less the largest one, ${format(top.data[row])}:`,
      terms: logits[row].map((score, c) => ({
        text: power(c),
        value: Math.exp(score - top.data[row]),
        cells: [["logits", row, c]],
      })),
      total: S.data[row],
    };
  }
  if (name === "loss")
    return {
      says: `The loss is −log of the probability of the true class${N === 1 ? "" : `, averaged over ${N} images`}:`,
      terms: t.map((c, n) => ({
        text: `−log ${format(p[n][c])}${mean}`,
        value: -log_p[n][c] / N,
        cells: [["probabilities", n, c]],
      })),
    };
  const y = column === t[row] ? 1 : 0;
  const not = y ? "" : "not ";
  const says =
    name === "logits"
      ? `Raise this score a little: the loss grows (p − y)${mean} times as much. p: it is part of S; ` +
        `−${y}: it is ${not}the true class's score.`
      : `(p − y)${mean}: what is predicted less what is true. Class ${column} is ${not}the true one, y = ${y}:`;
  const other = [name === "logits" ? "grad_logits" : "logits", row, column];
  const [predicted, truth] = [[["probabilities", row, column], other], name === "logits" ? [["loss", 0, 0]] : []];
  return {
    says,
    terms: [
      { text: format(p[row][column]) + mean, value: p[row][column] / N, cells: predicted },
      { text: `(−${y})${mean}`, value: -y / N, cells: truth },
    ],
  };
}

// Mistakes.

function unshifted(logits) {
  const powers = logits.map((row) => row.map(Math.exp));
  return powers.map((row) => row.map((power) => power / row.reduce((sum, other) => sum + other, 0)));
}

const other = (change) => (given, options) => {
  const right = compute(given, options);
  return { ...right, ...change(tensor(given.logits), classes(given.logits, options.target), right) };
};

const times = (rows, factor) => rows.map((row) => row.map((number) => number * factor));

/** g (N, C), dL/dp, and the probabilities p -> dL/dx of the scores x, as rows. */
function softmax_backward(g, p) {
  const upstream = g.rows();
  return p.rows().map((shares, n) => {
    const mean = shares.reduce((sum, share, c) => sum + share * upstream[n][c], 0);
    return shares.map((share, c) => share * (upstream[n][c] - mean));
  });
}

/** Whoever takes softmax twice goes back through both. */
function doubleSoftmax(x, t) {
  const p = softmax(x);
  return { loss: [[cross_entropy(p, t)]], grad_logits: softmax_backward(cross_entropy_backward(p, t), p) };
}

/** The slope of -log(p + epsilon) is -1 / (p + epsilon), for the true class alone. */
function withEpsilon(x, t) {
  const [p, N] = [softmax(x), t.length];
  const raised = new Tensor(p.shape, p.data.map((probability) => probability + 1e-7));
  const slope = tensor(raised.rows().map((row, n) => row.map((number, c) => (c === t[n] ? -1 / number / N : 0))));
  const log_p = new Tensor(p.shape, raised.data.map(Math.log));
  return { loss: [[mean_loss(log_p, t)]], grad_logits: softmax_backward(slope, p) };
}

export const mistakes = {
  "double-softmax": other(doubleSoftmax),
  "no-max-subtraction": other((x) => ({ probabilities: unshifted(x.rows()) })),
  "epsilon-in-the-logarithm": other(withEpsilon),
  "gradient-not-averaged": other((x, t, right) => ({ grad_logits: times(right.grad_logits, t.length) })),
  "averaged-twice": other((x, t, right) => ({
    loss: times(right.loss, 1 / t.length),
    grad_logits: times(right.grad_logits, 1 / t.length),
  })),
};

// Sliders, bars and the curve.

export function draw(figure, { logits, probabilities, loss }, { target }) {
  const t = classes(logits, target);
  const groups = figure.element.querySelector(".entropy-scores");
  while (groups.children.length < logits.length) groups.append(groups.firstElementChild.cloneNode(true));
  while (groups.children.length > logits.length) groups.lastElementChild.remove();
  logits.forEach((row, n) => drawScores(figure, groups.children[n], n, row, probabilities[n], t[n], logits.length));
  drawCurve(figure.element.querySelector(".entropy-curve"), t.map((c, n) => probabilities[n][c]), loss[0][0]);
}

function drawScores(figure, group, n, scores, probabilities, truth, N) {
  const image = N === 1 ? "" : `image ${n}: `;
  group.querySelector("legend").textContent = `${image}scores and probabilities`;
  group.querySelectorAll(".entropy-score").forEach((line, c) => {
    const slider = line.querySelector("input");
    slider.value = scores[c];
    slider.setAttribute("aria-label", `${image}score of class ${c}`);
    slider.oninput = () => {
      const moved = figure.given.logits;
      moved[n][c] = slider.valueAsNumber;
      figure.set({ given: { logits: moved } });
    };
    const p = probabilities[c];
    line.querySelector(".bar span").style.width = `${Number.isFinite(p) ? 100 * p : 0}%`;
    line.querySelector(".share").textContent = Number.isFinite(p) ? `${(100 * p).toFixed(1)} %` : "NaN";
    line.classList.toggle("true", c === truth);
    line.querySelector(".truth").textContent = c === truth ? "✓ true" : "";
  });
}

const MOST = 5; // the largest loss that the curve shows
const place = (svg, p, loss) => [
  Number(svg.dataset.left) + p * svg.dataset.width,
  Number(svg.dataset.top) + (1 - Math.min(loss, MOST) / MOST) * svg.dataset.height,
];

function drawCurve(svg, probabilities, loss) {
  const heights = Array.from({ length: 101 }, (_, k) => (MOST * k) / 100);
  const line = heights.map((height) => place(svg, Math.exp(-height), height));
  const written = line.map((point) => point.map((number) => number.toFixed(1)).join(","));
  svg.querySelector(".line").setAttribute("points", written.join(" "));
  const found = probabilities
    .map((p) => [p, probabilities.length === 1 ? loss : -Math.log(p)])
    .filter((numbers) => !numbers.some(Number.isNaN));
  svg.querySelector(".points").replaceChildren(
    ...found.flatMap(([p, height]) => {
      const [x, y] = place(svg, p, height);
      const points = `${svg.dataset.left},${y} ${x},${y} ${x},${place(svg, p, 0)[1]}`;
      return [shape("polyline", { class: "guide", points }), shape("circle", { class: "point", cx: x, cy: y, r: 6 })];
    }),
  );
  const text = found.map(
    ([p, height]) => `p = ${format(p)}, loss ${format(height)}${height > MOST ? " (above the picture)" : ""}`,
  );
  const title = `The loss −log p falls as the true class's probability p grows. ${text.join("; ")}`;
  svg.querySelector("title").textContent = title;
  svg.parentElement.querySelector("figcaption").textContent = text.join("\n") || "not a number";
}

function shape(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
}
