// What a dashboard file says about a panel's columns: `defaults`, and `overrides` by name.

/**
 * @typedef {object} Field
 * @property {string} [unit]
 * @property {string} [colour] as the file names it
 * @property {{title: string, url: string}[]} links
 * @property {number} [min]
 * @property {{mode: string, steps: {color: string, value: number | null}[]}} [thresholds]
 * @property {Record<string, any>} custom how graphs draw it
 */

/** @param {any} panel of a dashboard file @param {string} name of a column @returns {Field} */
export function fieldOf(panel, name) {
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  const field = {
    unit: defaults.unit,
    colour: undefined,
    links: defaults.links ?? [],
    min: defaults.min ?? undefined,
    thresholds: defaults.thresholds,
    custom: { ...defaults.custom },
  };
  for (const { matcher, properties } of overrides) {
    if (matcher.id !== "byName" || matcher.options !== name) continue;
    for (const { id, value } of properties) {
      if (id === "unit") field.unit = value;
      else if (id === "color") field.colour = value.fixedColor;
      else if (id === "links") field.links = value;
      else if (id.startsWith("custom.")) field.custom[id.slice("custom.".length)] = value;
    }
  }
  return field;
}

/** The colour of the highest step that a value reaches. @param {Field} field @param {number} value */
export function threshold({ thresholds }, value) {
  const reached = (thresholds?.steps ?? []).filter((step) => step.value === null || value >= step.value);
  return reached.at(-1)?.color ?? "text";
}
