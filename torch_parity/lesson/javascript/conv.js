// Convolution, as in reference/definition.py: conv2d and conv2d_backward.

import { zeros } from "tensor.js";

/** How many windows fit along an axis of `size` pixels. */
export const outputs = (size, kernel, stride, padding, dilation = 1) =>
  Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;

/** x (N, C, H, W), K (O, C, kH, kW), b (O) or null -> y (N, O, oH, oW). */
export function conv2d(x, K, b, { stride = 1, padding = 0, dilation = 1 } = {}) {
  const [N, C, H, W] = x.shape;
  const [O, , kH, kW] = K.shape;
  const [oH, oW] = [outputs(H, kH, stride, padding, dilation), outputs(W, kW, stride, padding, dilation)];
  const y = zeros([N, O, oH, oW]);
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++)
      for (let i = 0; i < oH; i++)
        for (let j = 0; j < oW; j++) {
          let sum = b ? b.data[o] : 0;
          for (let c = 0; c < C; c++)
            for (let m = 0; m < kH; m++)
              for (let k = 0; k < kW; k++) {
                const row = i * stride + m * dilation - padding;
                const column = j * stride + k * dilation - padding;
                if (0 <= row && row < H && 0 <= column && column < W)
                  sum += K.data[((o * C + c) * kH + m) * kW + k] * x.data[((n * C + c) * H + row) * W + column];
              }
          y.data[((n * O + o) * oH + i) * oW + j] = sum;
        }
  return y;
}

/** g (N, O, oH, oW) -> dL/dx, dL/dK and dL/db, each of the shape of what it is the gradient of. */
export function conv2d_backward(g, x, K, { stride = 1, padding = 0, dilation = 1 } = {}) {
  const [N, C, H, W] = x.shape;
  const [O, , kH, kW] = K.shape;
  const [, , oH, oW] = g.shape;
  const [grad_x, grad_K, grad_b] = [zeros(x.shape), zeros(K.shape), zeros([O])];
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++)
      for (let i = 0; i < oH; i++)
        for (let j = 0; j < oW; j++) {
          const upstream = g.data[((n * O + o) * oH + i) * oW + j];
          grad_b.data[o] += upstream;
          for (let c = 0; c < C; c++)
            for (let m = 0; m < kH; m++)
              for (let k = 0; k < kW; k++) {
                const row = i * stride + m * dilation - padding;
                const column = j * stride + k * dilation - padding;
                if (0 <= row && row < H && 0 <= column && column < W) {
                  const pixel = ((n * C + c) * H + row) * W + column;
                  const weight = ((o * C + c) * kH + m) * kW + k;
                  grad_x.data[pixel] += upstream * K.data[weight];
                  grad_K.data[weight] += upstream * x.data[pixel];
                }
              }
        }
  return [grad_x, grad_K, grad_b];
}
