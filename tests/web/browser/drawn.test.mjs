// Every panel of every dashboard, over telemetry of everything that they tell apart.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BEGIN, HOUR, PAGE, during, open, panel } from "./browser.mjs";

const CHOSEN = { trace: "00000000000000000000000000002000", metric: "requests", attribute: "route" };
const CHOICES = Object.entries(CHOSEN).map(([name, value]) => `var-${name}=${value}`).join("&");

/** A range that the spans themselves are looked at for, and one that the roll-up is. */
const RANGES = {
  "six hours": during(BEGIN + 6 * HOUR + 1_234_000, BEGIN + 12 * HOUR + 2_345_000),
  "three days": during(BEGIN, BEGIN + 72 * HOUR),
};

/** What a panel of a type shows of its answer. */
const SHOWN = {
  stat: ".number",
  timeseries: "canvas",
  table: "tbody tr",
  logs: "details",
  traces: "[role=treeitem]",
};

const menu = await (await fetch(`${PAGE}/api/dashboards`)).json();

for (const { uid, title } of menu) {
  const file = await (await fetch(`${PAGE}/api/dashboards/${uid}`)).json();
  for (const [length, range] of Object.entries(RANGES)) {
    test(`${title}, of ${length}`, async (t) => {
      const page = await open(t, `/d/${uid}?${CHOICES}&${range}`);
      await page.getByRole("heading", { level: 1, name: title }).waitFor();
      assert.equal(await page.locator("section.panel").count(), file.panels.length);
      for (const { title, type } of file.panels) {
        const shown = await panel(page, title.replace(/\$(\w+)/, (_, name) => CHOSEN[name]));
        const note = await shown.locator(".note").textContent();
        assert.equal(await shown.getAttribute("data-state"), "", `${title}: ${note}`);
        await shown.locator(SHOWN[type]).first().waitFor();
      }
    });
  }
}

test("what is shown is what ClickHouse says", async (t) => {
  // So few that the number is written out.
  const [from, to] = [BEGIN + 8 * HOUR, BEGIN + 8 * HOUR + 300_000];
  const page = await open(t, `/d/telemetry-overview?${during(from, to)}`);
  const sql = `SELECT count(), countIf(status_code = 'ERROR') FROM traces WHERE timestamp BETWEEN toDateTime(${from / 1000}) AND toDateTime(${to / 1000})`;
  const { data } = await (await fetch(`${PAGE}/api/query`, { method: "POST", body: sql })).json();
  const [[events, errors]] = data;
  assert.ok(events > 300 && errors > 0);
  const number = async (title) => (await (await panel(page, title)).locator(".number").textContent()).trim();
  assert.equal(await number("Events"), String(events));
  assert.equal(await number("Errors"), String(errors));
});

test("a value that stands alone is seen", async (t) => {
  // Two lines, each of one value; the other one's is so near that there is no room for points.
  const page = await open(t, `/d/telemetry-metrics?var-metric=memory&var-attribute=route&${during(BEGIN - HOUR, BEGIN + 15_000)}`);
  const graph = await panel(page, "memory");
  assert.equal(await graph.locator(".legend button").count(), 2);
  // Axes and their numbers are grey.
  const coloured = await graph.locator("canvas").evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const pixels = Array.from({ length: data.length / 4 }, (_, pixel) => data.subarray(4 * pixel, 4 * pixel + 3));
    return pixels.filter((colours) => Math.max(...colours) - Math.min(...colours) > 60).length;
  });
  assert.ok(coloured > 10, `${coloured} pixels`);
});

test("a phone shows it all in one column", async (t) => {
  const page = await open(t, `/d/telemetry-overview?${RANGES["six hours"]}`, { viewport: { width: 390, height: 800 } });
  await panel(page, "Duration");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390);
});
