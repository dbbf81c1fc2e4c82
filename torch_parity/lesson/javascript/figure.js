// A section's figure: matrices that can be edited, what is computed of them, and where each number comes from.
//
// The section's own module says what is computed and how:
//   begin(figure)                 (if need be)        unpacks what the others need, once, before any number is computed
//   compute(given, options)                           the computed matrices by name
//   terms(name, row, column, values, options)         where a number comes from, or where it goes; or null:
//       {says, terms: [{cells, text, value}], total}  a sum.  For another formula: open, sign and close, what is
//                                                     written before, between and after its terms; combine, what it
//                                                     does with two values.  A total of null: no formula but a list.
//   fit(given, options, extra)    (if need be)        the given matrices as the options ask for them, in size or all
//   refuse(given, options)        (if need be)        why these cannot be computed, or nothing
//   mistakes                      (if any)            by name: (given, options) => the computed matrices, wrong ones
//   padding(options)              (if need be)        by matrix: how many pixels of zeros stand around it
//   rounding                      (if need be)        numbers that differ by a smaller share than this count as equal
//   draw(figure, values, options) (if need be)        what else is shown of the numbers
//   light(figure, place)          (if need be)        what else is shown of the number that is pointed at, as
//                                                     [name, row, column], or of none: null
//   edited(figure, name)          (if need be)        what else changes when a matrix gets numbers of the reader's own

import { Table } from "table.js";
import { format } from "text.js";

export class Figure {
  constructor(element, module, facts, changed) {
    this.element = element;
    this.module = module;
    this.facts = facts;
    this.changed = changed;
    this.section = element.dataset.section;
    this.tables = new Map();
    for (const table of element.querySelectorAll("table[data-matrix]"))
      this.tables.set(table.dataset.matrix.split(".")[1], new Table(table));
    this.controls = Array.from(element.querySelectorAll("[data-option]"));
    this.pinned = null; // the number that a click keeps, as [matrix, row, column]
    this.pointed = null; // the one that the pointer or the keyboard is at
    this.byKeyboard = false; // until the pointer moves: a page that scrolls slides under one that rests
    this.shown = 0;
    this.#listen();
    module.begin?.(this);
    this.update();
  }

  get given() {
    const given = {};
    for (const [name, table] of this.tables) if (name in this.facts.given) given[name] = table.read();
    return given;
  }

  get options() {
    return Object.fromEntries(this.controls.map((control) => [control.name, valueOf(control)]));
  }

  get mistake() {
    return this.element.querySelector("select[name=mistake]")?.value || null;
  }

  /** Puts matrices and options (all, or some) in place, and computes the rest. */
  set({ given = {}, options = {}, mistake = this.mistake }) {
    for (const name of Object.keys(given)) this.module.edited?.(this, name);
    for (const control of this.controls) if (control.name in options) setValue(control, options[control.name]);
    const select = this.element.querySelector("select[name=mistake]");
    if (select) select.value = mistake ?? "";
    for (const [name, rows] of Object.entries(given)) this.tables.get(name).write(rows);
    this.update();
  }

  /** As the page shows it at first. */
  reset() {
    this.pin(null);
    this.set({ ...this.facts.examples[0], mistake: null });
  }

