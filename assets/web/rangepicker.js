// The control of the time range: quick ranges, two moments to type, and steps from what is shown.

import { element, icon, iconButton, marked, popup } from "./dom.js";
import { dateTime, zone } from "./format.js";
import { QUICK_RANGES, label, resolve, shifted, widened } from "./range.js";

/** @param {(range: import("./range.js").Range) => void} set */
export function rangePicker(set) {
  /** @type {import("./range.js").Range} */
  let range = { from: "now-1h", to: "now" };
  const shown = element("span");
  const choose = (close) => (chosen) => {
    close();
    set(chosen);
  };
  const picker = popup({
    class: "range",
    button: [icon("clock"), shown, icon("down")],
    content: (close) => element("div.ranges", {}, typed(range, choose(close)), quick(range, choose(close))),
  });
  const step = (name, title, to) =>
    iconButton(name, title, () => {
      const span = resolve(range, Date.now());
      if (span) set(to(span));
    });

  return {
    element: element(
      "div.joined",
      {},
      step("left", "Earlier", (span) => shifted(span, -1)),
      picker.element,
      step("right", "Later", (span) => shifted(span, 1)),
      step("wider", "Zoom out", widened),
    ),
    /** @param {import("./range.js").Range} chosen */
    apply(chosen) {
      range = chosen;
      shown.textContent = label(range, (at) => dateTime(at));
    },
  };
}

/** Two moments to type. */
function typed(range, choose) {
  const written = (text) => (/^-?\d+$/.test(text) ? dateTime(Number(text)) : text);
  const moment = (name, text) =>
    element("input", { name, value: written(text), spellcheck: "false", autocomplete: "off" });
  const from = moment("from", range.from);
  const to = moment("to", range.to);
  const error = element("p.error", { role: "alert" });

  function apply(event) {
    event.preventDefault();
    const asked = { from: from.value.trim(), to: to.value.trim() };
    const span = resolve(asked, Date.now());
    if (!span) {
      error.textContent = "The end is not after the beginning, or one of them is no time";
      return;
    }
    const kept = (text, at) => (text.startsWith("now") ? text : String(at));
    choose({ from: kept(asked.from, span.from), to: kept(asked.to, span.to) });
  }

  return element(
    "form",
    { onsubmit: apply },
    element("label", {}, "From", from),
    element("label", {}, "To", to),
    error,
    element("button.control.primary", { type: "submit" }, "Apply"),
    element("p.hint", {}, ...marked("As `now-6h`, `now/d` or `2026-01-31 10:00:00`")),
    element("p.hint", {}, `Times are those of ${zone(Date.now())}`),
  );
}

function quick(range, choose) {
  const buttons = QUICK_RANGES.map(({ from, to, label: name }) => {
    const isChosen = from === range.from && to === range.to;
    const onclick = () => choose({ from, to });
    return element("button", { type: "button", "aria-pressed": String(isChosen), onclick }, name);
  });
  return element("div.quick", {}, ...buttons);
}
