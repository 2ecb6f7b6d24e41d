// The variables of a dashboard, and what they are set to.

import { query } from "./api.js";
import { expand } from "./sql.js";

/** What the address and the files call everything there is. */
export const ALL = "$__all";

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

  /** What there is to choose from. @param {AbortSignal} [signal] @returns {Promise<Option[]>} */
  async load(variable, signal) {
    if (variable.type !== "query") return variable.options;
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
    /** Sets it to some values, or to what it is without any. @type {(values: string[] | null) => void} */
    this.set = (values) => set(this.name, values);
    /** Tells its control that it was set. */
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
}
