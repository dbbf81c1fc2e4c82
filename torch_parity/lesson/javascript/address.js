// The state of the page in its address, after the #: what differs from the page as it was built.
//
//   #convolution                                                       a section
//   #at=convolution&convolution.kernel=1,2,1;2,4,2;1,2,1&convolution.stride=2&convolution.pin=output,0,1
//   #mistake=kernel-flipped                                            a mistake, in its section

const numberOf = (text) => (text.trim() === "" ? NaN : Number(text));
const rowsOf = (text) => text.split(";").map((row) => row.split(",").map(numberOf));
const textOf = (rows) => rows.map((row) => row.join(",")).join(";");
const isMatrix = (rows, like) =>
  rows.length === like.length && rows.every((row) => row.length === like[0].length && row.every(Number.isFinite));

/** The matrices that a figure starts with, in the sizes that the options ask for. */
const givenAtFirst = ({ module, facts: { examples, extra } }, options) =>
  module.fit ? module.fit(examples[0].given, options, extra) : examples[0].given;

/** The address that stands for the state of `figures`, with the section that is looked at. */
export function write(figures, section) {
  const parts = [];
  for (const figure of figures.values()) {
    const first = figure.facts.examples[0];
    if (!first) continue;
    const { section: name, given, options } = figure;
    const usual = givenAtFirst(figure, options);
    for (const [matrix, rows] of Object.entries(given))
      if (figure.tables.get(matrix)?.editable && textOf(rows) !== textOf(usual[matrix]))
        parts.push(`${name}.${matrix}=${textOf(rows)}`); // what cannot be edited follows from the options
    for (const [option, value] of Object.entries(options))
      if (value !== first.options[option]) parts.push(`${name}.${option}=${value}`);
    if (figure.pinned) parts.push(`${name}.pin=${figure.pinned.join(",")}`);
    if (figure.mistake) parts.push(`mistake=${figure.mistake}`);
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
      const figure = [...figures.values()].find(({ facts }) => facts.mistakes.some(({ name }) => name === value));
      if (figure) stateOf(figure.section).mistake = value;
      at ||= figure ? figure.section : `mistake-${value}`;
    } else {
      const [name, what] = key.split(".");
      const first = figures.get(name)?.facts.examples[0];
      if (!first) continue;
      const rows = rowsOf(value); // an option may have the name of the matrix that it chooses
      if (Object.hasOwn(first.given, what) && rows.flat().every(Number.isFinite)) stateOf(name).given[what] = rows;
      else if (Object.hasOwn(first.options, what)) stateOf(name).options[what] = typed(value, first.options[what]);
      else if (what === "pin") stateOf(name).pin = value.split(",").map((word, i) => (i ? Number(word) : word));
    }
  }
  for (const [name, state] of found) apply(figures.get(name), state);
  return at;
}

/** Puts a figure into a state: as it was built, but for what the state says.  Damaged parts of it count as not said. */
function apply(figure, state) {
  const facts = figure.facts.mistakes.find((mistake) => mistake.name === state.mistake);
  figure.reset();
  figure.set({ options: { ...facts?.shown.options, ...state.options } });
  // Only now the matrices have the sizes that the options ask for.
  const sizes = figure.given;
  const whole = Object.entries(state.given).filter(([matrix, rows]) => isMatrix(rows, sizes[matrix] ?? []));
  figure.set({ given: { ...facts?.shown.given, ...Object.fromEntries(whole) }, mistake: state.mistake });
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
