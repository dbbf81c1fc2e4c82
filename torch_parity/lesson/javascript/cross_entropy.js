// Cross-entropy of class indices, averaged over the rows, as in reference/definition/cross_entropy.py: cross_entropy
// and cross_entropy_backward, for an upstream gradient of 1.

import { log_softmax } from "softmax.js";
import { zeros } from "tensor.js";

/** log p (N, C), the true classes (N) -> the loss, one number. */
export function mean_loss(log_p, target) {
  const [N, C] = log_p.shape;
  let sum = 0;
  for (let n = 0; n < N; n++) sum -= log_p.data[n * C + target[n]];
  return sum / N;
}

/** Scores x (N, C), the true classes (N) -> the loss, one number. */
export const cross_entropy = (x, target) => mean_loss(log_softmax(x), target);

/** Scores x (N, C), the true classes (N) -> dL/dx (N, C): (p - y) / N. */
export function cross_entropy_backward(x, target) {
  const [N, C] = x.shape;
  const log_p = log_softmax(x);
  const grad_x = zeros([N, C]);
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++) {
      const y = c === target[n] ? 1 : 0;
      grad_x.data[n * C + c] = (Math.exp(log_p.data[n * C + c]) - y) / N;
    }
  return grad_x;
}
