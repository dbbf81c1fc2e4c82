// A canvas to draw a digit on whose 28 x 28 pixels are the matrix, white ink on black.

const CORE = 0.7; // how far from the pen's path the ink is full, in pixels
const EDGE = 1.1; // how far beyond it fades: MNIST's strokes are two to four pixels wide, with soft edges

export class Drawing {
  /** `read` is called whenever the pixels may have changed; `cursor` is an element that shows where the keys draw. */
  constructor(canvas, cursor, read) {
    this.canvas = canvas;
    this.cursor = cursor;
    this.context = canvas.getContext("2d", { willReadFrequently: true });
    this.at = [14, 14]; // where the keys draw
    this.#drawWithPointer(read);
    this.#drawWithKeys(read);
    // Others may have put pixels onto the canvas.
    for (const event of ["input", "change", "pointerup"]) canvas.addEventListener(event, read);
    this.#showCursor();
  }

  /** The pixels, 0 to 255, row by row. */
  get pixels() {
    const { width, height } = this.canvas;
    const { data } = this.context.getImageData(0, 0, width, height);
    return Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]);
  }

  set pixels(pixels) {
    const picture = this.context.createImageData(this.canvas.width, this.canvas.height);
    pixels.forEach((pixel, i) => picture.data.set([pixel, pixel, pixel, 255], 4 * i));
    this.context.putImageData(picture, 0, 0);
  }

  /** Moves the ink by whole pixels, so that its centre of mass comes to lie in the middle, as MNIST's do. */
  centre() {
    const { pixels } = this;
    const { width, height } = this.canvas;
    let [mass, x, y] = [0, 0, 0];
    pixels.forEach((ink, i) => {
      mass += ink;
      x += ink * (i % width);
      y += ink * Math.floor(i / width);
    });
    if (!mass) return;
    const [right, down] = [Math.round(width / 2 - x / mass), Math.round(height / 2 - y / mass)];
    this.pixels = pixels.map((_, i) => {
      const [column, row] = [(i % width) - right, Math.floor(i / width) - down];
      const inside = column >= 0 && column < width && row >= 0 && row < height;
      return inside ? pixels[row * width + column] : 0;
    });
  }

  /** Draws a straight line of ink; coordinates are in pixels, from the upper left corner. */
  line([x0, y0], [x1, y1]) {
    const { pixels } = this;
    const { width } = this.canvas;
    const [dx, dy] = [x1 - x0, y1 - y0];
    const length = dx * dx + dy * dy;
    this.pixels = pixels.map((ink, i) => {
      const [x, y] = [(i % width) + 0.5 - x0, Math.floor(i / width) + 0.5 - y0];
      const along = length ? Math.max(0, Math.min(1, (x * dx + y * dy) / length)) : 0;
      const distance = Math.hypot(x - along * dx, y - along * dy);
      const share = Math.max(0, Math.min(1, 1 - (distance - CORE) / EDGE));
      return Math.max(ink, Math.round(255 * share));
    });
  }

  #drawWithPointer(read) {
    const { canvas } = this;
    let last = null;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top].map((shift) => (shift / box.width) * canvas.width);
    };
    const move = (event) => {
      const next = place(event);
      this.line(last, next);
      last = next;
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      if (event.isTrusted) canvas.setPointerCapture(event.pointerId); // a pointer that a test made up has none
      last = place(event);
      move(event);
      read();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      const between = event.getCoalescedEvents?.() ?? [];
      (between.length ? between : [event]).forEach(move);
      read();
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));
  }

  /** Arrow keys move the cursor; Space draws, and while it or Shift is held, the arrows draw a line. */
  #drawWithKeys(read) {
    const { canvas } = this;
    const moves = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
    let down = false;
    canvas.addEventListener("keydown", (event) => {
      const move = moves[event.key];
      if (!move && event.key !== " ") return;
      event.preventDefault(); // neither scrolls the page
      if (!move) down = true;
      const before = this.at;
      if (move) this.at = before.map((place, i) => Math.max(1, Math.min(canvas.width - 1, place + move[i])));
      this.#showCursor();
      if (!down && !event.shiftKey) return;
      this.line(before, this.at);
      read();
    });
    canvas.addEventListener("keyup", (event) => {
      if (event.key === " ") down = false;
    });
    canvas.addEventListener("blur", () => (down = false));
  }

  #showCursor() {
    const [x, y] = this.at;
    this.cursor.style.left = `${(100 * x) / this.canvas.width}%`;
    this.cursor.style.top = `${(100 * y) / this.canvas.height}%`;
  }
}
