// The variables of a dashboard: what they are set to, and the controls that set them.

import { query } from "./api.js";
import { element, icon, popup, replace } from "./dom.js";
import { expand } from "./sql.js";

const ALL = "$__all";

/** @typedef {{text: string, value: string}} Option */

export class Variables {
  /**
   * @param {any[]} list of a dashboard file
   * @param {() => import("./sql.js").Scope} scope the time range, and these variables
   * @param {(name: string, values: string[] | null) => void} set
   */
  constructor(list, scope, set) {
    this.all = list.map((file) => new Variable(file, set));
    this.scope = scope;
    this.controls = this.all.map((variable) => variable.control((signal) => this.load(variable, signal)));
  }

  /** @param {URLSearchParams} parameters */
  apply(parameters) {
    for (const variable of this.all) variable.apply(parameters.getAll(`var-${variable.name}`));
  }

  /** @returns {Map<string, import("./sql.js").Choice>} */
  choices() {
    return new Map(this.all.map((variable) => [variable.name, variable.choice()]));
  }

  /** Chooses the first of what there is, where nothing is chosen, and stays with it. @param {AbortSignal} signal */
  async settle(signal) {
    // In the order of the file, as one may depend on those before it.
    for (const variable of this.all) {
      if (!variable.isOpen()) continue;
      const options = await this.load(variable, signal);
      const isThere = options.some(({ value }) => value === variable.first);
      if (!isThere) variable.first = options[0]?.value ?? "";
      variable.tell();
    }
  }

  /** What there is to choose from. @returns {Promise<Option[]>} */
  async load(variable, signal) {
    const answer = await query(expand(variable.sql, this.scope()), signal);
    return answer.data
      .map(([value]) => ({ text: String(value), value: String(value) }))
      .filter(({ value }) => value !== "");
  }
}

/** One of them. */
export class Variable {
  constructor(file, set) {
    this.name = file.name;
    this.label = file.label || file.name;
    this.type = file.type;
    this.isMulti = Boolean(file.multi);
    this.hasAll = Boolean(file.includeAll);
    this.sql = file.query?.rawSql ?? "";
    this.preset = [file.current?.value ?? (file.type === "textbox" ? file.query : "")].flat().map(String);
    /** @type {Option[]} */
    this.options = (file.options ?? []).map(({ text, value }) => ({ text, value }));
    /** @type {string[]} What the address says. */
    this.chosen = [];
    /** The first of what there is, where nothing is chosen. */
    this.first = null;
    this.set = (values) => set(this.name, values);
    this.tell = () => {};
  }

  apply(values) {
    const isKnown = (value) => this.options.some((option) => option.value === value);
    this.chosen =
      this.type === "custom" ? values.filter((value) => (this.hasAll && value === ALL) || isKnown(value)) : values;
    this.tell();
  }

  values() {
    if (this.chosen.length > 0) return this.chosen;
    if (this.preset.some((value) => value !== "")) return this.preset;
    return [this.first ?? (this.type === "custom" ? this.options[0]?.value : "") ?? ""];
  }

  isAll() {
    const values = this.values();
    return this.hasAll && (values.includes(ALL) || values.includes("All"));
  }

  /** Whether it takes a query to know what it is set to. */
  isOpen() {
    return this.type === "query" && this.chosen.length === 0 && this.preset.every((value) => value === "");
  }

  /** @returns {import("./sql.js").Choice} */
  choice() {
    if (this.isAll()) return { values: [], isAll: true, text: "All" };
    const values = this.values();
    const text = values.map((value) => this.options.find((option) => option.value === value)?.text ?? value).join(", ");
    return { values, text, isRaw: this.type === "custom" };
  }

  control(load) {
    if (this.type === "textbox") return this.textbox();
    if (this.type === "custom" && !this.isMulti) return this.select();
    return this.menu(this.type === "custom" ? async () => this.options : load);
  }

  textbox() {
    const input = element("input", { type: "search", spellcheck: "false", autocomplete: "off", name: this.name });
    const put = () => {
      const value = input.value.trim();
      if (value !== this.values()[0]) this.set(value === (this.preset[0] ?? "") ? null : [value]);
    };
    input.addEventListener("change", put);
    input.addEventListener("search", put);
    this.tell = () => {
      if (document.activeElement !== input || input.value === "") input.value = this.values()[0] ?? "";
    };
    return element("label.variable", {}, element("span", {}, this.label), input);
  }

  select() {
    const all = this.hasAll ? [{ text: "All", value: ALL }] : [];
    const options = [...all, ...this.options].map(({ text, value }) => element("option", { value }, text));
    const select = element("select", { name: this.name, onchange: () => this.set([select.value]) }, ...options);
    this.tell = () => (select.value = this.isAll() ? ALL : this.values()[0]);
    return element("label.variable", {}, element("span", {}, this.label), select);
  }

  /** A list that may be long, and of which several may be chosen. */
  menu(load) {
    const shown = element("span.chosen");
    const made = popup({ button: [shown, icon("down")], content: (close) => this.list(load, close) });
    made.opener.setAttribute("aria-label", this.label);
    this.tell = () => {
      const { text } = this.choice();
      shown.textContent = text || "None";
      made.opener.title = text ?? "";
      made.opener.setAttribute("aria-label", `${this.label}: ${text || "none"}`);
    };
    return element("div.variable", {}, element("span", {}, this.label), made.element);
  }

  list(load, close) {
    const entries = element("div.options", { role: "group", "aria-label": this.label }, "Looking…");
    const filter = element("input", {
      type: "search",
      placeholder: "Find",
      "aria-label": `Find a ${this.label.toLowerCase()}`,
    });
    const kind = this.isMulti ? "checkbox" : "radio";
    let options = [];

    const pick = (value, isOn) => {
      if (!this.isMulti) {
        this.set([value]);
        close();
        return;
      }
      const others = this.isAll() ? [] : this.values().filter((other) => other !== value && other !== "");
      const values = value === ALL ? [] : isOn ? [...others, value] : others;
      this.set(values.length > 0 ? values : null);
      fill();
    };
    const entry = ({ text, value }, isOn) => {
      const input = element("input", {
        type: kind,
        name: `choice-${this.name}`,
        value,
        onchange: () => pick(value, input.checked),
      });
      input.checked = isOn;
      return element("label.option", {}, input, element("span", {}, text));
    };
    const fill = () => {
      const held = document.activeElement?.closest?.(".options") === entries ? document.activeElement.value : null;
      const wanted = filter.value.toLowerCase();
      const chosen = this.isAll() ? [] : this.values().filter((value) => value !== "");
      const unknown = chosen.filter((value) => !options.some((option) => option.value === value));
      const found = [...unknown.map((value) => ({ text: value, value })), ...options].filter(({ text }) =>
        text.toLowerCase().includes(wanted),
      );
      const all = this.hasAll && wanted === "" ? [entry({ text: "All", value: ALL }, this.isAll())] : [];
      const listed = found.slice(0, 500).map((option) => entry(option, chosen.includes(option.value)));
      const rest =
        found.length > 500 ? [element("p", {}, `and ${found.length - 500} more: type a part of the name`)] : [];
      replace(
        entries,
        ...all,
        ...(listed.length > 0 ? listed : [element("p", {}, "None in this time range")]),
        ...rest,
      );
      if (held !== null) [...entries.querySelectorAll("input")].find(({ value }) => value === held)?.focus();
    };
    filter.addEventListener("input", fill);
    load().then(
      (found) => {
        options = found;
        fill();
      },
      (error) => replace(entries, element("p.error", {}, error.message)),
    );
    return element("div.menu", {}, filter, entries);
  }
}
