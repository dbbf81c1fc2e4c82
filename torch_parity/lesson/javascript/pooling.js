// Pooling, as in reference/definition/pooling.py: max_pool2d, avg_pool2d and their gradients.

import { outputs } from "conv.js";
import { zeros } from "tensor.js";

/** x (N, C, H, W) -> y (N, C, oH, oW), and the places of the maxima, row * W + column, in an array as long as y. */
export function max_pool2d(x, { kernel, stride = kernel }) {
  const [N, C, H, W] = x.shape;
  const [oH, oW] = [outputs(H, kernel, stride, 0), outputs(W, kernel, stride, 0)];
  const y = zeros([N, C, oH, oW]);
  const indices = new Int32Array(y.data.length);
  for (let plane = 0; plane < N * C; plane++)
    for (let i = 0; i < oH; i++)
      for (let j = 0; j < oW; j++) {
        let [largest, index] = [-Infinity, -1];
        for (let m = 0; m < kernel; m++)
          for (let k = 0; k < kernel; k++) {
            const [row, column] = [i * stride + m, j * stride + k];
            const pixel = x.data[(plane * H + row) * W + column];
            if (index === -1 || pixel > largest || Number.isNaN(pixel))
              [largest, index] = [pixel, row * W + column];
          }
        y.data[(plane * oH + i) * oW + j] = largest;
        indices[(plane * oH + i) * oW + j] = index;
      }
  return [y, indices];
}

/** g (N, C, oH, oW) and the places of the maxima -> dL/dx of `shape` (N, C, H, W). */
export function max_pool2d_backward(g, indices, shape) {
  const [, , H, W] = shape;
  const [, , oH, oW] = g.shape;
  const grad_x = zeros(shape);
  for (let window = 0; window < g.data.length; window++) {
    const plane = Math.floor(window / (oH * oW));
    grad_x.data[plane * H * W + indices[window]] += g.data[window];
  }
  return grad_x;
}

/** x (N, C, H, W) -> y (N, C, oH, oW), the means of the windows. */
export function avg_pool2d(x, { kernel, stride = kernel }) {
  const [N, C, H, W] = x.shape;
  const [oH, oW] = [outputs(H, kernel, stride, 0), outputs(W, kernel, stride, 0)];
  const y = zeros([N, C, oH, oW]);
  for (let plane = 0; plane < N * C; plane++)
    for (let i = 0; i < oH; i++)
      for (let j = 0; j < oW; j++) {
        let sum = 0;
        for (let m = 0; m < kernel; m++)
          for (let k = 0; k < kernel; k++) sum += x.data[(plane * H + i * stride + m) * W + j * stride + k];
        y.data[(plane * oH + i) * oW + j] = sum / (kernel * kernel);
      }
  return y;
}

/** g (N, C, oH, oW) -> dL/dx of `shape` (N, C, H, W): every pixel of a window gets g / D, D pixels. */
export function avg_pool2d_backward(g, shape, { kernel, stride = kernel }, D = kernel * kernel) {
  const [N, C, H, W] = shape;
  const [, , oH, oW] = g.shape;
  const grad_x = zeros(shape);
  for (let plane = 0; plane < N * C; plane++)
    for (let i = 0; i < oH; i++)
      for (let j = 0; j < oW; j++)
        for (let m = 0; m < kernel; m++)
          for (let k = 0; k < kernel; k++)
            grad_x.data[(plane * H + i * stride + m) * W + j * stride + k] += g.data[(plane * oH + i) * oW + j] / D;
  return grad_x;
}
