// The top of the page: the dashboards there are, the time range, the refresh, and light or dark.

import { element, iconButton, replace } from "./dom.js";
import { rangePicker } from "./rangepicker.js";
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
  const title = element("h1");
  const variables = element("div.variables", { role: "group", "aria-label": "Variables" });
  const picker = rangePicker(page.setRange);
  const refresh = element(
    "select",
    { "aria-label": "Refresh every", title: "Refresh every", onchange: () => page.setRefresh(refresh.value) },
    ...REFRESHES.map(([value, text]) => element("option", { value }, text)),
  );

  const top = element(
    "header.top",
    {},
    element("a.skip", { href: "#main", onclick: skip }, "Skip to the dashboard"),
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
        picker.element,
        element("div.joined", {}, iconButton("reload", "Reload", page.reload), refresh),
      ),
      theme(page.recolour),
    ),
    element("div.bar.second", {}, title, variables),
  );

  return {
    element: top,
    /** @param {{uid: string, title: string, description: string}[]} dashboards */
    dashboards(dashboards, uid, href) {
      // Links that are there stay, so that the one that was followed keeps the focus.
      if (menu.childElementCount !== dashboards.length) replace(menu, ...dashboards.map(entry));
      dashboards.forEach((one, at) => {
        const link = menu.children[at];
        link.setAttribute("href", href(one.uid));
        if (one.uid === uid) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      });
    },
    dashboard(file, controls) {
      title.textContent = file.title;
      title.title = file.description ?? "";
      replace(variables, ...controls);
    },
    apply(chosen, refreshText) {
      picker.apply(chosen);
      if (![...refresh.options].some(({ value }) => value === refreshText))
        refresh.append(element("option", { value: refreshText }, refreshText));
      refresh.value = refreshText;
    },
  };
}

function entry({ title, description }) {
  return element("a", { title: description }, title.replace(/^Automagik Telemetry /, ""));
}

/** For who goes by the keyboard. */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
