// Numbers with a shape, in one array, the last index fastest; all are doubles.

export class Tensor {
  constructor(shape, data = new Float64Array(shape.reduce((product, size) => product * size, 1))) {
    this.shape = shape;
    this.data = data;
  }

  /** The rows of a matrix; of an image the rows of its only channel. */
  rows() {
    const width = this.shape.at(-1);
    return Array.from({ length: this.data.length / width }, (_, i) =>
      Array.from(this.data.subarray(i * width, (i + 1) * width)),
    );
  }
}

export const zeros = (shape) => new Tensor(shape);

/** A matrix (rows of numbers) as a tensor of `shape`, as a matrix (height, width) if none is given. */
export const tensor = (rows, shape = [rows.length, rows[0].length]) => new Tensor(shape, Float64Array.from(rows.flat()));

/** A matrix as one image with one channel. */
export const image = (rows) => tensor(rows, [1, 1, rows.length, rows[0].length]);
