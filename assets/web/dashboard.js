// A dashboard: its variables and panels, and when they are asked again.

import { Unreachable, query } from "./api.js";
import { control } from "./controls.js";
import { element, marked, replace } from "./dom.js";
import { Panel } from "./panel.js";
import { interval, resolve } from "./range.js";
import { changed, linked } from "./state.js";
import { variablesIn } from "./sql.js";
import { Variables } from "./variables.js";
import { welcome } from "./welcome.js";

/** Milliseconds between two looks for the first data. */
const FIRST_DATA = 2000;

export class Dashboard {
  /**
   * @param {any} file
   * @param {{go: (state: any) => void, unreachable: (error: Error) => void}} page
   */
  constructor(file, page) {
    this.file = file;
    this.page = page;
    this.state = null;
    this.range = file.time;
    this.span = resolve(file.time, Date.now());
    this.running = null;
    /** Whether it is known what the variables are set to. */
    this.isSettled = false;
    this.timer = 0;
    this.askedAt = 0;
    /** Whether anything has ever arrived; `null` until that is known. */
    this.hasData = null;
    this.variables = new Variables(
      file.templating?.list ?? [],
      () => this.scope(100),
      (name, values) => page.go(changed(this.state, { [`var-${name}`]: values })),
    );
    this.controls = this.variables.all.map((variable) => control(variable, () => this.variables.load(variable)));
    const host = {
      uid: file.uid,
      scope: (points) => this.scope(points),
      link: (template, value) => linked(template, value, this.range, this.state),
      zoom: (from, to) => page.go(changed(this.state, { from: String(Math.floor(from)), to: String(Math.ceil(to)) })),
      alone: (id) => this.isolate(id),
      unreachable: page.unreachable,
    };
    this.panels = file.panels.map((panel) => new Panel(panel, host));
    this.grid = element("div.grid", {}, ...this.panels.map((panel) => panel.element));
    this.error = element("p.banner.error", { role: "alert", hidden: true });
    this.greeting = element("div.greeting");
    this.element = element("main.dashboard", { id: "main", tabindex: "-1" }, this.error, this.greeting, this.grid);
    this.observer = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: "200px" });
    this.panels.forEach((panel) => this.observer.observe(panel.element));
  }

  scope(points) {
    return { ...this.span, interval: interval(this.span, points), variables: this.variables.choices() };
  }

  /** Shows what the address says. */
  apply(state, { range, refresh, isNew }) {
    const before = this.state && this.variables.choices();
    this.state = state;
    this.range = range;
    this.every = refresh;
    this.variables.apply(state.parameters);
    const alone = this.alone();
    this.grid.classList.toggle("alone", alone !== undefined);
    this.panels.forEach((panel) => panel.element.classList.toggle("shown", panel === alone));
    // Who comes back is where they were.
    if (isNew) this.follow(before);
    return this.refresh();
  }

  /** The panel that the address shows alone, if any. */
  alone() {
    const wanted = this.state.parameters.get("viewPanel")?.replace(/^panel-/, "");
    return this.panels.find(({ file }) => String(file.id) === wanted);
  }

  /** Shows a panel alone, or all of them again. @param {number} [id] */
  isolate(id) {
    this.page.go(changed(this.state, { viewPanel: this.alone() ? null : `panel-${id}` }));
  }

  /** Brings the panel that a changed variable is about into view, such as the trace that was chosen. */
  follow(before) {
    const now = this.variables.choices();
    const differs = (name) =>
      before
        ? JSON.stringify(before.get(name)) !== JSON.stringify(now.get(name))
        : this.state.parameters.has(`var-${name}`);
    const panel = this.panels.find(({ file }) => [...variablesIn(file.title)].some(differs));
    panel?.element.scrollIntoView({
      block: "start",
      behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth",
    });
  }

  /** Asks everything again. What still runs is not waited for. */
  async refresh() {
    clearTimeout(this.timer);
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    this.isSettled = false;
    this.askedAt = Date.now();
    this.error.hidden = true;
    this.panels.forEach((panel) => panel.cancel());
    const span = resolve(this.range, Date.now());
    if (!span) {
      this.fail(new Error(`\`${this.range.from}\` to \`${this.range.to}\` is no time range: choose another one`));
      return;
    }
    this.span = span;
    await this.settle(running.signal);
    if (running.signal.aborted) return;
    await Promise.all([this.greet(running.signal), ...this.panels.map((panel) => panel.outdate())]);
    // Counted from the end, so that what takes longer than that is ever answered.
    if (running === this.running) this.schedule();
  }

  /** Finds out what the variables are set to. */
  async settle(signal) {
    const name = () => {
      const choices = this.variables.choices();
      this.panels.forEach((panel) => panel.name(choices));
    };
    name();
    try {
      await this.variables.settle(signal);
    } catch (error) {
      if (signal.aborted) return;
      this.fail(error);
    }
    name();
    this.isSettled = true;
  }

  schedule() {
    clearTimeout(this.timer);
    const every = this.pause();
    if (every > 0 && !document.hidden) this.timer = setTimeout(() => this.refresh(), every);
  }

  /** Milliseconds to the next refresh; 0 is never. Who waits for the first data does not wait long. */
  pause() {
    return this.hasData === false ? FIRST_DATA : this.every;
  }

  /** Nothing is asked while nobody looks. */
  hide() {
    clearTimeout(this.timer);
  }

  show() {
    const every = this.pause();
    if (every > 0 && Date.now() - this.askedAt >= every) this.refresh();
    else this.schedule();
  }

  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      const panel = this.panels.find(({ element: own }) => own === target);
      panel.isVisible = isIntersecting;
      if (isIntersecting && panel.isStale && this.isSettled) panel.run();
    }
  }

  /** Tells how to begin, as long as there is nothing at all. */
  async greet(signal) {
    if (this.hasData) return;
    try {
      const answer = await query(welcome.sql, signal);
      this.hasData = Number(answer.data[0][0]) > 0;
      if (this.hasData) replace(this.greeting);
      else if (!this.greeting.hasChildNodes()) replace(this.greeting, welcome.element());
    } catch {
      // The panels say what is wrong.
    }
  }

  fail(error) {
    if (error instanceof Unreachable) this.page.unreachable(error);
    else {
      replace(this.error, ...marked(error.message));
      this.error.hidden = false;
    }
  }

  recolour() {
    this.panels.forEach((panel) => panel.recolour());
  }

  destroy() {
    clearTimeout(this.timer);
    this.running?.abort();
    this.observer.disconnect();
    this.panels.forEach((panel) => panel.destroy());
  }
}
