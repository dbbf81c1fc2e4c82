// Convolution, as in reference/definition/conv.py: conv2d and conv2d_backward.  The same products are added in the same
// order, so the bits are the same; but tap by tap: the innermost loop then runs along a row, as fast as it can.

import { zeros } from "tensor.js";

/** How many windows fit along an axis of `size` pixels. */
export const outputs = (size, kernel, stride, padding, dilation = 1) =>
  Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;

/** Of `windows` along an axis the first whose tap at `shift` lies on one of `size` pixels, and the last, plus 1. */
const seeing = (size, windows, stride, shift) => [
  Math.max(0, Math.ceil(-shift / stride)),
  Math.min(windows, Math.floor((size - 1 - shift) / stride) + 1),
];

/** x (N, C, H, W), K (O, C, kH, kW), b (O) or null -> y (N, O, oH, oW). */
export function conv2d(x, K, b, { stride = 1, padding = 0, dilation = 1 } = {}) {
  const [N, C, H, W] = x.shape;
  const [O, , kH, kW] = K.shape;
  const [oH, oW] = [outputs(H, kH, stride, padding, dilation), outputs(W, kW, stride, padding, dilation)];
  const y = zeros([N, O, oH, oW]);
  const [pixels, sums] = [x.data, y.data];
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++) {
      const plane = (n * O + o) * oH * oW;
      if (b) sums.fill(b.data[o], plane, plane + oH * oW);
      for (let c = 0; c < C; c++)
        for (let m = 0; m < kH; m++)
          for (let k = 0; k < kW; k++) {
            const weight = K.data[((o * C + c) * kH + m) * kW + k];
            const [down, across] = [m * dilation - padding, k * dilation - padding];
            const [top, bottom] = seeing(H, oH, stride, down);
            const [left, right] = seeing(W, oW, stride, across);
            for (let i = top; i < bottom; i++) {
              const row = ((n * C + c) * H + i * stride + down) * W + across;
              for (let j = left; j < right; j++) sums[plane + i * oW + j] += weight * pixels[row + j * stride];
            }
          }
    }
  return y;
}

/** g (N, O, oH, oW) -> dL/dx (null unless needed), dL/dK and dL/db, each of the shape of what it is the gradient of. */
export function conv2d_backward(g, x, K, { stride = 1, padding = 0, dilation = 1, needs_input_grad = true } = {}) {
  const [N, C, H, W] = x.shape;
  const [O, , kH, kW] = K.shape;
  const [, , oH, oW] = g.shape;
  const [grad_x, grad_K, grad_b] = [needs_input_grad ? zeros(x.shape) : null, zeros(K.shape), zeros([O])];
  const [pixels, upstream] = [x.data, g.data];
  for (let n = 0; n < N; n++)
    for (let o = 0; o < O; o++) {
      const plane = (n * O + o) * oH * oW;
      for (let at = plane; at < plane + oH * oW; at++) grad_b.data[o] += upstream[at];
      for (let c = 0; c < C; c++)
        // A pixel is seen by the last tap of the first window that sees it: so the taps go backwards.
        for (let m = kH - 1; m >= 0; m--)
          for (let k = kW - 1; k >= 0; k--) {
            const weight = ((o * C + c) * kH + m) * kW + k;
            const [down, across] = [m * dilation - padding, k * dilation - padding];
            const [top, bottom] = seeing(H, oH, stride, down);
            const [left, right] = seeing(W, oW, stride, across);
            let sum = grad_K.data[weight];
            for (let i = top; i < bottom; i++) {
              const row = ((n * C + c) * H + i * stride + down) * W + across;
              for (let j = left; j < right; j++) sum += upstream[plane + i * oW + j] * pixels[row + j * stride];
              if (grad_x)
                for (let j = left; j < right; j++)
                  grad_x.data[row + j * stride] += upstream[plane + i * oW + j] * K.data[weight];
            }
            grad_K.data[weight] = sum;
          }
    }
  return [grad_x, grad_K, grad_b];
}
