// A span as a row of the waterfall: what it is called, and when it ran.

import { element, icon } from "../dom.js";
import { format } from "../format.js";

/** The `id` of the row that is selected. */
export const SELECTED = "selected-span";

/** How much further in a child is than its parent, in pixels. */
const INDENT = 14;

/**
 * @param {import("./tree.js").Node} node
 * @param {import("./tree.js").Tree} tree
 * @param {{colour: string, isClosed: boolean, isSelected: boolean, isOther: boolean}} look `isOther` is not looked for
 */
export function row(node, tree, { colour, isClosed, isSelected, isOther }) {
  const { span, children } = node;
  const made = element(
    "div.row",
    {
      role: "treeitem",
      id: isSelected ? SELECTED : undefined,
      "aria-level": node.depth + 1,
      "aria-expanded": children.length > 0 ? String(!isClosed) : undefined,
      "aria-selected": String(isSelected),
    },
    name(node, colour, isClosed),
    lane(node, tree, colour),
  );
  made.classList.toggle("other", isOther);
  made.classList.toggle("broken", node.hasFailed);
  return made;
}

function name(node, colour, isClosed) {
  const { span, children } = node;
  const mark = element("span.mark");
  mark.style.background = colour;
  const isFailing = node.hasFailed || (isClosed && node.hasFailedBelow);
  const made = element(
    "div.name",
    { title: `${span.serviceName}: ${span.operationName}` },
    element("span.fold", {}, children.length > 0 && icon(isClosed ? "right" : "down")),
    mark,
    node.isOrphan && element("span.orphan", { title: "Its parent is not there" }, "⤷?"),
    isFailing && failure(node),
    element("span.service", {}, span.serviceName),
    element("span.operation", {}, span.operationName || "(no name)"),
    isClosed && element("span.hint", {}, `+${node.below}`),
  );
  // However deep it is, some of the name is to be seen.
  made.style.paddingLeft = `min(${4 + node.depth * INDENT}px, calc(var(--names) * 0.6))`;
  return made;
}

function failure({ hasFailed }) {
  const title = hasFailed ? "Failed" : "One beneath it failed";
  return element("span.failed", { role: "img", "aria-label": title, title }, "!");
}

/** The bar at its place in time, and beside it, where there is room, how long it is. */
function lane({ span }, { from, to }, colour) {
  const length = to - from || 1;
  const left = ((span.startTime - from) / length) * 100;
  const width = (span.duration / length) * 100;
  const bar = element("div.bar-of-span");
  Object.assign(bar.style, { left: `${left}%`, width: `${width}%`, background: colour });
  const took = element("span.took", {}, format(span.duration, "ms"));
  if (left + width < 80) took.style.left = `calc(${left + width}% + 6px)`;
  else if (left > 20) took.style.right = `calc(${100 - left}% + 6px)`;
  else {
    took.style.right = `calc(${100 - left - width}% + 6px)`;
    took.classList.add("inside");
  }
  return element("div.lane", {}, bar, took);
}
