// A matrix on the page: a table of which every cell carries its number in full in `data-value`.

import { format, parse } from "text.js";

export class Table {
  constructor(element) {
    this.element = element;
    this.name = element.dataset.matrix.split(".")[1];
    this.editable = element.dataset.editable !== undefined;
    this.caption = element.caption.textContent;
  }

  get body() {
    return this.element.tBodies[0];
  }

  cell(row, column) {
    return this.body.rows[row]?.cells[column];
  }

  /** [row, column] of a cell, or of what is inside it. */
  place(inside) {
    const cell = inside.closest("td");
    return [cell.parentElement.rowIndex, cell.cellIndex];
  }

  *cells() {
    for (const row of this.body.rows) yield* row.cells;
  }

  read() {
    return Array.from(this.body.rows, (row) => Array.from(row.cells, (cell) => Number(cell.dataset.value)));
  }

  write(rows) {
    const [height, width] = [rows.length, rows[0].length];
    if (this.body.rows.length !== height || this.body.rows[0].cells.length !== width) this.#resize(height, width);
    rows.forEach((numbers, i) => numbers.forEach((number, j) => this.set(i, j, number)));
  }

  set(row, column, number) {
    const cell = this.cell(row, column);
    if (Object.is(Number(cell.dataset.value), number) && cell.firstElementChild.dataset.written) return;
    cell.dataset.value = Object.is(number, -0) ? "-0" : String(number);
    const inside = cell.firstElementChild;
    const text = format(number);
    if (this.editable) inside.value = text;
    else inside.textContent = text;
    inside.dataset.written = "yes";
    cell.style.setProperty("--length", text.length); // long ones are set smaller: no column may grow
    if (!this.editable) this.mark(row, column, null);
    if (this.element.dataset.picture !== undefined) this.#shade(cell, number);
  }

  /** Takes what was typed into a cell; a text that is no number is put back. Returns whether it was one. */
  accept(input) {
    const [row, column] = this.place(input);
    const number = parse(input.value);
    const accepted = Number.isFinite(number);
    const cell = this.cell(row, column);
    delete input.dataset.written;
    this.set(row, column, accepted ? number : Number(cell.dataset.value));
    return accepted;
  }

  /** Shows room for `pixels` rows and columns of zeros on every side. */
  pad(pixels) {
    this.element.style.setProperty("--padding", pixels);
    this.element.classList.toggle("padded", pixels > 0);
  }

  /** A frame around `height` x `width` cells, also where they stand outside the matrix, in its padding; null: none. */
  frame(window) {
    const frame = this.element.parentElement.querySelector(".window");
    if (!window) return frame?.remove();
    const [first, next] = [this.cell(0, 0), this.cell(1, 1) ?? this.cell(0, 0)];
    const pitch = [next.offsetTop - first.offsetTop, next.offsetLeft - first.offsetLeft];
    const shown = frame ?? this.element.parentElement.appendChild(document.createElement("div"));
    shown.className = "window";
    const { row, column, height, width } = window;
    shown.style.top = `${this.element.offsetTop + first.offsetTop + row * pitch[0]}px`;
    shown.style.left = `${this.element.offsetLeft + first.offsetLeft + column * pitch[1]}px`;
    shown.style.height = `${(height - 1) * pitch[0] + first.offsetHeight}px`;
    shown.style.width = `${(width - 1) * pitch[1] + first.offsetWidth}px`;
  }

  /** Marks a computed number as wrong, saying what is right; null: takes the mark away. */
  mark(row, column, right) {
    const cell = this.cell(row, column);
    const [inside, note] = [cell.firstElementChild, right === null ? "" : `wrong; right: ${right}`];
    cell.classList.toggle("wrong", Boolean(note));
    cell.title = note;
    const label = `${this.#where(row, column)}: ${format(Number(cell.dataset.value))}`;
    inside.setAttribute("aria-label", note ? `${label}, ${note}` : label);
  }

  /** Makes this cell the one that Tab stops at; arrow keys go on from it. */
  stopAt(cell) {
    for (const other of this.element.querySelectorAll('td > [tabindex="0"]')) other.tabIndex = -1;
    cell.firstElementChild.tabIndex = 0;
  }

  #where(row, column) {
    return `${this.caption}, row ${row}, column ${column}`;
  }

  #shade(cell, number) {
    const share = Math.max(0, Math.min(255, number)) / 255;
    cell.style.setProperty("--shade", share.toFixed(3));
  }

  #resize(height, width) {
    const rows = Array.from({ length: height }, (_, i) => {
      const row = document.createElement("tr");
      for (let j = 0; j < width; j++) row.append(this.#newCell(i, j));
      return row;
    });
    this.body.replaceChildren(...rows);
  }

  #newCell(row, column) {
    const cell = document.createElement("td");
    const inside = document.createElement(this.editable ? "input" : "button");
    if (this.editable) {
      inside.inputMode = "decimal";
      inside.autocomplete = "off";
      inside.setAttribute("aria-label", this.#where(row, column));
    } else {
      inside.type = "button";
      inside.tabIndex = row || column ? -1 : 0;
    }
    cell.append(inside);
    return cell;
  }
}
