// Matrices as pictures: one pixel of the canvas for each number.

/** Pixels as they are: 0 black, 255 white. */
export function grey(canvas, pixels) {
  paint(canvas, pixels, (pixel) => [pixel, pixel, pixel, 255]);
}

/** Numbers with a sign: blue above 0, orange below, the stronger the nearer to `most`; the page shines through 0. */
export function signed(canvas, numbers, most) {
  paint(canvas, numbers, (number) => {
    const strength = Math.round(255 * Math.min(1, Math.abs(number) / most) ** 0.7); // small numbers can be seen, too
    return number < 0 ? [224, 112, 0, strength] : [43, 109, 203, strength];
  });
}

function paint(canvas, numbers, colour) {
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  for (let i = 0; i < numbers.length; i++) picture.data.set(colour(numbers[i]), 4 * i);
  context.putImageData(picture, 0, 0);
}
