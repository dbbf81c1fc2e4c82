// Feature maps as rows of small pictures: of each number one can see what it is, and what it has seen.

import { signed } from "canvas.js";
import { format, say } from "text.js";

/** Each channel of the first image of `tensor` on a canvas of its own; the colours are full at `most`. */
export function paint(element, name, tensor, most = largest(tensor)) {
  const canvases = element.querySelectorAll(`[data-maps=${name}] canvas`);
  const size = canvases[0].width * canvases[0].height;
  canvases.forEach((canvas, c) => signed(canvas, tensor.data.subarray(c * size, (c + 1) * size), most));
}

/** The size of the number farthest from 0. */
export const largest = (tensor) => tensor.data.reduce((top, number) => Math.max(top, Math.abs(number)), 0);

/** Pointing at a picture says which number it is, and frames in the digit, `side` pixels wide, what that number has
 *  seen.  `seen` says by the names of the maps how many pixels, `size`, and by how many the next number sees further,
 *  `step`; `maps` gives the tensors. */
export function pointAt(element, side, seen, maps) {
  const [text, frame] = [element.querySelector(".pointed"), element.querySelector(".frame")];
  const { textContent: empty } = text;
  element.addEventListener("pointermove", ({ target, offsetX, offsetY }) => {
    const name = target.parentElement?.dataset?.maps;
    frame.hidden = !(name in seen);
    if (frame.hidden) return say(text, empty);
    const { width, height, clientWidth, clientHeight } = target;
    const at = (shift, shown, size) => Math.max(0, Math.min(size - 1, Math.floor((shift / shown) * size)));
    const [row, column] = [at(offsetY, clientHeight, height), at(offsetX, clientWidth, width)];
    const map = Array.from(target.parentElement.children).indexOf(target);
    const number = maps()[name].data[(map * height + row) * width + column];
    const { step, size } = seen[name];
    const place = `Map ${map + 1}, row ${row}, column ${column}: ${format(number)}`;
    say(text, `${place}, from the ${size} × ${size} pixels framed in the digit.`);
    for (const [edge, pixels] of [["left", column * step], ["top", row * step], ["width", size], ["height", size]])
      frame.style[edge] = `${(100 * pixels) / side}%`;
  });
}
