// Colours by name. What they are in light and in dark is in the style sheet.

/** How many colours of lines the style sheet has. */
const SERIES = 9;

/** The style sheet's name of a colour that a dashboard file names. @param {string} name */
export function variable(name) {
  const plain = name.replace(/^(?:super-light|semi-dark|dark)-/, "");
  return `--${plain === "light-blue" ? plain : plain.replace(/^light-/, "")}`;
}

/**
 * A colour of the style sheet as a canvas takes it, of what is light or dark now.
 * @param {string} name
 * @param {number} [opacity]
 */
export function resolved(name, opacity = 1) {
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.color = `var(${name})`;
  const colour = getComputedStyle(probe).color;
  probe.remove();
  const parts = colour.match(/[\d.]+/g) ?? [];
  return `rgba(${parts.slice(0, 3).join(", ")}, ${opacity})`;
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
