// All that a span brought with it.

import { asText } from "../answer.js";
import { element, iconButton } from "../dom.js";
import { dateTime, format } from "../format.js";
import { ownTime, skew } from "./tree.js";

/**
 * @param {import("./tree.js").Node} node
 * @param {import("./tree.js").Tree} tree
 * @param {{close: () => void, traceLink: (id: string) => string | null}} actions
 */
export function details(node, tree, { close, traceLink }) {
  const { span } = node;
  const facts = [
    ["Service", span.serviceName],
    [
      "Began",
      `${dateTime(span.startTime, "millisecond")}, ${format(span.startTime - tree.from, "ms")} after the trace`,
    ],
    ["Duration", format(span.duration, "ms")],
    ["Self time", `${format(ownTime(node), "ms")}, in which no child ran`],
    ["Kind", span.kind],
    ["Status", node.hasFailed ? `failed${span.statusMessage ? `: ${span.statusMessage}` : ""}` : "OK"],
    ["Span ID", span.spanID],
    ["Parent", node.isOrphan ? `${span.parentSpanID}, which is not there` : (span.parentSpanID ?? "")],
  ];
  const early = skew(node);
  return element(
    "aside.details",
    { "aria-label": "Details of the span" },
    element(
      "header",
      {},
      element("h3", {}, span.operationName || "(no name)"),
      iconButton("close", "Close the details", close, "control.quiet"),
    ),
    early > 0 &&
      element(
        "p.warning",
        {},
        `It says that it began ${format(early, "ms")} before its parent: the clocks of their hosts differ`,
      ),
    list(facts.filter(([, value]) => value)),
    // "error" is there for Grafana, which marks failures by it.
    part(
      "Attributes",
      pairs(span.tags).filter(([key, value]) => !(key === "error" && value === "true" && node.hasFailed)),
    ),
    part("Resource", pairs(span.serviceTags)),
    events(span, tree),
    links(span, traceLink),
  );
}

function pairs(tags) {
  return (tags ?? []).map(({ key, value }) => [key, value]).sort(([a], [b]) => a.localeCompare(b));
}

function list(entries) {
  return element(
    "dl.labels",
    {},
    ...entries.flatMap(([name, value]) => [
      element("dt", {}, name),
      element("dd", {}, value instanceof Node ? value : asText(value)),
    ]),
  );
}

function part(title, entries) {
  if (entries.length === 0) return null;
  return element("details.part", { open: true }, element("summary", {}, `${title} (${entries.length})`), list(entries));
}

function events({ logs }, tree) {
  if (!logs?.length) return null;
  const shown = logs.map(({ name, timestamp, fields }) =>
    element(
      "div.event",
      {},
      element("strong", {}, name),
      element("span", {}, ` after ${format(Number(timestamp) - tree.from, "ms")}`),
      list(pairs(fields)),
    ),
  );
  return element("details.part", { open: true }, element("summary", {}, `Events (${logs.length})`), ...shown);
}

function links({ references }, traceLink) {
  if (!references?.length) return null;
  const shown = references.map(({ traceID, spanID, tags }) => {
    const href = traceLink(traceID);
    const trace = href ? element("a", { href }, traceID) : traceID;
    return element("div.event", {}, list([["Trace", trace], ["Span", spanID], ...pairs(tags)]));
  });
  return element("details.part", { open: true }, element("summary", {}, `Links (${references.length})`), ...shown);
}
