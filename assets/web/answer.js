// What ClickHouse answers, in columns that know what they are.

import { parseTime } from "./format.js";

/** @typedef {"time" | "number" | "text" | "other"} Kind */
/** @typedef {{name: string, type: string, kind: Kind}} Column */
/** @typedef {{columns: Column[], rows: any[][]}} Answer Times are milliseconds since 1970. */

/** @param {string} type as ClickHouse names it @returns {Kind} */
export function kindOf(type) {
  const inner = /^(?:LowCardinality|Nullable)\((.*)\)$/.exec(type);
  if (inner) return kindOf(inner[1]);
  if (/^Date/.test(type)) return "time";
  if (/^(U?Int|Float|BFloat|Decimal)/.test(type)) return "number";
  return /^(String|FixedString|Enum|UUID|Bool|IPv)/.test(type) ? "text" : "other";
}

/**
 * @param {{meta: {name: string, type: string}[], data: any[][]}} json in JSONCompact
 * @returns {Answer}
 */
export function parse(json) {
  const columns = json.meta.map(({ name, type }) => ({ name, type, kind: kindOf(type) }));
  const read = columns.map(({ kind }) => READ[kind]);
  const rows = json.data.map((row) => row.map((value, at) => (value === null ? null : read[at](value))));
  return { columns, rows };
}

const READ = {
  time: (value) => parseTime(value) ?? value,
  // Wide integers and decimals come in quotes.
  number: Number,
  text: (value) => String(value),
  other: (value) => value,
};

/**
 * The rows of all queries of a panel. @param {Answer[]} answers @returns {Answer}
 */
export function merge(answers) {
  const filled = answers.filter(({ rows }) => rows.length > 0);
  const [first = answers[0], ...others] = filled;
  const names = (answer) => answer.columns.map(({ name }) => name).join("\n");
  const alike = others.filter((answer) => names(answer) === names(first));
  return { columns: first.columns, rows: [first, ...alike].flatMap(({ rows }) => rows) };
}

/** A value as text; a structure as JSON. @param {any} value */
export function asText(value) {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
