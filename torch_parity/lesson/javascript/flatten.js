// Flatten, as in reference/definition/flatten.py, for feature maps: flatten and flatten_backward.

import { zeros } from "tensor.js";

/** x (N, C, H, W) -> y (N, C H W): y[n, (c H + h) W + w] = x[n, c, h, w]. */
export function flatten(x) {
  const [N, C, H, W] = x.shape;
  const y = zeros([N, C * H * W]);
  for (let n = 0; n < N; n++)
    for (let c = 0; c < C; c++)
      for (let h = 0; h < H; h++)
        for (let w = 0; w < W; w++) y.data[n * C * H * W + (c * H + h) * W + w] = x.data[((n * C + c) * H + h) * W + w];
  return y;
}

/** g (N, C H W) -> dL/dx of the given shape: element number t of x gets element number t of g. */
export function flatten_backward(g, shape) {
  const grad_x = zeros(shape);
  for (let t = 0; t < g.data.length; t++) grad_x.data[t] = g.data[t];
  return grad_x;
}
