// What a graph's lines are at the crosshair.

import { element, replace } from "../dom.js";
import { dateTime, format } from "../format.js";

const MOST = 12;

/** @param {HTMLElement} holder of the graph @param {string} [unit] */
export function tooltip(holder, unit) {
  const box = element("div.tip", { hidden: true });
  let isHere = false;

  return {
    /** Graphs share their crosshair; only the one under the pointer tells. */
    follow(chart) {
      holder.append(box);
      chart.over.addEventListener("mouseenter", () => (isHere = true));
      chart.over.addEventListener("mouseleave", () => {
        isHere = false;
        box.hidden = true;
      });
    },
    show(chart, { times, series, colours }) {
      const index = chart.cursor.idxs?.find((at, line) => line > 0 && at !== null && at !== undefined) ?? null;
      box.hidden = !isHere || index === null || index >= times.length;
      if (box.hidden) return;
      const values = series
        .map(({ name, values: all }) => [name, all[index]])
        .filter(([, value]) => value !== null && value !== undefined)
        .sort(([, a], [, b]) => b - a);
      box.hidden = values.length === 0;
      const lines = values.slice(0, MOST).map(([name, value]) => {
        const mark = element("span.mark");
        mark.style.background = `var(${colours.get(name)})`;
        return element(
          "div.line",
          {},
          mark,
          element("span.name", {}, name),
          element("span.value", {}, format(value, unit)),
        );
      });
      const more = values.length - lines.length;
      replace(
        box,
        element("div.time", {}, dateTime(times[index] * 1000)),
        ...lines,
        more > 0 && element("div.more", {}, `and ${more} more`),
      );
      place(box, holder, chart);
    },
  };
}

function place(box, holder, chart) {
  const x = chart.over.offsetLeft + chart.cursor.left;
  const y = chart.over.offsetTop + chart.cursor.top;
  const isLeft = x + 16 + box.offsetWidth > holder.clientWidth;
  box.style.left = `${isLeft ? Math.max(x - 16 - box.offsetWidth, 0) : x + 16}px`;
  box.style.top = `${Math.min(Math.max(y - box.offsetHeight / 2, 0), Math.max(holder.clientHeight - box.offsetHeight, 0))}px`;
}
