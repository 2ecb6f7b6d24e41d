// The page: which dashboard the address names, and going from one to another.

import * as api from "./api.js";
import { Dashboard } from "./dashboard.js";
import { element, marked } from "./dom.js";
import { header, refreshOf } from "./header.js";
import { changed, read, written } from "./state.js";

/** Milliseconds between two looks for a server that is away. */
const AWAY = 2000;

let dashboards = [];
/** @type {Dashboard | null} */
let shown = null;
let isAway = false;

const top = header({
  setRange: ({ from, to }) => go(changed(read(location), { from, to })),
  setRefresh: (text) => go(changed(read(location), { refresh: text }), { isReplacing: true }),
  reload: () => shown?.refresh(),
  recolour: () => shown?.recolour(),
});
const banner = element("p.banner", { role: "status", hidden: true });
const place = element("div");
document.body.append(top.element, banner, place);
// What is scrolled to has to stay below the top.
new ResizeObserver(() => place.style.setProperty("--top", `${top.element.offsetHeight}px`)).observe(top.element);

/** Shows another state, and keeps it in the history. */
function go(state, { isReplacing = false } = {}) {
  const address = written(state);
  if (address === location.pathname + location.search) return;
  if (!isReplacing) leave();
  history[isReplacing ? "replaceState" : "pushState"](null, "", address);
  show();
}

/** Keeps how far the page is scrolled, for who comes back. */
function leave() {
  history.replaceState({ scrolled: scrollY }, "");
}

/** Shows what the address says. @param {number} [scrolled] of who comes back */
async function show(scrolled) {
  const state = read(location);
  if (!state.uid) {
    go({ uid: dashboards[0].uid, parameters: state.parameters }, { isReplacing: true });
    return;
  }
  if (shown?.file.uid !== state.uid) {
    const file = await loaded(state.uid);
    // Another one may have been asked for meanwhile.
    if (!file || read(location).uid !== state.uid) return;
    shown?.destroy();
    shown = new Dashboard(file, { go, unreachable: away });
    place.replaceChildren(shown.element);
    scrollTo(0, 0);
    top.dashboard(file, shown.controls);
    document.title = `${file.title} · telemetry`;
  }
  const { time, refresh: preset = "" } = shown.file;
  const { parameters } = read(location);
  const range = { from: parameters.get("from") || time.from, to: parameters.get("to") || time.to };
  const refresh = parameters.get("refresh") ?? preset;
  top.apply(range, refreshOf(refresh) > 0 ? refresh : "");
  list(state.uid, { ...range, refresh: parameters.get("refresh") });
  if (scrolled !== undefined) scrollTo(0, scrolled);
  await shown.apply(read(location), { range, refresh: refreshOf(refresh), isNew: scrolled === undefined });
}

/** The other dashboards, at the same time. */
function list(uid, kept = {}) {
  top.dashboards(dashboards, uid, (other) => written(changed({ uid: other, parameters: new URLSearchParams() }, kept)));
}

const files = new Map();

/** A dashboard file, or `null` with what is wrong on the page. */
async function loaded(uid) {
  try {
    if (!files.has(uid)) files.set(uid, await api.dashboard(uid));
    return files.get(uid);
  } catch (error) {
    if (error instanceof api.Unreachable) away();
    else say(error.status === 404 ? `There is no dashboard \`${uid}\`` : error.message);
    return null;
  }
}

function say(text) {
  shown?.destroy();
  shown = null;
  list("");
  top.dashboard({ title: "" }, []);
  place.replaceChildren(element("p.banner.error", { role: "alert" }, text));
}

/** The server is away: what is shown stays until it is back. */
async function away() {
  if (isAway) return;
  isAway = true;
  banner.hidden = false;
  banner.replaceChildren(
    ...marked(
      "The stack does not answer. What is shown is from before; this page goes on by itself once `telemetry start` has brought it back",
    ),
  );
  while (isAway) {
    await new Promise((resolve) => setTimeout(resolve, AWAY));
    if (document.hidden) continue;
    try {
      dashboards = await api.dashboards();
      isAway = false;
    } catch (error) {
      if (!(error instanceof api.Unreachable)) isAway = false;
    }
  }
  banner.hidden = true;
  if (shown) shown.refresh();
  else show();
}

history.scrollRestoration = "manual";
addEventListener("popstate", ({ state }) => show(state?.scrolled ?? 0));
addEventListener("pagehide", leave);
document.addEventListener("visibilitychange", () => (document.hidden ? shown?.hide() : shown?.show()));

document.addEventListener("keydown", (event) => {
  const isFree = event.key === "Escape" && !event.defaultPrevented && !event.target.closest?.("input, select, dialog");
  if (isFree && shown?.alone()) shown.isolate();
});

/** Links between dashboards do not load the page again. */
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  const isPlain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !isPlain || event.defaultPrevented || link.origin !== location.origin || link.hash) return;
  event.preventDefault();
  go(read(new URL(link.href)));
});

try {
  dashboards = await api.dashboards();
  await show(history.state?.scrolled);
} catch (error) {
  if (error instanceof api.Unreachable) away();
  else say(error.message);
}
