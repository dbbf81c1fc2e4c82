// The state of the page in its address, after the #: what differs from the page as it was built, or, with a mistake,
// from the numbers that show that.
//
//   #convolution                                                       a section
//   #at=convolution&convolution.kernel=1,2,1;2,4,2;1,2,1&convolution.stride=2&convolution.pin=output,0,1
//   #mistake=kernel-flipped                                            a mistake, in the first section that shows it
//   #filters.mistake=kernel-flipped                                    the same in another one

const numberOf = (text) => (text.trim() === "" ? NaN : Number(text));
const rowsOf = (text) => text.split(";").map((row) => row.split(",").map(numberOf));
const textOf = (rows) => rows.map((row) => row.join(",")).join(";");
const isMatrix = (rows, like) =>
  rows.length === like.length && rows.every((row) => row.length === like[0].length && row.every(Number.isFinite));

/** The state that a figure starts from, with a mistake or without. */
const startOf = ({ facts }, mistake) => facts.mistakes.find(({ name }) => name === mistake)?.shown ?? facts.examples[0];

/** The matrices of a state, as other options ask for them. */
const fitted = ({ module, facts }, { given }, options) => (module.fit ? module.fit(given, options, facts.extra) : given);

/** The first figure that shows a mistake. */
const showing = (figures, mistake) =>
  [...figures.values()].find(({ facts }) => facts.mistakes.some(({ name }) => name === mistake));

/** The address that stands for the state of `figures`, with the section that is looked at. */
export function write(figures, section) {
  const parts = [];
  for (const figure of figures.values()) {
    const { section: name, given, options, mistake } = figure;
    const start = startOf(figure, mistake);
    const usual = fitted(figure, start, options);
    for (const [matrix, rows] of Object.entries(given))
      if (figure.tables.get(matrix)?.editable && textOf(rows) !== textOf(usual[matrix]))
        parts.push(`${name}.${matrix}=${textOf(rows)}`); // what cannot be edited follows from the options
    for (const [option, value] of Object.entries(options))
      if (value !== start.options[option]) parts.push(`${name}.${option}=${value}`);
    if (figure.pinned) parts.push(`${name}.pin=${figure.pinned.join(",")}`);
    if (mistake) parts.push(`${showing(figures, mistake) === figure ? "" : `${name}.`}mistake=${mistake}`);
  }
  if (!parts.length) return section ? `#${section}` : " ";
  return `#${section ? `at=${section}&` : ""}${parts.join("&")}`;
}

/** Puts the state that an address stands for into the figures; returns the id of what should be looked at. */
export function read(address, figures) {
  const text = decoded(address.replace(/^#/, ""));
  if (!text.includes("=")) return text;
  const found = new Map();
  const stateOf = (name) => {
    if (!found.has(name)) found.set(name, { given: {}, options: {}, mistake: null });
    return found.get(name);
  };
  let at = "";
  for (const part of text.split("&")) {
    const [key, value] = [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)];
    if (key === "at") at = value;
    else if (key === "mistake") {
      const figure = showing(figures, value);
      if (figure) stateOf(figure.section).mistake = value;
      at ||= figure ? figure.section : `mistake-${value}`;
    } else {
      const [name, what] = key.split(".");
      const first = figures.get(name)?.facts.examples[0];
      if (!first) continue;
      const rows = rowsOf(value); // an option may have the name of the matrix that it chooses
      if (Object.hasOwn(first.given, what) && rows.flat().every(Number.isFinite)) stateOf(name).given[what] = rows;
      else if (Object.hasOwn(first.options, what)) stateOf(name).options[what] = typed(value, first.options[what]);
      else if (what === "mistake" && figures.get(name).facts.mistakes.some((mistake) => mistake.name === value)) {
        stateOf(name).mistake = value;
        at ||= name;
      } else if (what === "pin") stateOf(name).pin = value.split(",").map((word, i) => (i ? Number(word) : word));
    }
  }
  for (const [name, state] of found) apply(figures.get(name), state);
  return at;
}

/** Puts a figure into a state: as it was built, but for what the state says.  Damaged parts of it count as not said. */
function apply(figure, state) {
  const start = startOf(figure, state.mistake);
  figure.reset();
  figure.set({ options: { ...start.options, ...state.options } });
  const { given: before, options } = figure;
  const usual = fitted(figure, start, options);
  const whole = Object.entries(state.given).filter(([matrix, rows]) => isMatrix(rows, usual[matrix] ?? []));
  const given = Object.entries({ ...usual, ...Object.fromEntries(whole) });
  const other = given.filter(([matrix, rows]) => textOf(rows) !== textOf(before[matrix]));
  figure.set({ given: Object.fromEntries(other), mistake: state.mistake });
  figure.pin(state.pin ?? null);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray % stands for itself
  }
}

const typed = (text, like) => (typeof like === "boolean" ? text === "true" : typeof like === "number" ? numberOf(text) : text);
