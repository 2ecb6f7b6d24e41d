import assert from "node:assert/strict";
import test from "node:test";

import { assigned } from "../../../assets/web/colours.js";
import { fieldOf, threshold } from "../../../assets/web/fields.js";
import { changed, linked, read, written } from "../../../assets/web/state.js";

const RANGE = { from: "now-6h", to: "now" };
const TRACE = "/d/telemetry-traces?var-trace=${__value.raw}&${__url_time_range}";

function at(path) {
  return read(new URL(path, "http://localhost"));
}

test("an address is read and written as it was", () => {
  const path = "/d/telemetry-logs?var-project=a&var-project=b%26c&from=now-6h&to=now";
  assert.equal(written(at(path)), path);
  assert.equal(at("/").uid, "");
});

test("a change replaces all values of a parameter, or takes it away", () => {
  const state = at("/d/a?var-x=1&var-x=2&from=now-1h");
  assert.equal(written(changed(state, { "var-x": ["3"] })), "/d/a?from=now-1h&var-x=3");
  assert.equal(written(changed(state, { "var-x": null })), "/d/a?from=now-1h");
});

test("a link of a dashboard file carries the value and the time range", () => {
  assert.equal(
    linked(TRACE, "a&b=$&", RANGE, at("/d/telemetry-overview?var-project=p")),
    "/d/telemetry-traces?var-trace=a%26b%3D%24%26&from=now-6h&to=now",
  );
});

test("a link to the dashboard that is shown keeps what it does not name", () => {
  const state = at("/d/telemetry-traces?var-project=p&var-trace=old&refresh=5s");
  assert.equal(
    linked(TRACE, "new", RANGE, state),
    "/d/telemetry-traces?var-project=p&refresh=5s&var-trace=new&from=now-6h&to=now",
  );
});

test("a link to the dashboard that is shown leaves the panel that is shown alone", () => {
  const state = at("/d/telemetry-traces?viewPanel=panel-2");
  assert.equal(linked(TRACE, "new", RANGE, state), "/d/telemetry-traces?var-trace=new&from=now-6h&to=now");
});

test("a link that leads elsewhere is none", () => {
  for (const template of [
    "https://example.com/${__value.raw}",
    "//example.com",
    "javascript:alert(1)",
    "/d/a?x=${__data.fields.b}",
  ]) {
    assert.equal(linked(template, "x", RANGE, at("/d/a")), null, template);
  }
});

test("names have colours of their own, and the same ones in another picture", () => {
  const names = ["orders", "gateway", "auth", "payments"];
  const colours = assigned(names);
  assert.equal(new Set(colours.values()).size, names.length);
  assert.deepEqual(assigned([...names].reverse()), colours);
});

test("what a file overrides for a column is for that column", () => {
  const panel = {
    fieldConfig: {
      defaults: {
        unit: "short",
        custom: { fillOpacity: 10 },
        thresholds: {
          steps: [
            { color: "green", value: null },
            { color: "red", value: 1 },
          ],
        },
      },
      overrides: [
        {
          matcher: { id: "byName", options: "Mean" },
          properties: [
            { id: "unit", value: "ns" },
            { id: "color", value: { mode: "fixed", fixedColor: "red" } },
          ],
        },
      ],
    },
  };
  assert.equal(fieldOf(panel, "Mean").unit, "ns");
  assert.equal(fieldOf(panel, "Mean").colour, "red");
  assert.equal(fieldOf(panel, "Other").unit, "short");
  assert.equal(threshold(fieldOf(panel, "Other"), 0.5), "green");
  assert.equal(threshold(fieldOf(panel, "Other"), 1), "red");
});
