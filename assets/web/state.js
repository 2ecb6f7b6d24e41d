// What is shown is in the address, as Grafana has it:
// `/d/<uid>?var-<name>=<value>&from=now-6h&to=now&refresh=10s`.

/**
 * @typedef {object} State
 * @property {string} uid of the dashboard, empty where the address names none
 * @property {URLSearchParams} parameters
 */

/** @param {URL | Location} url @returns {State} */
export function read(url) {
  const [, uid = ""] = /^\/d\/([^/]+)/.exec(url.pathname) ?? [];
  return { uid: decodeURIComponent(uid), parameters: new URLSearchParams(url.search) };
}

/** @param {State} state */
export function written({ uid, parameters }) {
  const query = parameters.toString();
  return `/d/${encodeURIComponent(uid)}${query ? `?${query}` : ""}`;
}

/** The same, but for some parameters; `null` takes one away. @param {State} state */
export function changed({ uid, parameters }, changes) {
  const next = new URLSearchParams(parameters);
  for (const [name, value] of Object.entries(changes)) {
    next.delete(name);
    for (const one of value === null ? [] : [value].flat()) next.append(name, one);
  }
  return { uid, parameters: next };
}

/**
 * Where a link of a dashboard file leads; `null` unless that is a page of this server. A link to the
 * dashboard that is shown leaves alone what it does not name.
 * @param {string} template
 * @param {any} value
 * @param {{from: string, to: string}} range
 * @param {State} state
 */
export function linked(template, value, range, state) {
  const time = new URLSearchParams({ from: range.from, to: range.to }).toString();
  const path = template
    .replaceAll("${__value.raw}", () => encodeURIComponent(String(value)))
    .replaceAll("${__url_time_range}", () => time);
  if (!path.startsWith("/d/") || path.includes("${")) return null;
  const target = read(new URL(path, "http://page.invalid"));
  if (target.uid !== state.uid) return path;
  const named = [...new Set(target.parameters.keys())];
  const values = Object.fromEntries(named.map((name) => [name, target.parameters.getAll(name)]));
  // What it leads to may be another panel than the one that is shown alone.
  return written(changed(state, { viewPanel: null, ...values }));
}
