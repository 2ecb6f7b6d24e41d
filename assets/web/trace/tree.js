// The spans of a trace as a tree. Telemetry keeps no promises: parents are missing, there are
// several roots, spans are there twice, and a chain of parents may lead back to where it began.

/**
 * @typedef {object} Span
 * @property {string} spanID
 * @property {string} parentSpanID empty for a root
 * @property {string} serviceName
 * @property {string} operationName
 * @property {number} startTime milliseconds since 1970, with their fraction
 * @property {number} duration milliseconds
 * @property {number} statusCode 2 where it failed
 */
/**
 * @typedef {object} Node
 * @property {Span} span
 * @property {Node | null} parent
 * @property {Node[]} children by the time they began
 * @property {number} depth 0 for a root
 * @property {number} below how many spans are beneath
 * @property {boolean} hasFailed
 * @property {boolean} hasFailedBelow
 * @property {boolean} isOrphan whether its parent is not there
 */
/** @typedef {{roots: Node[], all: Node[], from: number, to: number}} Tree `all` from top to bottom. */

/** @param {Span[]} spans @returns {Tree} */
export function build(spans) {
  const nodes = [...spans].sort((a, b) => a.startTime - b.startTime || b.duration - a.duration).map(nodeOf);
  const byId = new Map();
  for (const node of nodes) if (!byId.has(node.span.spanID)) byId.set(node.span.spanID, node);

  const roots = [];
  for (const node of nodes) {
    const parent = byId.get(node.span.parentSpanID);
    if (node.span.parentSpanID !== "" && parent && parent !== node) {
      node.parent = parent;
      parent.children.push(node);
    } else {
      node.isOrphan = node.span.parentSpanID !== "";
      roots.push(node);
    }
  }
  const reached = new Set(flat(roots));
  // What no root leads to hangs on a circle, which is cut before its first span.
  for (const node of nodes) {
    if (reached.has(node)) continue;
    node.parent.children.splice(node.parent.children.indexOf(node), 1);
    node.parent = null;
    node.isOrphan = true;
    roots.push(node);
    for (const beneath of flat([node])) reached.add(beneath);
  }
  roots.sort((a, b) => a.span.startTime - b.span.startTime);

  const all = flat(roots);
  for (const node of all) node.depth = node.parent ? node.parent.depth + 1 : 0;
  for (const node of [...all].reverse()) {
    if (!node.parent) continue;
    node.parent.below += node.below + 1;
    node.parent.hasFailedBelow ||= node.hasFailed || node.hasFailedBelow;
  }
  const from = nodes[0]?.span.startTime ?? 0;
  const to = nodes.reduce((latest, { span }) => Math.max(latest, span.startTime + span.duration), from);
  return { roots, all, from, to };
}

/** @param {Span} span @returns {Node} */
function nodeOf(span) {
  return {
    span,
    parent: null,
    children: [],
    depth: 0,
    below: 0,
    hasFailed: span.statusCode === 2,
    hasFailedBelow: false,
    isOrphan: false,
  };
}

/**
 * What is seen from top to bottom when some are closed. Without recursion, as a trace may be as
 * deep as it is long.
 * @param {Node[]} roots
 * @param {Set<Node>} [closed]
 */
export function flat(roots, closed = new Set()) {
  const seen = [];
  const next = [...roots].reverse();
  while (next.length > 0) {
    const node = next.pop();
    seen.push(node);
    if (!closed.has(node)) for (let at = node.children.length - 1; at >= 0; at--) next.push(node.children[at]);
  }
  return seen;
}

/** The milliseconds in which a span ran and none of its children did. @param {Node} node */
export function ownTime({ span, children }) {
  const end = span.startTime + span.duration;
  let covered = 0;
  let until = span.startTime;
  for (const { span: child } of children) {
    const from = Math.max(child.startTime, until);
    const to = Math.min(child.startTime + child.duration, end);
    if (to <= from) continue;
    covered += to - from;
    until = to;
  }
  return Math.max(span.duration - covered, 0);
}

/** How long before its parent a span says that it began: clocks differ. @param {Node} node */
export function skew({ span, parent }) {
  return parent ? Math.max(parent.span.startTime - span.startTime, 0) : 0;
}
