// What a variable is set with: a text, a choice of a few, or a list in which to look for some.

import { element, icon, popup, replace } from "./dom.js";
import { ALL } from "./variables.js";

/** More than this nobody looks through. */
const MOST = 500;

/**
 * @param {import("./variables.js").Variable} variable
 * @param {() => Promise<import("./variables.js").Option[]>} load
 */
export function control(variable, load) {
  if (variable.type === "textbox") return textbox(variable);
  if (variable.type === "custom" && !variable.isMulti) return select(variable);
  return menu(variable, load);
}

function textbox(variable) {
  const input = element("input", { type: "search", spellcheck: "false", autocomplete: "off", name: variable.name });
  const put = () => {
    const value = input.value.trim();
    if (value !== variable.values()[0]) variable.set(value === (variable.preset[0] ?? "") ? null : [value]);
  };
  input.addEventListener("change", put);
  // The cross that browsers put at the end of it.
  input.addEventListener("search", put);
  variable.tell = () => {
    // What is being typed is not for anybody else to change.
    if (document.activeElement !== input || input.value === "") input.value = variable.values()[0] ?? "";
  };
  return element("label.variable", {}, element("span", {}, variable.label), input);
}

function select(variable) {
  const all = variable.hasAll ? [{ text: "All", value: ALL }] : [];
  const options = [...all, ...variable.options].map(({ text, value }) => element("option", { value }, text));
  const made = element("select", { name: variable.name, onchange: () => variable.set([made.value]) }, ...options);
  variable.tell = () => {
    made.value = variable.isAll() ? ALL : variable.values()[0];
  };
  return element("label.variable", {}, element("span", {}, variable.label), made);
}

function menu(variable, load) {
  const shown = element("span.chosen");
  const { element: made, opener } = popup({
    button: [shown, icon("down")],
    content: (close) => list(variable, load, close),
  });
  variable.tell = () => {
    const text = variable.choice().text || "None";
    shown.textContent = text;
    opener.title = text;
    opener.setAttribute("aria-label", `${variable.label}: ${text}`);
  };
  return element("div.variable", {}, element("span", {}, variable.label), made);
}

/** What there is to choose, and what is chosen; of several each is put in or out. */
function list(variable, load, close) {
  const entries = element("div.options", { role: "group", "aria-label": variable.label }, "Looking…");
  const label = `Find a ${variable.label.toLowerCase()}`;
  const filter = element("input", { type: "search", placeholder: "Find", "aria-label": label, oninput: fill });
  let options = [];

  function chosen() {
    return variable.isAll() ? [] : variable.values().filter((value) => value !== "");
  }

  function pick(value, isOn) {
    if (!variable.isMulti) {
      variable.set([value]);
      close();
      return;
    }
    const others = chosen().filter((other) => other !== value);
    const values = value === ALL ? [] : isOn ? [...others, value] : others;
    variable.set(values.length > 0 ? values : null);
    fill();
  }

  function entry({ text, value }, isOn) {
    const input = element("input", {
      type: variable.isMulti ? "checkbox" : "radio",
      name: `choice-${variable.name}`,
      value,
      onchange: () => pick(value, input.checked),
    });
    input.checked = isOn;
    return element("label.option", {}, input, element("span", {}, text));
  }

  function fill() {
    const held = entries.contains(document.activeElement) ? document.activeElement.value : null;
    const wanted = filter.value.toLowerCase();
    // What is chosen may have nothing in this time range.
    const gone = chosen().filter((value) => !options.some((option) => option.value === value));
    const found = [...gone.map((value) => ({ text: value, value })), ...options].filter(({ text }) =>
      text.toLowerCase().includes(wanted),
    );
    const shown = found.slice(0, MOST).map((option) => entry(option, chosen().includes(option.value)));
    const more = found.length - shown.length;
    replace(
      entries,
      variable.hasAll && wanted === "" && entry({ text: "All", value: ALL }, variable.isAll()),
      ...shown,
      found.length === 0 && element("p", {}, "None in this time range"),
      more > 0 && element("p", {}, `and ${more} more: type a part of the name`),
    );
    if (held !== null) [...entries.querySelectorAll("input")].find(({ value }) => value === held)?.focus();
  }

  load().then(
    (loaded) => {
      options = loaded;
      fill();
    },
    (error) => replace(entries, element("p.error", {}, error.message)),
  );
  return element("div.menu", {}, filter, entries);
}
