// One panel of a dashboard: its frame, its queries, and what becomes of the answers.

import { Refused, Unreachable, query } from "./api.js";
import { merge, parse } from "./answer.js";
import { element, iconButton, marked, replace } from "./dom.js";
import { format } from "./format.js";
import { UnknownInFile, expand, titled } from "./sql.js";
import * as logs from "./panels/logs.js";
import * as stat from "./panels/stat.js";
import * as table from "./panels/table.js";
import * as timeseries from "./panels/timeseries.js";
import * as traces from "./panels/traces.js";

const TYPES = { logs, stat, table, timeseries, traces };

/**
 * What a panel needs of its dashboard.
 * @typedef {object} Host
 * @property {(points: number) => import("./sql.js").Scope} scope
 * @property {string} uid of the dashboard
 * @property {(template: string, value: any) => string | null} link
 * @property {(from: number, to: number) => void} zoom
 * @property {(id: number) => void} alone
 * @property {(error: Error) => void} unreachable
 */

export class Panel {
  /** @param {any} file the panel as the dashboard file has it @param {Host} host */
  constructor(file, host) {
    this.file = file;
    this.host = host;
    /** Whether it is in view. */
    this.isVisible = false;
    /** Whether what it shows is of another time or choice. */
    this.isStale = true;
    /** @type {AbortController | null} */
    this.running = null;
    this.asked = [];
    this.statistics = [];
    this.drawn = "";

    this.title = element("h2");
    this.body = element("div.body");
    this.note = element("div.note", { role: "status" });
    const actions = [
      iconButton("code", "Show the query", () => this.inspect(), "tool"),
      iconButton("alone", "Show it alone, or among the others", () => host.alone(file.id), "tool"),
    ];
    this.element = element(
      "section.panel",
      { "aria-busy": "false", "data-type": file.type },
      element(
        "header",
        {},
        this.title,
        file.description && described(file.description),
        element("div.actions", {}, ...actions),
      ),
      element("div.content", {}, this.body, this.note),
    );
    const { x, y, w, h } = file.gridPos;
    for (const [name, value] of Object.entries({ x, y, w, h }))
      this.element.style.setProperty(`--${name}`, String(value));

    const type = TYPES[file.type];
    this.type = type;
    this.renderer = type?.create(this.body, { file, uid: host.uid, link: host.link, zoom: host.zoom });
    if (!type) this.say("error", `This page does not draw panels of the type \`${file.type}\``);
  }

  /** @param {Map<string, import("./sql.js").Choice>} choices */
  name(choices) {
    const title = titled(this.file.title, choices).trim() || "–";
    if (this.title.textContent !== title) this.title.textContent = title;
    this.element.setAttribute("aria-label", title);
  }

  /** Asks again, when it is in view. */
  outdate() {
    this.cancel();
    this.isStale = true;
    return this.isVisible ? this.run() : Promise.resolve();
  }

  /** Asks no longer; what was not answered is still to be asked. */
  cancel() {
    if (!this.running) return;
    this.running.abort();
    this.isStale = true;
    this.rest();
  }

  rest() {
    this.running = null;
    this.element.setAttribute("aria-busy", "false");
  }

  async run() {
    if (!this.renderer || this.running) return;
    const running = new AbortController();
    this.running = running;
    this.isStale = false;
    this.element.setAttribute("aria-busy", "true");
    try {
      const width = this.body.clientWidth || this.element.clientWidth;
      const scope = this.host.scope(this.type.points?.(this.file, width) ?? width);
      this.asked = this.file.targets.map(({ rawSql }) => expand(rawSql, scope));
      const answers = await Promise.all(this.asked.map((sql) => query(sql, running.signal)));
      if (running !== this.running) return;
      this.statistics = answers.map(({ rows, statistics }) => ({ rows, ...statistics }));
      this.show(answers, scope);
    } catch (error) {
      if (running !== this.running) return;
      this.fail(error);
    } finally {
      if (running === this.running) this.rest();
    }
  }

  show(answers, scope) {
    const answer = merge(answers.map(parse));
    if (answer.rows.length === 0) {
      this.drawn = "";
      this.say("empty", this.renderer.empty?.(scope) ?? "No data in this time range");
      return;
    }
    // What has not changed stays as the reader has scrolled and opened it.
    const place = this.type === timeseries ? [scope.from, scope.to] : location.search;
    const drawn = JSON.stringify([answer.rows, place]);
    if (drawn !== this.drawn) this.renderer.draw(answer, scope);
    this.drawn = drawn;
    this.say("", "");
  }

  fail(error) {
    if (error instanceof Unreachable) {
      // What is shown stays; the page says what is wrong.
      this.isStale = true;
      this.host.unreachable(error);
      return;
    }
    if (!(error instanceof Refused) && !(error instanceof UnknownInFile)) console.error(error);
    this.drawn = "";
    this.say("error", error.message);
  }

  say(kind, text) {
    this.element.dataset.state = kind;
    replace(this.note, text !== "" && element("p", {}, ...marked(text)));
  }

  recolour() {
    this.renderer?.recolour?.();
  }

  destroy() {
    this.cancel();
    this.renderer?.destroy?.();
  }

  /** What was asked last, and what it took. */
  inspect() {
    const dialog = element("dialog.inspect", { "aria-label": `Query of ${this.title.textContent}` });
    const parts = this.asked.flatMap((sql, at) => {
      const { rows, elapsed, rows_read: read, bytes_read: bytes } = this.statistics[at] ?? {};
      const took =
        rows === undefined
          ? "Not answered"
          : `${format(rows)} rows in ${format(elapsed, "s")}, of ${format(read)} rows and ${format(bytes, "bytes")} read`;
      return [element("p", {}, took), element("pre", { tabindex: "0" }, sql)];
    });
    // Browsers have a clipboard for pages of this machine, and for encrypted ones.
    const copy =
      navigator.clipboard &&
      element(
        "button.control",
        {
          type: "button",
          onclick: async () => {
            await navigator.clipboard.writeText(this.asked.join(";\n\n"));
            copy.textContent = "Copied";
          },
        },
        "Copy",
      );
    const close = element("button.control", { type: "button", onclick: () => dialog.close() }, "Close");
    dialog.append(
      element("h2", {}, this.title.textContent),
      ...(parts.length > 0 ? parts : [element("p", {}, "Nothing was asked yet")]),
      element("div.row", {}, copy, close),
    );
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    document.body.append(dialog);
    dialog.showModal();
  }
}

function described(description) {
  return element("span.described", { tabindex: "0", role: "note", title: description, "aria-label": description }, "i");
}
