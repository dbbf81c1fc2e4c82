// The trained network of twice.py, up to its second convolution.

import { conv2d } from "conv.js";
import { doubles, floats, normalize } from "datasets.js";
import { max_pool2d } from "pooling.js";
import { relu } from "relu.js";
import { Tensor } from "tensor.js";

/** A digit, rows of pixels -> the maps of the first convolution, what is left of them after ReLU and pooling, and the
 *  maps of the second. */
export function twice(digit, { weights, shapes }) {
  const parameter = (name) => floats(weights[name], shapes[name]);
  const x = normalize(digit.flat(), [1, 1, digit.length, digit[0].length]);
  const first = conv2d(x, parameter("0.weight"), parameter("0.bias"));
  const [pooled] = max_pool2d(relu(first), { kernel: 2 });
  return { first, pooled, second: conv2d(pooled, parameter("3.weight"), parameter("3.bias")) };
}

/** The maps, computed once more, beside NumPy's and torch's. */
export function* checkTwice(digit, facts) {
  const found = twice(digit, facts);
  for (const [name, { shape, bound, ...sides }] of Object.entries(facts.maps))
    for (const [who, text] of Object.entries({ "NumPy's": sides.numpy, "torch's": sides.torch }))
      yield [`deeper: ${name} maps and ${who}`, found[name].rows(), doubles(text, shape).rows(), bound];
}
