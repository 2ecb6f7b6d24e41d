// Colours by name. What they are in light and in dark is in the style sheet.

/** How many colours of lines the style sheet has. */
const SERIES = 9;

/** The style sheet's name of a colour that a dashboard file names. @param {string} name */
export function variable(name) {
  const plain = name.replace(/^(?:super-light|semi-dark|dark)-/, "");
  return `--${plain === "light-blue" ? plain : plain.replace(/^light-/, "")}`;
}

/** A colour as a canvas takes it. @param {string} name a name of the style sheet, or a colour itself */
export function resolved(name) {
  if (!name.startsWith("--")) return name;
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim() || "#888888";
}

/** @param {string} colour as `#rrggbb` @param {number} opacity up to 1 */
export function translucent(colour, opacity) {
  const alpha = Math.round(opacity * 255)
    .toString(16)
    .padStart(2, "0");
  return /^#[0-9a-f]{6}$/i.test(colour) ? colour + alpha : colour;
}

/**
 * A colour for each name: the same name has the same one everywhere, but where that would give two
 * names of one picture the same.
 * @param {string[]} names
 * @returns {Map<string, string>} names of the style sheet
 */
export function assigned(names) {
  const taken = new Set();
  const found = new Map();
  for (const name of [...new Set(names)].sort()) {
    let index = hash(name) % SERIES;
    for (let tries = 0; taken.has(index) && tries < SERIES; tries++) index = (index + 1) % SERIES;
    taken.add(index);
    if (taken.size === SERIES) taken.clear();
    found.set(name, `--series-${index}`);
  }
  return found;
}

/** The colours in their order, for names that are always the same. @param {string[]} names */
export function inOrder(names) {
  return new Map(names.map((name, index) => [name, `--series-${index % SERIES}`]));
}

/** FNV-1a. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return value;
}