  /** Computes everything anew, and shows it. */
  update() {
    const { options } = this;
    const given = this.module.fit ? this.module.fit(this.given, options, this.facts.extra) : this.given;
    const refusal = this.module.refuse?.(given, options);
    this.element.querySelector(".refusal").textContent = refusal ?? "";
    this.element.classList.toggle("refused", Boolean(refusal));
    if (refusal) return;
    const right = this.module.compute(given, options);
    const wrong = this.mistake ? { ...right, ...this.module.mistakes[this.mistake](given, options) } : right;
    this.values = { ...given, ...wrong };
    this.right = { ...given, ...right };
    for (const [name, rows] of Object.entries(this.values)) this.tables.get(name)?.write(rows);
    for (const [name, pixels] of Object.entries(this.module.padding?.(options) ?? {}))
      this.tables.get(name).pad(pixels);
    this.#mark(right, wrong);
    this.#tellMistake(right, wrong);
    this.module.draw?.(this, this.values, options);
    if (this.pinned && !this.#terms(this.pinned)) this.pinned = null; // there is no such number any more
    this.#explain();
    this.changed?.(this);
  }

  // Pointing at a number.

  /** Keeps showing where a number comes from: [matrix, row, column], or null to release it. */
  pin(place) {
    const found = place && this.#terms(place);
    this.pinned = found ? place : null;
    this.pointed = null;
    this.shown = found ? found.terms.length : 0;
    this.#explain();
    this.changed?.(this);
  }

  /** Shows the first `count` terms of the sum that is pinned. */
  walk(count) {
    this.shown = count;
    this.#explain();
  }

  /** Moves the pin to the next, or the previous, number of its matrix. */
  move(step) {
    const [name, row, column] = this.pinned ?? [this.element.dataset.walks, 0, step > 0 ? -1 : 0];
    const rows = this.values[name];
    const [height, width] = [rows.length, rows[0].length];
    const place = (row * width + column + step + height * width) % (height * width);
    this.pin([name, Math.floor(place / width), place % width]);
  }

  #point(place) {
    this.pointed = place;
    if (!this.pinned) this.#explain();
  }

