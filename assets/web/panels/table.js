// Rows, sorted by the column that is asked for.

import { asText } from "../answer.js";
import { element, icon, replace } from "../dom.js";
import { fieldOf } from "../fields.js";
import { dateTime, format } from "../format.js";

const IDENTIFIER = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/;

export function create(body, { file, link }) {
  /** @type {{name: string, isDescending: boolean} | null} As it came, until a column is asked for. */
  let order = null;
  let last = null;

  function draw(answer) {
    last = answer;
    const fields = answer.columns.map(({ name }) => fieldOf(file, name));
    const table = element(
      "table",
      {},
      element("thead", {}, element("tr", {}, ...answer.columns.map(heading))),
      element("tbody", {}, ...sorted(answer).map((row) => line(row, answer.columns, fields))),
    );
    const scroller =
      body.querySelector(".scroller") ??
      element("div.scroller", { tabindex: "0", "aria-label": file.title, role: "group" });
    replace(scroller, table);
    if (!scroller.isConnected) replace(body, scroller);
  }

  function heading(column) {
    const isOrder = order?.name === column.name;
    const direction = isOrder ? (order.isDescending ? "descending" : "ascending") : "none";
    const sort = () => {
      const first = column.kind !== "text";
      order = { name: column.name, isDescending: isOrder ? !order.isDescending : first };
      draw(last);
      body.querySelector(`th[aria-sort="${order.isDescending ? "descending" : "ascending"}"] button`)?.focus();
    };
    return element(
      `th.${column.kind}`,
      { "aria-sort": direction, scope: "col" },
      element("button", { type: "button", onclick: sort }, column.name, isOrder && icon("down")),
    );
  }

  function sorted({ columns, rows }) {
    const at = columns.findIndex(({ name }) => name === order?.name);
    if (at < 0) return rows;
    const sign = order.isDescending ? -1 : 1;
    return [...rows].sort((a, b) => sign * compared(a[at], b[at]));
  }

  function line(row, columns, fields) {
    return element("tr", {}, ...columns.map((column, at) => cell(row[at], column, fields[at])));
  }

  function cell(value, column, field) {
    const text = shown(value, column.kind, field.unit);
    const made = element(`td.${column.kind}`, { title: column.kind === "number" ? asText(value) : text });
    if (IDENTIFIER.test(text)) made.classList.add("identifier");
    const [target] = field.links;
    const href = target && text !== "" ? link(target.url, value) : null;
    made.append(href ? element("a", { href, title: target.title }, text) : text);
    return made;
  }

  return { draw };
}

function shown(value, kind, unit) {
  if (value === null) return "";
  if (kind === "number") return format(value, unit);
  if (kind === "time" && typeof value === "number") return value === 0 ? "" : dateTime(value, "millisecond");
  return asText(value);
}

function compared(a, b) {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  if (typeof a === "number" && typeof b === "number") return a - b;
  return asText(a).localeCompare(asText(b), undefined, { numeric: true });
}
