// "Check this page": every number, computed once more here and compared with what NumPy and torch gave.

/** Compares all numbers that were proven when the page was built, and all that are shown now.
 *  Returns {equal, total, first}: how many numbers were equal, of how many, and the first that was not. */
export function check(figures) {
  const count = { equal: 0, total: 0, first: null };
  for (const figure of figures.values()) {
    for (const part of figure.module.check?.(figure.facts) ?? []) compare(count, ...part);
    for (const example of figure.facts.examples) {
      const results = figure.module.compute(example.given, example.options);
      for (const [name, { numpy, torch, bound }] of Object.entries(example.results)) {
        const where = `${figure.section}.${name}`;
        compare(count, `${where} and NumPy's`, results[name], numpy, bound);
        compare(count, `${where} and torch's`, results[name], torch, bound);
      }
    }
    for (const mistake of figure.facts.mistakes)
      for (const state of [mistake.shown, mistake.hidden].filter(Boolean)) {
        const results = figure.module.mistakes[mistake.name](state.given, state.options);
        for (const [name, { numpy, bound }] of Object.entries(state.results))
          compare(count, `${figure.section}.${name} with ${mistake.name}`, results[name], numpy, bound);
      }
    shown(count, figure);
  }
  return count;
}

/** What stands on the page now, and what comes out of it once more. */
function shown(count, figure) {
  if (figure.element.querySelector(".refusal").textContent) return;
  const { given, options, mistake } = figure;
  const right = figure.module.compute(given, options);
  const results = mistake ? { ...right, ...figure.module.mistakes[mistake](given, options) } : right;
  for (const [name, rows] of Object.entries(results))
    if (figure.tables.has(name)) compare(count, `${figure.section}.${name} as shown`, figure.tables.get(name).read(), rows, null);
}

function compare(count, where, found, expected, bound) {
  const fits = found.length === expected.length && found.every((row, i) => row.length === expected[i].length);
  expected.forEach((numbers, i) =>
    numbers.forEach((number, j) => {
      count.total += 1;
      const other = Number(number); // NaN and the infinities stand in the facts as words
      const [here, allowed] = [found[i]?.[j], bound === null ? 0 : typeof bound === "number" ? bound : bound[i][j]];
      if (fits && (here === other || Object.is(here, other) || Math.abs(here - other) <= allowed)) count.equal += 1;
      else count.first ??= `${where}, row ${i}, column ${j}: ${found[i]?.[j]} and ${number}`;
    }),
  );
}
