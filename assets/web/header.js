// The top of the page: the dashboards there are, the time range, the refresh, and light or dark.

import { element, icon, popup, replace } from "./dom.js";
import { dateTime, zone } from "./format.js";
import { QUICK_RANGES, label, resolve, shifted, widened } from "./range.js";
import { theme } from "./theme.js";

export const REFRESHES = [
  ["", "Off"],
  ["5s", "5s"],
  ["10s", "10s"],
  ["30s", "30s"],
  ["1m", "1m"],
];

/** Milliseconds; 0 is never. @param {string} text */
export function refreshOf(text) {
  const found = /^(\d+)(s|m|h)$/.exec(text);
  return found ? Number(found[1]) * { s: 1000, m: 60_000, h: 3_600_000 }[found[2]] : 0;
}

/**
 * @param {{setRange: (range: any) => void, setRefresh: (text: string) => void, reload: () => void, recolour: () => void}} page
 */
export function header(page) {
  const menu = element("nav.dashboards", { "aria-label": "Dashboards" });
  const shownRange = element("span");
  const title = element("h1");
  const variables = element("div.variables", { role: "group", "aria-label": "Variables" });
  let range = { from: "now-1h", to: "now" };

  const picker = popup({
    class: "range",
    button: [icon("clock"), shownRange, icon("down")],
    content: (close) =>
      ranges(range, (chosen) => {
        close();
        page.setRange(chosen);
      }),
  });
  const step = (name, title, to) =>
    element(
      "button.control",
      {
        type: "button",
        title,
        "aria-label": title,
        onclick: () => {
          const span = resolve(range, Date.now());
          if (span) page.setRange(to(span));
        },
      },
      icon(name),
    );
  const refresh = element(
    "select",
    { "aria-label": "Refresh every", title: "Refresh every", onchange: () => page.setRefresh(refresh.value) },
    ...REFRESHES.map(([value, text]) => element("option", { value }, text)),
  );

  const top = element(
    "header.top",
    {},
    element("a.skip", { href: "#main" }, "Skip to the dashboard"),
    element(
      "div.bar",
      {},
      element(
        "a.brand",
        { href: "/" },
        element("img", { src: "/assets/icon.svg", alt: "", width: "22", height: "22" }),
        "telemetry",
      ),
      menu,
      element(
        "div.time",
        {},
        element(
          "div.joined",
          {},
          step("left", "Earlier", (span) => shifted(span, -1)),
          picker.element,
          step("right", "Later", (span) => shifted(span, 1)),
          step("wider", "Zoom out", widened),
        ),
        element(
          "div.joined",
          {},
          element(
            "button.control",
            { type: "button", title: "Reload", "aria-label": "Reload", onclick: page.reload },
            icon("reload"),
          ),
          refresh,
        ),
      ),
      theme((recoloured) => page.recolour(recoloured)),
    ),
    element("div.bar.second", {}, title, variables),
  );

  return {
    element: top,
    /** @param {{uid: string, title: string, description: string}[]} dashboards */
    dashboards(dashboards, uid, href) {
      const links = dashboards.map((one) =>
        element(
          "a",
          { href: href(one.uid), title: one.description, "aria-current": one.uid === uid ? "page" : undefined },
          one.title.replace(/^Automagik Telemetry /, ""),
        ),
      );
      replace(menu, ...links);
    },
    dashboard(file, controls) {
      title.textContent = file.title;
      title.title = file.description ?? "";
      replace(variables, ...controls);
    },
    apply(chosen, refreshText) {
      range = chosen;
      shownRange.textContent = label(range, (at) => dateTime(at));
      if (![...refresh.options].some(({ value }) => value === refreshText))
        refresh.append(element("option", { value: refreshText }, refreshText));
      refresh.value = refreshText;
    },
  };
}

/** Quick ranges, and two moments to type. */
function ranges(range, choose) {
  const written = (text) => (/^-?\d+$/.test(text) ? dateTime(Number(text)) : text);
  const from = element("input", { name: "from", value: written(range.from), spellcheck: "false", autocomplete: "off" });
  const to = element("input", { name: "to", value: written(range.to), spellcheck: "false", autocomplete: "off" });
  const error = element("p.error", { role: "alert" });
  const apply = (event) => {
    event.preventDefault();
    const typed = { from: from.value.trim(), to: to.value.trim() };
    const span = resolve(typed, Date.now());
    if (!span) {
      error.textContent = "The end is not after the beginning, or one of them is no time";
      return;
    }
    const kept = (text, at) => (text.startsWith("now") ? text : String(at));
    choose({ from: kept(typed.from, span.from), to: kept(typed.to, span.to) });
  };
  const form = element(
    "form",
    { onsubmit: apply },
    element("label", {}, "From", from),
    element("label", {}, "To", to),
    error,
    element("button.control.primary", { type: "submit" }, "Apply"),
    element(
      "p.hint",
      {},
      "As ",
      element("code", {}, "now-6h"),
      ", ",
      element("code", {}, "now/d"),
      " or ",
      element("code", {}, "2026-01-31 10:00:00"),
    ),
    element("p.hint", {}, `Times are those of ${zone(Date.now())}`),
  );
  const quick = QUICK_RANGES.map((one) => {
    const isChosen = one.from === range.from && one.to === range.to;
    return element(
      "button",
      { type: "button", "aria-pressed": String(isChosen), onclick: () => choose({ from: one.from, to: one.to }) },
      one.label,
    );
  });
  return element("div.ranges", {}, form, element("div.quick", {}, ...quick));
}
