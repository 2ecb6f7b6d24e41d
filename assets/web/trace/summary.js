// What there is to say of a trace as a whole.

import { element } from "../dom.js";
import { dateTime, format } from "../format.js";

/** What the query of the dashboard's file stops at. */
const MOST = 10_000;

/**
 * @param {import("./tree.js").Tree} tree
 * @param {Map<string, string>} colours of the services
 */
export function summary({ roots, all, from, to }, colours) {
  const [{ span: root }] = roots;
  const failed = all.filter(({ hasFailed }) => hasFailed).length;
  const orphans = roots.filter(({ isOrphan }) => isOrphan).length;
  return [
    element("strong", {}, `${root.serviceName}: ${root.operationName}`),
    fact("", dateTime(from, "millisecond")),
    fact("long", format(to - from, "ms")),
    fact(all.length === 1 ? "span" : "spans", format(all.length)),
    failed > 0 && fact("failed", format(failed), "span.error"),
    roots.length > 1 && fact("roots", format(roots.length)),
    orphans > 0 && fact("without their parents", format(orphans)),
    all.length >= MOST && element("span.error", {}, "only the first of them"),
    ...[...colours].map(service),
  ];
}

function fact(name, value, kind = "span") {
  return element(kind, {}, element("b", {}, value), ` ${name}`);
}

function service([name, colour]) {
  const mark = element("span.mark");
  mark.style.background = `var(${colour})`;
  return element("span.service", {}, mark, name);
}
