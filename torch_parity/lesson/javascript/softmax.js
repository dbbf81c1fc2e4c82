// Softmax and its logarithm, as in reference/definition/softmax.py: softmax and log_softmax.

import { zeros } from "tensor.js";

/** Scores x (N, C) -> for each row its largest score, and the sum S of exp(x - largest). */
export function sums(x) {
  const [N, C] = x.shape;
  const [top, S] = [zeros([N]), zeros([N])];
  for (let n = 0; n < N; n++) {
    top.data[n] = x.data[n * C];
    for (let c = 1; c < C; c++) if (x.data[n * C + c] > top.data[n]) top.data[n] = x.data[n * C + c];
    for (let c = 0; c < C; c++) S.data[n] += Math.exp(x.data[n * C + c] - top.data[n]);
  }
  return [top, S];
}

/** Scores x (N, C) -> probabilities p (N, C). */
export function softmax(x) {
  const [N, C] = x.shape;
  const [top, S] = sums(x);
  const p = zeros([N, C]);
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++) p.data[n * C + c] = Math.exp(x.data[n * C + c] - top.data[n]) / S.data[n];
  return p;
}

/** Scores x (N, C) -> log p (N, C). */
export function log_softmax(x) {
  const [N, C] = x.shape;
  const [top, S] = sums(x);
  const log_p = zeros([N, C]);
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++) log_p.data[n * C + c] = x.data[n * C + c] - top.data[n] - Math.log(S.data[n]);
  return log_p;
}
