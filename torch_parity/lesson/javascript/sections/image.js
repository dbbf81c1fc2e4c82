// The image: the number under the pointer, and the three numbers of a pixel in colour.

import { conv2d } from "conv.js";
import { image, tensor } from "tensor.js";
import { factor, format } from "text.js";

const CHANNELS = ["red", "green", "blue"];
const AROUND = 3; // pixels on each side, in the enlarged part
const BRIGHT = 118; // from here on black is read better than white

export const fit = (given, { digit }, { digits }) => ({ ...given, pixels: digits[digit] });

export function compute({ red, green, blue, weights }) {
  const x = tensor([...red, ...green, ...blue], [1, 3, red.length, red[0].length]);
  return { grey: conv2d(x, tensor(weights, [1, 3, 1, 1]), null).rows() };
}

export const mistakes = {
  "first-channel-only": ({ red, weights }) => {
    const first = tensor([[weights[0][0]]], [1, 1, 1, 1]);
    return { grey: conv2d(image(red), first, null).rows() };
  },
};

export function terms(name, row, column, values) {
  const product = (channel, i, j) => {
    const [weight, value] = [values.weights[0][channel], values[CHANNELS[channel]][i][j]];
    return {
      cells: [["weights", 0, channel], [CHANNELS[channel], i, j], ["grey", i, j]],
      text: `${factor(weight)}·${format(value)}`,
      value: weight * value,
    };
  };
  if (name === "grey")
    return {
      says: `Grey at row ${row}, column ${column}: each channel with its weight:`,
      terms: CHANNELS.map((_, channel) => product(channel, row, column)),
      total: values.grey[row][column],
    };
  if (CHANNELS.includes(name)) {
    const channel = CHANNELS.indexOf(name);
    const says = `This much of the ${name} goes into the grey pixel at the same place:`;
    return { says, terms: [product(channel, row, column)] };
  }
  if (name === "weights") {
    const all = values.grey.flatMap((numbers, i) => numbers.map((_, j) => product(column, i, j)));
    const says = `The weight of ${CHANNELS[column]} has a share in all ${all.length} grey pixels; its products there:`;
    return { says, terms: all };
  }
  return null;
}

let [atRow, atColumn] = [12, 12]; // the pixel of the digit that was pointed at last

export function draw(figure) {
  showPixel(figure, atRow, atColumn);
  const picture = figure.element.querySelector("svg");
  const place = ({ target }) => [target.y?.baseVal.value, target.x?.baseVal.value];
  picture.onpointerover = (event) => {
    if (!figure.pinned && event.target !== picture) showColour(figure, ...place(event));
  };
  picture.onclick = (event) => event.target !== picture && figure.pin(["grey", ...place(event)]);
  const marker = picture.querySelector(".marker");
  showColour(figure, marker.y.baseVal.value, marker.x.baseVal.value);
}

export function light(figure, place) {
  if (!place) return; // the last one stays shown
  const [name, row, column] = place;
  if (name === "pixels") showPixel(figure, row, column);
  else if (name !== "weights") showColour(figure, row, column);
}

function showPixel(figure, row, column) {
  [atRow, atColumn] = [row, column];
  const { pixels } = figure.values;
  const reading = figure.element.querySelector(".reading");
  reading.querySelector(".at-row").textContent = row;
  reading.querySelector(".at-column").textContent = column;
  reading.querySelector(".value").textContent = format(pixels[row][column]);
  reading.querySelector(".swatch").style.setProperty("--shade", pixels[row][column] / 255);
  const first = (at, size) => Math.max(0, Math.min(size - 2 * AROUND - 1, at - AROUND)); // stay inside the image
  const [top, left] = [first(row, pixels.length), first(column, pixels[0].length)];
  for (const line of reading.querySelector(".zoom").tBodies[0].rows)
    for (const cell of line.cells) {
      const [i, j] = [top + line.rowIndex, left + cell.cellIndex];
      const number = pixels[i][j];
      cell.textContent = number;
      cell.style.setProperty("--shade", number / 255);
      cell.classList.toggle("bright", number > BRIGHT);
      cell.classList.toggle("here", i === row && j === column);
    }
}

function showColour(figure, row, column) {
  const { element, values } = figure;
  const marker = element.querySelector(".marker");
  marker.setAttribute("x", column);
  marker.setAttribute("y", row);
  const numbers = CHANNELS.map((channel) => values[channel][row][column]);
  element.querySelector(".mixed .swatch").style.background = `rgb(${numbers.join(",")})`;
  element.querySelectorAll(".mixed b").forEach((place, channel) => (place.textContent = numbers[channel]));
}
