// The formula network, Y = f(Dense(Flatten(Pool(ReLU(I * K))))), made of the page's formulas, and its training.

import { conv2d, conv2d_backward } from "conv.js";
import { cross_entropy, cross_entropy_backward } from "cross_entropy.js";
import { linear, linear_backward } from "dense.js";
import { flatten, flatten_backward } from "flatten.js";
import { sgd_step } from "optim.js";
import { max_pool2d, max_pool2d_backward } from "pooling.js";
import { relu, relu_backward } from "relu.js";

export class Network {
  /** `parameters` are tensors by torch's names: 0.weight and 0.bias (kernels), 4.weight and 4.bias (dense). */
  constructor(parameters) {
    this.parameters = { ...parameters };
  }

  /** Images x (N, 1, H, W) -> scores (N, 10).  What every formula gave is kept, for the gradients and for the page. */
  forward(x) {
    const { parameters } = this;
    const maps = conv2d(x, parameters["0.weight"], parameters["0.bias"]);
    const rectified = relu(maps);
    const [pooled, indices] = max_pool2d(rectified, { kernel: 2 });
    const flat = flatten(pooled);
    const scores = linear(flat, parameters["4.weight"], parameters["4.bias"]);
    this.seen = { x, maps, rectified, pooled, indices, flat, scores };
    return scores;
  }

  /** g (N, 10), dL/dscores -> dL/dparameter of every parameter, by name.  Nobody asks for the images' gradient. */
  backward(g) {
    const { x, maps, rectified, pooled, indices, flat } = this.seen;
    const [grad_flat, grad_W, grad_c] = linear_backward(g, flat, this.parameters["4.weight"]);
    const grad_pooled = flatten_backward(grad_flat, pooled.shape);
    const grad_rectified = max_pool2d_backward(grad_pooled, indices, rectified.shape);
    const grad_maps = relu_backward(grad_rectified, maps);
    const [, grad_K, grad_b] = conv2d_backward(grad_maps, x, this.parameters["0.weight"], { needs_input_grad: false });
    return { "0.weight": grad_K, "0.bias": grad_b, "4.weight": grad_W, "4.bias": grad_c };
  }

  /** One step of gradient descent on a batch; returns the loss before it. */
  learn(x, target, eta) {
    const scores = this.forward(x);
    const loss = cross_entropy(scores, target);
    const gradients = this.backward(cross_entropy_backward(scores, target));
    for (const [name, gradient] of Object.entries(gradients))
      this.parameters[name] = sgd_step(this.parameters[name], gradient, { lr: eta });
    return loss;
  }
}

/** Of every row of scores the class of the largest one; of equal ones the first. */
export function predictions(scores) {
  const [N, C] = scores.shape;
  return Array.from({ length: N }, (_, n) => {
    let best = 0;
    for (let c = 1; c < C; c++) if (scores.data[n * C + c] > scores.data[n * C + best]) best = c;
    return best;
  });
}
