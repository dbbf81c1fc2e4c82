// Gradient descent, as in reference/definition/optim.py: sgd_step, without its memory of earlier steps.

import { zeros } from "tensor.js";

/** K and dL/dK of one shape -> K - lr dL/dK; with `maximize` uphill. */
export function sgd_step(K, grad, { lr = 0.001, maximize = false } = {}) {
  const K_new = zeros(K.shape);
  for (let i = 0; i < K.data.length; i++) {
    const g = maximize ? -grad.data[i] : grad.data[i];
    K_new.data[i] = K.data[i] - lr * g;
  }
  return K_new;
}
