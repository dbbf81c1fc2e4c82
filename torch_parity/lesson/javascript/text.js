// How numbers are written for a reader.

/** A number for a cell: whole ones in full, others with four digits; with the sign for minus. */
export function format(number) {
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number < 0 ? "−∞" : "∞";
  const size = Math.abs(number);
  let text;
  if (Number.isInteger(number) && size < 1e6) text = String(size);
  else if (size >= 1e-3 && size < 1e4) text = String(Number(size.toPrecision(4)));
  else text = size.toExponential(1).replace("e+", "e").replace("e-", "e−");
  return number < 0 ? `−${text}` : text;
}

/** A factor in a product: a negative one in brackets. */
export const factor = (number) => (number < 0 ? `(${format(number)})` : format(number));

/** A number with thousands set apart. */
export const thousands = (number) => number.toLocaleString("en-US");

/** Writes a text into an element where it is new, so that a screen reader says it once. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** What was typed as a number: also with a comma or the sign for minus.  NaN for anything else. */
export function parse(text) {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  return plain === "" ? NaN : Number(plain);
}