  #terms([name, row, column]) {
    if (!this.values?.[name]?.[row] || this.values[name][row][column] === undefined) return null;
    // A sum is written out as it should be, even if what goes into it has become wrong, too.
    const values = this.right[name]?.[row]?.[column] === undefined ? this.values : this.right;
    return this.module.terms?.(name, row, column, values, this.options) ?? null;
  }

  #listen() {
    const { element } = this;
    const placeOf = (event) => {
      const table = event.target.closest("table[data-matrix]");
      if (!table || !event.target.closest("td")) return null;
      const name = table.dataset.matrix.split(".")[1];
      return [name, ...this.tables.get(name).place(event.target)];
    };
    element.addEventListener("pointerover", (event) => this.byKeyboard || this.#point(placeOf(event)));
    element.addEventListener("pointerleave", () => this.byKeyboard || this.#point(null));
    element.addEventListener("pointermove", (event) => {
      if (!this.byKeyboard || !(event.movementX || event.movementY)) return;
      this.byKeyboard = false;
      this.#point(placeOf(event));
    });
    element.addEventListener("focusout", () => {
      this.byKeyboard = false;
      this.#point(null);
    });
    element.addEventListener("focusin", (event) => {
      const place = placeOf(event);
      const cell = event.target.closest("td");
      if (place && event.target instanceof HTMLInputElement) event.target.select();
      else if (place) this.tables.get(place[0]).stopAt(cell);
      this.byKeyboard = place !== null;
      this.#point(place);
    });
    element.addEventListener("click", (event) => {
      const place = placeOf(event);
      if (place && this.#terms(place)) this.pin(place);
      const button = event.target.closest("button[data-state]");
      if (button) this.set(JSON.parse(button.dataset.state));
    });
    element.addEventListener("change", (event) => {
      const table = event.target.closest("table[data-matrix]");
      if (table) {
        const name = table.dataset.matrix.split(".")[1];
        if (this.tables.get(name).accept(event.target)) this.module.edited?.(this, name);
      }
      if (table || event.target.matches("[data-option]")) this.update();
      if (event.target.matches("select[name=mistake]")) this.#chooseMistake();
      if (event.target.matches(".terms-slider")) this.walk(Number(event.target.value));
    });
    element.addEventListener("input", (event) => {
      if (event.target.matches("input[type=range][data-option]")) this.update();
      if (event.target.matches(".terms-slider")) this.walk(Number(event.target.value));
    });
    element.addEventListener("keydown", (event) => this.#arrows(event));
    const buttons = {
      ".next-number": () => this.move(1),
      ".previous-number": () => this.move(-1),
      ".step": () => this.#step(),
      ".release": () => this.pin(null),
      ".reset": () => this.reset(),
      ".hide-mistake": () => this.#hide(),
    };
    for (const [selector, act] of Object.entries(buttons))
      element.querySelector(selector)?.addEventListener("click", act);
  }

  /** One term more; after the last one, the first of the next number. */
  #step() {
    const total = this.pinned ? (this.#terms(this.pinned)?.terms.length ?? 0) : 0;
    if (!this.pinned || this.shown >= total) {
      this.move(1);
      this.walk(1);
    } else this.walk(this.shown + 1);
  }

  /** Arrow keys go from cell to cell; in an editable one up and down, since left and right move in its text. */
  #arrows(event) {
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const cell = event.target.closest("td");
    if (!cell || !(event.key in moves)) return;
    const table = this.tables.get(cell.closest("table").dataset.matrix.split(".")[1]);
    const [down, across] = moves[event.key];
    if (table.editable && across) return;
    const [row, column] = table.place(cell);
    const next = table.cell(row + down, column + across)?.firstElementChild;
    event.preventDefault();
    if (!next) return;
    if (!table.editable) table.stopAt(next.parentElement); // only what Tab can stop at takes the focus
    next.focus();
  }

  /** Lights up where the number that is pinned, or else pointed at, comes from, and writes out its sum. */
  #explain() {
    const place = this.pinned ?? this.pointed;
    for (const lit of this.element.querySelectorAll("td.source, td.lit, td.now")) lit.classList.remove("source", "lit", "now");
    const found = place && this.#terms(place);
    for (const table of this.tables.values()) table.frame(found?.window?.matrix === table.name ? found.window : null);
    this.module.light?.(this, place);
    const slider = this.element.querySelector(".terms-slider");
    const total = found ? found.terms.length : 0;
    const shown = this.pinned ? Math.min(this.shown, total) : total;
    if (slider) {
      slider.max = total;
      slider.value = shown;
      slider.disabled = !this.pinned;
    }
    const release = this.element.querySelector(".release");
    if (release) release.disabled = !this.pinned;
    const panel = this.element.querySelector(".explanation");
    if (!panel) return;
    if (!found) {
      panel.querySelector(".says").textContent = panel.dataset.empty;
      panel.querySelector(".sum").replaceChildren();
      panel.querySelector(".told").textContent = "";
      return;
    }
    this.tables.get(place[0])?.cell(place[1], place[2])?.classList.add("source");
    found.terms.slice(0, shown).forEach((term, t) => {
      const now = this.pinned && t === shown - 1 && shown < total;
      for (const [name, row, column] of term.cells)
        this.tables.get(name)?.cell(row, column)?.classList.add(now ? "now" : "lit");
    });
    this.#write(panel, found, shown, place);
  }

  /** Writes out the sum, or whatever it is; with a mistake switched in, also what that makes of the number. */
  #write(panel, found, shown, [name, row, column]) {
    panel.querySelector(".says").textContent = found.says;
    const isList = found.total === null;
    const { open = "", sign = isList ? ", " : " + ", close = "", combine = (sum, value) => sum + value } = found;
    const parts = open ? [span(open, "term")] : [];
    const summands = [...(found.start ? [found.start] : []), ...found.terms];
    const written = shown + summands.length - found.terms.length;
    const all = written === summands.length;
    summands.forEach((term, t) => {
      if (t) parts.push(span(sign, t < written ? "" : "later"));
      parts.push(span(term.text, t < written ? (t === written - 1 && !all ? "term now" : "term") : "term later"));
    });
    if (close) parts.push(span(close, all ? "term" : "term later"));
    const values = summands.slice(0, written).map(({ value }) => value);
    const [number, right] = [this.values[name][row][column], this.right[name]?.[row]?.[column]];
    const mistaken = right !== undefined && number !== right;
    const soFar = values.length ? values.reduce(combine) : 0;
    const result = all ? ((mistaken ? right : found.total) ?? soFar) : soFar;
    const total = isList ? null : span(all ? ` = ${format(result)}` : ` … so far ${format(result)}`, "total");
    if (total) parts.push(total);
    if (all && mistaken) parts.push(span(`, but the mistake gives ${format(number)}`, ""));
    const line = panel.querySelector(".sum");
    line.replaceChildren(...parts);
    // A long sum scrolls by itself: to the term that the walk has reached, or to the total at its end.
    const reached = line.querySelector(".now") ?? (this.pinned && all && total ? total : line);
    line.scrollTop += reached.getBoundingClientRect().bottom - line.getBoundingClientRect().bottom;
    // The same in words, for a screen reader.
    const walked = this.pinned && !all && shown ? `${found.terms[shown - 1].text};` : found.says;
    panel.querySelector(".told").textContent = `${walked}${total?.textContent ?? ""}`;
  }

  // Mistakes.

  #mark(right, wrong) {
    for (const cell of this.element.querySelectorAll("td.wrong")) {
      const table = this.tables.get(cell.closest("table").dataset.matrix.split(".")[1]);
      table.mark(...table.place(cell), null);
    }
    for (const [name, rows] of Object.entries(wrong))
      rows.forEach((numbers, i) =>
        numbers.forEach((number, j) => {
          const correct = right[name][i]?.[j];
          const allowed = (this.module.rounding ?? 0) * Math.max(1, Math.abs(correct));
          if (Object.is(number, correct) || Math.abs(number - correct) <= allowed) return;
          this.tables.get(name)?.mark(i, j, correct === undefined ? "no such number" : format(correct));
        }),
      );
  }

  #tellMistake(right, wrong) {
    const note = this.element.querySelector(".mistake-note");
    if (!note) return;
    const facts = this.facts.mistakes.find(({ name }) => name === this.mistake);
    for (const part of ["explanation", "signature", "remedy", "hidden_by"])
      note.querySelector(`.${part === "explanation" ? "mistake-explanation" : part}`).textContent = facts?.[part] ?? "";
    note.classList.toggle("none", !facts);
    const different = this.element.querySelectorAll("td.wrong").length;
    const marked = this.element.querySelector(".picture td.wrong") ? "framed by dots" : "struck through";
    const numbers = Object.entries(wrong).reduce(
      (count, [name, rows]) => count + (this.tables.has(name) ? rows.flat().length : 0),
      0,
    );
    note.querySelector(".count").textContent = !facts
      ? ""
      : different
        ? `${different} of ${numbers} numbers are wrong; they are ${marked}.`
        : "On these numbers nobody would notice: all are right.";
    this.element.querySelector(".hide-mistake").disabled = !facts?.hidden;
  }

  /** Where the mistake that was chosen would not be seen, the numbers change to those that show it. */
  #chooseMistake() {
    this.update();
    const facts = this.facts.mistakes.find(({ name }) => name === this.mistake);
    const { given, options } = facts?.shown ?? {};
    if (facts && !this.element.querySelector("td.wrong")) this.set({ given, options });
  }

  #hide() {
    const facts = this.facts.mistakes.find(({ name }) => name === this.mistake);
    if (facts?.hidden) this.set({ given: facts.hidden.given, options: facts.hidden.options });
  }
}

const span = (text, kind) => {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  return element;
};

/** What a form control chooses: a number, whether it is ticked, or a word. */
export function valueOf(control) {
  if (control.type === "checkbox") return control.checked;
  return control.dataset.option === "number" ? Number(control.value) : control.value;
}

/** Chooses a value; one that is not among the choices changes nothing. */
export function setValue(control, value) {
  if (control.type === "checkbox") control.checked = Boolean(value);
  else if (isChoice(control, value)) control.value = String(value);
}

function isChoice(control, value) {
  if (control.options) return Array.from(control.options).some((choice) => choice.value === String(value));
  return control.type !== "range" || (Number(control.min) <= value && value <= Number(control.max));
}
