// The dense layer, as in reference/definition/dense.py: linear and linear_backward.

import { zeros } from "tensor.js";

/** x (N, I), w (O, I), b (O) or null -> y (N, O). */
export function linear(x, w, b) {
  const [[N, I], [O]] = [x.shape, w.shape];
  const y = zeros([N, O]);
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++) {
      let sum = b ? b.data[o] : 0;
      for (let i = 0; i < I; i++) sum += w.data[o * I + i] * x.data[n * I + i];
      y.data[n * O + o] = sum;
    }
  return y;
}

/** g (N, O) -> dL/dx, dL/dw and dL/db, each of the shape of what it is the gradient of. */
export function linear_backward(g, x, w) {
  const [[N, I], [O]] = [x.shape, w.shape];
  const [grad_x, grad_w, grad_b] = [zeros([N, I]), zeros([O, I]), zeros([O])];
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++) {
      const upstream = g.data[n * O + o];
      grad_b.data[o] += upstream;
      for (let i = 0; i < I; i++) {
        grad_x.data[n * I + i] += upstream * w.data[o * I + i];
        grad_w.data[o * I + i] += upstream * x.data[n * I + i];
      }
    }
  return [grad_x, grad_w, grad_b];
}
