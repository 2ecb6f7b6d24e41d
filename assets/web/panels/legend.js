// The names of a graph's lines. A click shows one alone and then all again; with Ctrl, Shift or ⌘ it
// puts one out or in.

import { element } from "../dom.js";

/**
 * @param {{name: string}[]} series
 * @param {Map<string, string>} colours
 * @param {Set<string>} hidden is changed
 * @param {number} left lines that are not drawn
 * @param {() => void} redraw
 */
export function legend(series, colours, hidden, left, redraw) {
  const names = series.map(({ name }) => name);

  function click(name, event) {
    const isAlone = !hidden.has(name) && names.every((other) => other === name || hidden.has(other));
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      if (!hidden.delete(name)) hidden.add(name);
    } else {
      hidden.clear();
      if (!isAlone) names.filter((other) => other !== name).forEach((other) => hidden.add(other));
    }
    redraw();
  }

  const entries = names.map((name) => {
    const mark = element("span.mark");
    mark.style.background = `var(${colours.get(name)})`;
    return element(
      "button",
      {
        type: "button",
        "aria-pressed": String(!hidden.has(name)),
        title: "Show alone; with Ctrl or ⌘: put out or in",
        onclick: (event) => click(name, event),
      },
      mark,
      element("span", {}, name),
    );
  });
  if (left > 0) entries.push(element("span.left", {}, `and ${left} more that are not drawn`));
  return entries;
}
