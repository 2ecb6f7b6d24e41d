// What a stack that has seen nothing yet says.

import { element } from "./dom.js";

/** Counts are kept with the tables, so this reads nothing. */
const sql = "SELECT (SELECT count() FROM traces) + (SELECT count() FROM logs) + (SELECT count() FROM metrics)";

function command(text) {
  return element("pre", { tabindex: "0" }, element("code", {}, text));
}

export const welcome = {
  sql,
  element: () =>
    element(
      "section.welcome",
      { "aria-label": "How to begin" },
      element("h2", {}, "Nothing has arrived yet"),
      element("p", {}, "Send sample traces, logs and metrics:"),
      command("telemetry test"),
      element("p", {}, "Or point a program that uses OpenTelemetry at this stack, and run it:"),
      command('eval "$(telemetry env)"'),
      element("p.hint", {}, "They show up here by themselves"),
    ),
};
