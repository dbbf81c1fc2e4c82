// Digits, as in reference/datasets.py: from pixels to what a network learns from well; and how the page holds them.

import { Tensor } from "tensor.js";

/** Pixels, 0 to 255, as doubles: scaled to [0, 1], less the mean of MNIST's pixels, over their standard deviation. */
export function normalize(pixels, shape) {
  const x = new Tensor(shape);
  for (let i = 0; i < pixels.length; i++) x.data[i] = (pixels[i] / 255 - 0.1307) / 0.3081;
  return x;
}

/** Images as packed by packing.py: where a byte is 0, the next one says how many zeros stand there. */
export function unpack(text, size) {
  const packed = bytes(text);
  const pixels = new Uint8Array(size);
  for (let i = 0, at = 0; i < packed.length; i++)
    if (packed[i]) pixels[at++] = packed[i];
    else at += packed[++i];
  return pixels;
}

/** float32 numbers, as doubles. */
export function floats(text, shape) {
  const view = new DataView(bytes(text).buffer);
  return new Tensor(shape, Float64Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true)));
}

/** float64 numbers. */
export function doubles(text, shape) {
  const view = new DataView(bytes(text).buffer);
  return new Tensor(shape, Float64Array.from({ length: view.byteLength / 8 }, (_, i) => view.getFloat64(8 * i, true)));
}

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
