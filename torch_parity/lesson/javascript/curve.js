// Curves of a training run, as SVG paths in the box of their drawing.

/** Lets a <path> go through `points`, [x, y], where 0 to `right` and 0 to `top` fill a box of `width` x `height`. */
export function curve(path, points, { right, top, width, height }) {
  const text = points.map(([x, y]) => {
    const up = y < top ? y / top : 1; // what is above the top, or no number any more, runs along it
    return `${((width * x) / right).toFixed(1)},${(height * (1 - up)).toFixed(1)}`;
  });
  path.setAttribute("d", text.length ? `M${text.join("L")}` : "");
}
