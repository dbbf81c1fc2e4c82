// A matrix on the page: a table of which every cell carries its number in full in `data-value`.

import { format, parse } from "text.js";

export class Table {
  constructor(element) {
    this.element = element;
    this.name = element.dataset.matrix.split(".")[1];
    this.editable = element.dataset.editable !== undefined;
    this.caption = element.caption.textContent;
    this.picture = element.dataset.picture; // how cells are shaded by their numbers, if they are: see lesson.css
    this.unlettered = this.picture === "grey" || this.picture === "signed"; // numbers not seen, but there to be read
    this.scale = this.picture === "grey" ? 255 : null; // null: as the page came, shaded already
    this.written = null; // the numbers of a picture
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

  read() {
    return Array.from(this.body.rows, (row) => Array.from(row.cells, (cell) => Number(cell.dataset.value)));
  }

  write(rows) {
    const [height, width] = [rows.length, rows[0].length];
    if (this.body.rows.length !== height || this.body.rows[0].cells.length !== width) this.#resize(height, width);
    const rescaled = this.picture && this.#rescale(rows);
    const before = this.written; // a picture has many cells: those whose numbers stay are left alone
    rows.forEach((numbers, i) =>
      numbers.forEach((number, j) => {
        if (Object.is(before?.[i]?.[j], number) || !this.set(i, j, number))
          if (rescaled && number) this.#shade(this.cell(i, j), number); // of 0 the shade stays
      }),
    );
    if (this.unlettered) this.written = rows.map((numbers) => numbers.slice());
  }

  /** Puts a number into a cell; returns whether it is another one. */
  set(row, column, number) {
    const cell = this.cell(row, column);
    const inside = cell.firstElementChild;
    if (Object.is(Number(cell.dataset.value), number) && (this.unlettered || inside.dataset.written)) return false;
    cell.dataset.value = Object.is(number, -0) ? "-0" : String(number);
    const text = format(number);
    if (this.editable) inside.value = text;
    else inside.textContent = text;
    if (!this.unlettered) {
      inside.dataset.written = "yes";
      cell.style.setProperty("--length", text.length); // long ones are set smaller: no column may grow
    }
    if (!this.editable) this.mark(row, column, null);
    if (this.picture) this.#shade(cell, number);
    return true;
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
    const [around, first] = [this.element.parentElement, this.cell(0, 0)];
    const [here, next] = [first.getBoundingClientRect(), (this.cell(1, 1) ?? first).getBoundingClientRect()];
    const [down, across] = [next.top - here.top, next.left - here.left];
    const shown = frame ?? around.appendChild(document.createElement("div"));
    shown.className = "window";
    const { row, column, height, width } = window;
    const origin = around.getBoundingClientRect();
    shown.style.top = `${here.top - origin.top + row * down}px`;
    shown.style.left = `${here.left - origin.left + around.scrollLeft + column * across}px`;
    shown.style.height = `${(height - 1) * down + here.height}px`;
    shown.style.width = `${(width - 1) * across + here.width}px`;
  }

  /** Marks a computed number as wrong, saying what is right; null: takes the mark away. */
  mark(row, column, right) {
    const cell = this.cell(row, column);
    const [inside, note] = [cell.firstElementChild, right === null ? "" : `wrong; right: ${right}`];
    if (note || cell.title) {
      cell.classList.toggle("wrong", Boolean(note));
      cell.title = note;
    }
    if (this.unlettered) return; // a picture's cells are read by their numbers alone
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

  /** Sets what counts as full colour: 255 in a grey picture, else the largest size.  Returns whether that changed. */
  #rescale(rows) {
    const before = this.scale;
    if (this.picture !== "grey") this.scale = Math.max(...rows.flat().map(Math.abs)) || 1;
    return before !== null && this.scale !== before;
  }

  #shade(cell, number) {
    const share = Math.min(1, Math.abs(number) / this.scale);
    cell.style.setProperty("--shade", share.toFixed(3));
    cell.classList.toggle("negative", number < 0);
  }

  #resize(height, width) {
    const rows = Array.from({ length: height }, (_, i) => {
      const row = document.createElement("tr");
      for (let j = 0; j < width; j++) row.append(this.#newCell(i, j));
      return row;
    });
    this.body.replaceChildren(...rows);
    this.written = null;
    this.element.style.setProperty("--columns", width);
  }

  #newCell(row, column) {
    const cell = document.createElement("td");
    const inside = document.createElement(this.editable ? "input" : this.unlettered ? "span" : "button");
    if (this.editable) {
      inside.inputMode = "decimal";
      inside.autocomplete = "off";
      inside.setAttribute("aria-label", this.#where(row, column));
    } else {
      if (!this.unlettered) inside.type = "button";
      inside.tabIndex = row || column ? -1 : 0;
    }
    cell.append(inside);
    return cell;
  }
}
