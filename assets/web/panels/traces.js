// A trace as a waterfall. Only the rows in view are there, so that it may have any number of spans.

import { asText } from "../answer.js";
import { assigned } from "../colours.js";
import { element, icon, replace } from "../dom.js";
import { dateTime, format } from "../format.js";
import { details } from "../trace/details.js";
import { build, flat } from "../trace/tree.js";

/** The height of a row, as the style sheet has it. */
const ROW = 26;
/** Rows beyond the view, so that scrolling finds them. */
const MARGIN = 20;
/** What the query of the file stops at. */
const MOST = 10_000;

export function create(body, { link, uid }) {
  let tree = null;
  let colours = new Map();
  let rows = [];
  /** @type {Set<import("../trace/tree.js").Node>} */
  const closed = new Set();
  let selected = null;
  let matches = null;

  const about = element("div.about");
  const find = element("input", {
    type: "search",
    placeholder: "Find in the trace",
    "aria-label": "Find in the trace",
    oninput: () => search(),
  });
  const count = element("span.hint", { role: "status" });
  const tools = element(
    "div.tools",
    {},
    find,
    count,
    element("button.control", { type: "button", onclick: () => fold(false) }, "Open all"),
    element("button.control", { type: "button", onclick: () => fold(true) }, "Close all"),
  );
  const ruler = element("div.ruler", { "aria-hidden": "true" });
  const handle = element("div.handle", {
    title: "Drag to give the names more room, or less",
    onpointerdown: (event) => widen(event),
  });
  const canvas = element("div.rows");
  const scroller = element(
    "div.waterfall",
    { tabindex: "0", role: "tree", "aria-label": "Spans", onscroll: () => paint(), onkeydown: key, onclick: click },
    ruler,
    canvas,
  );
  const side = element("div.side");
  const whole = element("div.trace", {}, about, tools, element("div.split", {}, scroller, side));

  find.addEventListener("keydown", (event) => event.key === "Enter" && next());
  new ResizeObserver(() => paint()).observe(scroller);

  function draw({ columns, rows: found }) {
    const spans = found.map((row) => Object.fromEntries(columns.map(({ name }, at) => [name, row[at]])));
    tree = build(spans);
    colours = assigned(spans.map(({ serviceName }) => serviceName));
    closed.clear();
    matches = null;
    find.value = "";
    describe(spans.length);
    measure();
    if (!whole.isConnected) replace(body, whole);
    select(null);
    scroller.scrollTop = 0;
    lay();
  }

  function describe(spans) {
    const [root] = tree.roots;
    const failed = tree.all.filter(({ hasFailed }) => hasFailed).length;
    const orphans = tree.roots.filter(({ isOrphan }) => isOrphan).length;
    const fact = (name, value, kind = "span") => element(kind, {}, element("b", {}, value), ` ${name}`);
    const services = [...colours].map(([name, colour]) => {
      const mark = element("span.mark");
      mark.style.background = `var(${colour})`;
      return element("span.service", {}, mark, name);
    });
    replace(
      about,
      element("strong", {}, `${root.span.serviceName}: ${root.span.operationName}`),
      fact("", dateTime(tree.from, "millisecond")),
      fact("long", format(tree.to - tree.from, "ms")),
      fact(spans === 1 ? "span" : "spans", format(spans)),
      failed > 0 && fact("failed", format(failed), "span.error"),
      tree.roots.length > 1 && fact("roots", format(tree.roots.length)),
      orphans > 0 && fact("without their parents", format(orphans)),
      spans >= MOST && element("span.error", {}, "only the first of them"),
      ...services,
    );
  }

  function measure() {
    const length = tree.to - tree.from;
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
      const tick = element("span", {}, part === 0 ? "0" : format(length * part, "ms"));
      tick.style.left = `${part * 100}%`;
      return tick;
    });
    replace(ruler, element("div.scale", {}, ...ticks), handle);
  }

  /** The names have as much of the width as they are given. */
  function widen(event) {
    const { left, width } = scroller.getBoundingClientRect();
    const move = ({ clientX }) => {
      const part = Math.min(Math.max(((clientX - left) / width) * 100, 10), 80);
      whole.style.setProperty("--names", `${part}%`);
    };
    handle.setPointerCapture(event.pointerId);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", move), {
      once: true,
    });
  }

  /** Which rows there are; then those in view. */
  function lay() {
    rows = flat(tree.roots, closed);
    canvas.style.height = `${rows.length * ROW}px`;
    paint();
  }

  function paint() {
    if (!tree) return;
    const from = Math.max(Math.floor(scroller.scrollTop / ROW) - MARGIN, 0);
    const to = Math.min(Math.ceil((scroller.scrollTop + scroller.clientHeight) / ROW) + MARGIN, rows.length);
    replace(canvas, ...rows.slice(from, to).map((node, at) => row(node, from + at)));
    if (selected && rows.indexOf(selected) >= from) scroller.setAttribute("aria-activedescendant", "selected-span");
    else scroller.removeAttribute("aria-activedescendant");
  }

  function row(node, at) {
    const { span } = node;
    const isClosed = closed.has(node);
    const colour = `var(${colours.get(span.serviceName)})`;
    const mark = element("span.mark");
    mark.style.background = colour;
    const fold =
      node.children.length > 0
        ? element("span.fold", { title: isClosed ? "Open" : "Close" }, icon(isClosed ? "right" : "down"))
        : element("span.fold");
    const hasFailed = node.hasFailed || (isClosed && node.hasFailedBelow);
    const name = element(
      "div.name",
      { title: `${span.serviceName}: ${span.operationName}` },
      fold,
      mark,
      node.isOrphan && element("span.orphan", { title: "Its parent is not there" }, "⤷?"),
      hasFailed && element("span.failed", { title: node.hasFailed ? "Failed" : "One beneath it failed" }, "!"),
      element("span.service", {}, span.serviceName),
      element("span.operation", {}, span.operationName || "(no name)"),
      isClosed && element("span.hint", {}, `+${node.below}`),
    );
    name.style.paddingLeft = `${4 + Math.min(node.depth, 40) * 14}px`;
    const made = element(
      "div.row",
      {
        role: "treeitem",
        id: node === selected ? "selected-span" : undefined,
        "aria-level": node.depth + 1,
        "aria-expanded": node.children.length > 0 ? String(!isClosed) : undefined,
        "aria-selected": String(node === selected),
        "aria-label": `${span.serviceName} ${span.operationName}, ${format(span.duration, "ms")}${node.hasFailed ? ", failed" : ""}`,
        "data-at": at,
      },
      name,
      bar(node, colour),
    );
    if (matches && !matches.has(node)) made.classList.add("other");
    if (node.hasFailed) made.classList.add("broken");
    made.style.top = `${at * ROW}px`;
    return made;
  }

  function bar({ span }, colour) {
    const length = tree.to - tree.from || 1;
    const left = ((span.startTime - tree.from) / length) * 100;
    const width = (span.duration / length) * 100;
    const line = element("div.bar-of-span");
    Object.assign(line.style, { left: `${left}%`, width: `${width}%`, background: colour });
    const label = element("span.took", {}, format(span.duration, "ms"));
    if (left + width < 80) label.style.left = `calc(${left + width}% + 6px)`;
    else if (left > 20) label.style.right = `calc(${100 - left}% + 6px)`;
    else {
      label.style.right = `calc(${100 - left - width}% + 6px)`;
      label.classList.add("inside");
    }
    return element("div.lane", {}, line, label);
  }

  function click(event) {
    const at = event.target.closest(".row")?.dataset.at;
    if (at === undefined) return;
    const node = rows[Number(at)];
    if (event.target.closest(".fold") && node.children.length > 0) toggle(node, !closed.has(node));
    else select(node);
  }

  function toggle(node, isClosed) {
    if (isClosed) closed.add(node);
    else closed.delete(node);
    lay();
  }

  function fold(isClosed) {
    closed.clear();
    if (isClosed) tree.all.filter(({ children }) => children.length > 0).forEach((node) => closed.add(node));
    lay();
  }

  function select(node) {
    selected = node;
    const traceLink = (id) => link(`/d/${uid}?var-trace=\${__value.raw}`, id);
    replace(
      side,
      node &&
        details(node, tree, {
          close: () => {
            select(null);
            scroller.focus();
          },
          traceLink,
        }),
    );
    if (node) reveal(node);
    paint();
  }

  function reveal(node) {
    let isLaid = true;
    for (let above = node.parent; above; above = above.parent) isLaid = !closed.delete(above) && isLaid;
    if (!isLaid) lay();
    const top = rows.indexOf(node) * ROW;
    const room = scroller.clientHeight - ruler.offsetHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top + ROW > scroller.scrollTop + room) scroller.scrollTop = top + ROW - room;
  }

  function key(event) {
    const at = rows.indexOf(selected);
    const go = (to) => select(rows[Math.min(Math.max(to, 0), rows.length - 1)]);
    const page = Math.max(Math.floor(scroller.clientHeight / ROW) - 1, 1);
    const actions = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      PageDown: () => go(at + page),
      PageUp: () => go(at - page),
      Home: () => go(0),
      End: () => go(rows.length - 1),
      ArrowLeft: () => {
        if (!selected) return;
        if (selected.children.length > 0 && !closed.has(selected)) toggle(selected, true);
        else if (selected.parent) select(selected.parent);
      },
      ArrowRight: () => {
        if (!selected || selected.children.length === 0) return;
        if (closed.has(selected)) toggle(selected, false);
        else go(at + 1);
      },
      Escape: () => select(null),
    };
    if (!actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  }

  function search() {
    const wanted = find.value.trim().toLowerCase();
    matches = wanted === "" ? null : new Set(tree.all.filter(({ span }) => searched(span).includes(wanted)));
    count.textContent = matches ? `${matches.size} found` : "";
    paint();
  }

  /** The next match below what is selected, and from the top again. */
  function next() {
    if (!matches?.size) return;
    const at = tree.all.indexOf(selected);
    select([...tree.all.slice(at + 1), ...tree.all].find((node) => matches.has(node)));
  }

  return {
    draw,
    empty: ({ variables }) =>
      variables.get("trace")?.values.join("") === ""
        ? "Choose a trace above, or paste its ID into `Trace ID`"
        : "No span of this trace is in the time range, nor within an hour of it: choose a longer one",
  };
}

/** All the text of a span. */
function searched({ spanID, serviceName, operationName, statusMessage, tags, serviceTags }) {
  const values = [...(tags ?? []), ...(serviceTags ?? [])].map(({ key, value }) => `${key}=${asText(value)}`);
  return [spanID, serviceName, operationName, statusMessage, ...values].join("\n").toLowerCase();
}
