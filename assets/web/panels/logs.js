// What was logged: a line each, which opens to what came with it.

import { asText } from "../answer.js";
import { variable } from "../colours.js";
import { element, replace } from "../dom.js";
import { fieldOf } from "../fields.js";
import { dateTime } from "../format.js";

const LEVELS = {
  critical: "purple",
  fatal: "purple",
  error: "red",
  warning: "orange",
  warn: "orange",
  info: "green",
  debug: "blue",
  trace: "light-blue",
};

/** As much of a body as a closed line shows, in characters. */
const LONG = 2000;

/** The colours of a terminal. */
const ESCAPES = /\u001b\[[0-9;]*[A-Za-z]/g;

/** What a line shows itself. */
const SHOWN = new Set(["timestamp", "body", "level", "labels"]);

export function create(body, { file, link }) {
  const isAscending = file.options?.sortOrder === "Ascending";
  const scroller = element("div.scroller.logs", { tabindex: "0", role: "group", "aria-label": file.title });
  /** @type {Map<string, HTMLDetailsElement>} The lines that are there, by what they say. */
  let lines = new Map();
  /** Where the lines' links lead from. */
  let address = "";

  function draw({ columns, rows }) {
    const records = rows.map((row) => Object.fromEntries(columns.map(({ name }, at) => [name, row[at]])));
    records.sort((a, b) => (isAscending ? 1 : -1) * (a.timestamp - b.timestamp));
    // Lines that stay keep their place, so that nobody loses theirs when others arrive.
    const known = address === location.search ? lines : new Map();
    address = location.search;
    lines = new Map();
    for (const record of records) {
      let key = `${record.timestamp} ${record.traceID ?? ""} ${record.body}`;
      while (lines.has(key)) key += "+";
      lines.set(key, known.get(key) ?? line(record));
    }
    replace(scroller, ...lines.values());
    if (!scroller.isConnected) replace(body, scroller);
  }

  function line(record) {
    const text = asText(record.body).replace(ESCAPES, "");
    // To select a part of the text is not to open the line.
    const select = (event) => getSelection().isCollapsed || event.preventDefault();
    const said = element("span.said", {}, closed(text));
    const summary = element(
      "summary",
      { onclick: select },
      element("time", {}, typeof record.timestamp === "number" ? dateTime(record.timestamp, "millisecond") : ""),
      element("span.level", {}, record.level ?? ""),
      said,
    );
    const made = element("details.log", {}, summary);
    made.style.setProperty("--level", `var(${variable(LEVELS[record.level] ?? "gray")})`);
    made.addEventListener("toggle", () => {
      said.textContent = made.open ? whole(text) : closed(text);
      if (made.childElementCount === 1) made.append(opened(record));
    });
    return made;
  }

  function opened(record) {
    const others = Object.entries(record).filter(([name]) => !SHOWN.has(name));
    const labels = Object.entries(record.labels ?? {}).sort(([a], [b]) => a.localeCompare(b));
    const entries = [...others, ...labels].filter(([, value]) => asText(value) !== "");
    if (entries.length === 0) return element("p.hint", {}, "Nothing came with it");
    return element(
      "dl.labels",
      {},
      ...entries.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, shown(name, value))]),
    );
  }

  function shown(name, value) {
    const [target] = fieldOf(file, name).links;
    const href = target ? link(target.url, value) : null;
    return href ? element("a", { href }, `${asText(value)} · ${target.title}`) : asText(value);
  }

  return {
    draw,
    empty: () => "No logs in this time range",
  };
}

/** What a line says while it is closed. */
function closed(text) {
  return text === "" ? "(empty)" : text.slice(0, LONG);
}

/** All that it says; JSON in lines, but with numbers that JavaScript would round as it is. */
function whole(text) {
  if (!/^\s*[[{]/.test(text) || /\d{16}/.test(text)) return text === "" ? "(empty)" : text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
