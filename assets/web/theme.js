// Light or dark: as the system has it, until the reader says otherwise.

import { element, icon } from "./dom.js";

const KEY = "telemetry-theme";
const ORDER = ["system", "light", "dark"];

/** The button that goes from one to the next. @param {() => void} recolour */
export function theme(recolour) {
  let chosen = stored();
  const button = element("button.control.quiet", { type: "button", onclick: next }, icon("theme"));

  function show() {
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    const label = `Colours: ${chosen}`;
    button.title = label;
    button.setAttribute("aria-label", label);
  }
  function next() {
    chosen = ORDER[(ORDER.indexOf(chosen) + 1) % ORDER.length];
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // Where nothing may be kept it lasts as long as the page.
    }
    show();
    recolour();
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  show();
  return button;
}

function stored() {
  try {
    const kept = localStorage.getItem(KEY);
    return ORDER.includes(kept) ? kept : "system";
  } catch {
    return "system";
  }
}
