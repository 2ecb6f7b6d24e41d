// One number, or a few with their names, in the colour of the threshold they reach.

import { variable } from "../colours.js";
import { element, replace } from "../dom.js";
import { fieldOf, threshold } from "../fields.js";
import { format } from "../format.js";

export function create(body, { file }) {
  return {
    draw(answer) {
      const row = answer.rows.at(-1);
      const shown = answer.columns.flatMap((column, at) => (column.kind === "number" ? [[column.name, row[at]]] : []));
      const numbers = shown.map(([name, value]) => {
        const field = fieldOf(file, name);
        const number = element("span.number", { title: value ?? undefined }, format(value, field.unit));
        number.style.color = `var(${variable(value === null ? "text" : threshold(field, value))})`;
        return element("div.stat", {}, shown.length > 1 && element("span.name", {}, name), number);
      });
      replace(body, element("div.stats", {}, ...numbers));
    },
  };
}
