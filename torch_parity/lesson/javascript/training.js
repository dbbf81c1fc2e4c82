// Training in the page: batch after batch, in the same order in every epoch, so that anybody can repeat it.

import { cross_entropy } from "cross_entropy.js";
import { normalize } from "datasets.js";
import { Network, predictions } from "network.js";

const BATCH = 32;

export class Training {
  /** `parameters` to start from; `digits` to learn from and `heldOut`, to judge by: {pixels, labels}; `atBirth`, what
   *  judging the first parameters gives: a page that only opens need not wait for it. */
  constructor(parameters, digits, heldOut, atBirth) {
    this.initial = parameters;
    this.atBirth = { step: 0, ...atBirth };
    this.batches = batchesOf(digits);
    this.heldOut = batchesOf(heldOut);
    this.restart();
  }

  restart() {
    this.network = new Network(this.initial);
    this.losses = []; // of every batch, before its step
    this.judged = [this.atBirth]; // {step, loss, accuracy} on the digits held out
  }

  get steps() {
    return this.losses.length;
  }

  step(eta) {
    const { x, labels } = this.batches[this.steps % this.batches.length];
    this.losses.push(this.network.learn(x, labels, eta));
  }

  /** Adds loss and accuracy on the digits held out to `judged`. */
  judge() {
    if (this.judged.at(-1).step !== this.steps) this.judged.push({ step: this.steps, ...this.verdict() });
  }

  verdict() {
    let [loss, right, total] = [0, 0, 0];
    for (const { x, labels } of this.heldOut) {
      const scores = this.network.forward(x);
      loss += cross_entropy(scores, labels) * labels.length;
      right += predictions(scores).filter((label, n) => label === labels[n]).length;
      total += labels.length;
    }
    return { loss: loss / total, accuracy: right / total };
  }
}

function batchesOf({ pixels, labels }) {
  const batches = [];
  for (let first = 0; first < labels.length; first += BATCH) {
    const some = labels.slice(first, first + BATCH);
    const x = normalize(pixels.subarray(first * 784, (first + some.length) * 784), [some.length, 1, 28, 28]);
    batches.push({ x, labels: some });
  }
  return batches;
}
