// A section's figure: matrices that can be edited, what is computed of them, and where each number comes from.
//
// The section's own module says what is computed and how:
//   begin(figure)                 (if need be)        unpacks what the others need, once, before any number is computed
//   compute(given, options)                           the computed matrices by name
//   terms(name, row, column, values, options)         where a number comes from, or where it goes: see `#show`; or null
//   fit(given, options)           (if need be)        the given matrices, cut or extended to the sizes that they must have
//   refuse(given, options)        (if need be)        why these cannot be computed, or nothing
//   mistakes                      (if any)            by name: (given, options) => the computed matrices, wrong ones
//   draw(figure, values, options) (if need be)        what else is shown of the numbers

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
    this.pinned = null;
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
    let given = this.module.fit ? this.module.fit(this.given, options) : this.given;
    const refusal = this.module.refuse?.(given, options);
    this.element.querySelector(".refusal").textContent = refusal ?? "";
    if (refusal) return;
    const right = this.module.compute(given, options);
    const wrong = this.mistake ? { ...right, ...this.module.mistakes[this.mistake](given, options) } : right;
    this.values = { ...given, ...wrong };
    for (const [name, rows] of Object.entries(this.values)) this.tables.get(name)?.write(rows);
    this.#mark(right, wrong);
    this.#tellMistake(right, wrong);
    this.module.draw?.(this, this.values, options);
    this.#explain();
    this.changed?.(this);
  }

  // Pointing at a number.

  /** Keeps showing where a number comes from: [matrix, row, column], or null to release it. */
  pin(place) {
    this.pinned = place;
    this.shown = place ? (this.#terms(place)?.terms.length ?? 0) : 0;
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

  #terms([name, row, column]) {
    if (!this.values?.[name]?.[row] || this.values[name][row][column] === undefined) return null;
    return this.module.terms?.(name, row, column, this.values, this.options) ?? null;
  }

  #listen() {
    const { element } = this;
    const placeOf = (event) => {
      const table = event.target.closest("table[data-matrix]");
      if (!table || !event.target.closest("td")) return null;
      const name = table.dataset.matrix.split(".")[1];
      return [name, ...this.tables.get(name).place(event.target)];
    };
    element.addEventListener("pointerover", (event) => {
      if (!this.pinned) this.#explain(placeOf(event));
    });
    element.addEventListener("pointerleave", () => {
      if (!this.pinned) this.#explain();
    });
    element.addEventListener("focusin", (event) => {
      if (event.target instanceof HTMLInputElement && event.target.closest("td")) event.target.select();
      if (!this.pinned) this.#explain(placeOf(event));
    });
    element.addEventListener("click", (event) => {
      const place = placeOf(event);
      if (place && this.#terms(place)) this.pin(place);
    });
    element.addEventListener("change", (event) => {
      const table = event.target.closest("table[data-matrix]");
      if (table) this.tables.get(table.dataset.matrix.split(".")[1]).accept(event.target);
      if (table || event.target.matches("[data-option], select[name=mistake]")) this.update();
      if (event.target.matches(".terms-slider")) this.walk(Number(event.target.value));
    });
    element.addEventListener("input", (event) => {
      if (event.target.matches("input[type=range][data-option]")) this.update();
      if (event.target.matches(".terms-slider")) this.walk(Number(event.target.value));
    });
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.pinned) this.pin(null);
      else this.#arrows(event);
    });
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
    if (!table.editable) {
      event.target.tabIndex = -1;
      next.tabIndex = 0;
    }
    next.focus();
  }

  /** Lights up where a number comes from, and writes out its sum.  Without a place, the pinned one's; or nothing. */
  #explain(place = this.pinned) {
    for (const lit of this.element.querySelectorAll("td.source, td.lit, td.now")) lit.classList.remove("source", "lit", "now");
    const found = place && this.#terms(place);
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
      return;
    }
    this.tables.get(place[0])?.cell(place[1], place[2])?.classList.add("source");
    found.terms.slice(0, shown).forEach((term, t) => {
      const now = this.pinned && t === shown - 1 && shown < total;
      for (const [name, row, column] of term.cells)
        this.tables.get(name)?.cell(row, column)?.classList.add(now ? "now" : "lit");
    });
    this.#write(panel, found, shown);
  }

  #write(panel, found, shown) {
    panel.querySelector(".says").textContent = found.says;
    const parts = [];
    if (found.start) parts.push(span(found.start.text, "term"));
    found.terms.forEach((term, t) => {
      if (parts.length) parts.push(span(" + ", t < shown ? "" : "later"));
      const kind = t === shown - 1 && shown < found.terms.length ? "term now" : t < shown ? "term" : "term later";
      parts.push(span(term.text, kind));
    });
    const start = found.start?.value ?? 0;
    const sum = found.terms.slice(0, shown).reduce((total, term) => total + term.value, start);
    const all = shown === found.terms.length;
    const result = all ? (found.total ?? sum) : sum;
    parts.push(span(all ? ` = ${format(result)}` : ` … so far ${format(result)}`, "total"));
    panel.querySelector(".sum").replaceChildren(...parts);
  }

  // Mistakes.

  #mark(right, wrong) {
    for (const cell of this.element.querySelectorAll("td.wrong")) {
      cell.classList.remove("wrong");
      cell.removeAttribute("title");
    }
    for (const [name, rows] of Object.entries(wrong))
      rows.forEach((numbers, i) =>
        numbers.forEach((number, j) => {
          const correct = right[name][i]?.[j];
          if (Object.is(number, correct) || number === correct) return;
          const cell = this.tables.get(name)?.cell(i, j);
          cell?.classList.add("wrong");
          if (cell) cell.title = `wrong; right: ${correct === undefined ? "no such number" : format(correct)}`;
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
    const numbers = Object.values(wrong).reduce((count, rows) => count + rows.flat().length, 0);
    note.querySelector(".count").textContent = !facts
      ? ""
      : different
        ? `${different} of ${numbers} numbers are wrong; they are struck through.`
        : "On these numbers nobody would notice: all are right.";
    this.element.querySelector(".hide-mistake").disabled = !facts;
  }

  #hide() {
    const facts = this.facts.mistakes.find(({ name }) => name === this.mistake);
    if (facts) this.set({ given: facts.hidden.given, options: facts.hidden.options });
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

export function setValue(control, value) {
  if (control.type === "checkbox") control.checked = Boolean(value);
  else control.value = String(value);
}
