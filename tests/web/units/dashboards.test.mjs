import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";

import { variable } from "../../../assets/web/colours.js";
import { format } from "../../../assets/web/format.js";
import { resolve } from "../../../assets/web/range.js";
import { linked, read } from "../../../assets/web/state.js";

const ASSETS = new URL("../../../assets/", import.meta.url);
const FILES = new URL("grafana/dashboards/", ASSETS);

const dashboards = readdirSync(FILES)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(new URL(name, FILES), "utf8")));
const panels = dashboards.flatMap((dashboard) => dashboard.panels);
const overrides = panels.flatMap(({ fieldConfig }) => fieldConfig.overrides);
const properties = overrides.flatMap((override) => override.properties);

function values(id) {
  return properties.filter((property) => property.id === id).map(({ value }) => value);
}

test("there is something to draw each type of panel with", () => {
  const drawn = readdirSync(new URL("web/panels/", ASSETS));
  for (const { type } of panels) assert.ok(drawn.includes(`${type}.js`), type);
});

test("what a file overrides is understood", () => {
  assert.ok(overrides.length > 0);
  for (const { matcher } of overrides) assert.equal(matcher.id, "byName");
  for (const { id } of properties) assert.ok(["unit", "color", "links"].includes(id), id);
});

test("every unit is written in a way of its own", () => {
  const units = [...panels.map(({ fieldConfig }) => fieldConfig.defaults.unit), ...values("unit")];
  for (const unit of new Set(units.filter(Boolean))) {
    assert.ok(!format(5000, unit).endsWith(` ${unit}`), `${unit}: ${format(5000, unit)}`);
  }
});

test("every colour is in the style sheet", () => {
  const style = readFileSync(new URL("web/style.css", ASSETS), "utf8");
  const steps = panels.flatMap(({ fieldConfig }) => fieldConfig.defaults.thresholds?.steps ?? []);
  const named = [...steps.map(({ color }) => color), ...values("color").map(({ fixedColor }) => fixedColor)];
  assert.ok(named.length > 0);
  for (const name of named) assert.ok(style.includes(`  ${variable(name)}: `), name);
});

test("every link leads to a dashboard that there is", () => {
  const known = dashboards.map(({ uid }) => uid);
  const links = values("links").flat();
  assert.ok(links.length > 0);
  for (const { url } of links) {
    const path = linked(url, "x", { from: "now-1h", to: "now" }, { uid: "", parameters: new URLSearchParams() });
    assert.ok(known.includes(read(new URL(path, "http://localhost")).uid), url);
  }
});

test("every dashboard begins with a time range", () => {
  for (const { uid, time } of dashboards) assert.ok(resolve(time, Date.now()), uid);
});
