// A trace as a waterfall. Only the rows in view are there, so that it may have any number of spans.

import { asText } from "../answer.js";
import { assigned } from "../colours.js";
import { element, replace } from "../dom.js";
import { format } from "../format.js";
import { details } from "../trace/details.js";
import { SELECTED, row } from "../trace/row.js";
import { summary } from "../trace/summary.js";
import { build, flat } from "../trace/tree.js";

/** The height of a row, as the style sheet has it. */
const ROW = 26;
/** Rows beyond the view, so that scrolling finds them. */
const MARGIN = 20;

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
    const spans = found.map((values) => Object.fromEntries(columns.map(({ name }, at) => [name, values[at]])));
    const isSame = tree?.all[0].span.traceID === spans[0].traceID;
    const shut = new Set([...closed].map(({ span }) => span.spanID));
    const chosen = selected?.span.spanID;
    tree = build(spans);
    colours = assigned(spans.map(({ serviceName }) => serviceName));
    closed.clear();
    // A trace to which spans were added stays as it is read.
    if (isSame) tree.all.filter(({ span }) => shut.has(span.spanID)).forEach((node) => closed.add(node));
    else find.value = "";
    replace(about, ...summary(tree, colours));
    measure();
    if (!whole.isConnected) replace(body, whole);
    if (!isSame) scroller.scrollTop = 0;
    selected = (isSame && tree.all.find(({ span }) => span.spanID === chosen)) || null;
    replace(side, selected && details(selected, tree, { close, traceLink }));
    lay();
    search();
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
    replace(canvas, ...rows.slice(from, to).map((node, at) => placed(node, from + at)));
    if (selected && rows.indexOf(selected) >= from) scroller.setAttribute("aria-activedescendant", SELECTED);
    else scroller.removeAttribute("aria-activedescendant");
  }

  function placed(node, at) {
    const made = row(node, tree, {
      colour: `var(${colours.get(node.span.serviceName)})`,
      isClosed: closed.has(node),
      isSelected: node === selected,
      isOther: matches !== null && !matches.has(node),
    });
    made.dataset.at = String(at);
    made.style.top = `${at * ROW}px`;
    return made;
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
    replace(side, node && details(node, tree, { close, traceLink }));
    if (node) reveal(node);
    paint();
  }

  function close() {
    select(null);
    scroller.focus();
  }

  function traceLink(id) {
    return link(`/d/${uid}?var-trace=\${__value.raw}`, id);
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
    if (!actions[event.key] || (event.key === "Escape" && !selected)) return;
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
