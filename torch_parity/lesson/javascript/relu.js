// The rectified linear unit, as in reference/definition/relu.py: relu and relu_backward.

import { zeros } from "tensor.js";

/** x of any shape -> y = max(0, x). */
export function relu(x) {
  const y = zeros(x.shape);
  for (let i = 0; i < y.data.length; i++) y.data[i] = x.data[i] < 0 ? 0 : x.data[i];
  return y;
}

/** g of any shape, x of the same -> dL/dx: g where x > 0, else 0. */
export function relu_backward(g, x) {
  const grad_x = zeros(x.shape);
  for (let i = 0; i < grad_x.data.length; i++) grad_x.data[i] = x.data[i] <= 0 ? 0 : g.data[i];
  return grad_x;
}
