// The ways from one thing to another.

import assert from "node:assert/strict";
import { test } from "node:test";
import { BEGIN, HOUR, during, open, panel } from "./browser.mjs";

const RANGE = during(BEGIN + 6 * HOUR, BEGIN + 12 * HOUR);

test("from the slowest span to its trace, what came with it, and back", async (t) => {
  const page = await open(t, `/d/telemetry-overview?${RANGE}`);
  const slowest = await panel(page, "Slowest spans");
  const link = slowest.locator("tbody a[href*='var-trace=']").first();
  const trace = await link.textContent();
  await link.click();
  await page.getByRole("heading", { level: 1, name: "Traces" }).waitFor();
  assert.ok(page.url().includes(RANGE), page.url());

  const waterfall = await panel(page, `Trace ${trace}`);
  assert.equal(await waterfall.locator("[role=treeitem]").count(), 5);
  await waterfall.locator("[role=treeitem]").first().click();
  await waterfall.getByText("http.request.method").first().waitFor();

  await page.goBack();
  await panel(page, "Slowest spans");
  assert.ok(page.url().includes("/d/telemetry-overview"), page.url());
});

test("from a line of the log to its trace", async (t) => {
  const page = await open(t, `/d/telemetry-logs?${RANGE}`);
  const logs = page.locator("section.panel[data-type=logs]");
  await logs.locator("details summary").first().click();
  await logs.locator("details a[href*='var-trace=']").first().click();
  await page.getByRole("heading", { level: 1, name: "Traces" }).waitFor();
  await page.locator("section.panel[data-type=traces] [role=treeitem]").first().waitFor();
});

test("a choice narrows down what is shown, and stays in the address", async (t) => {
  const page = await open(t, `/d/telemetry-overview?${RANGE}`);
  const projects = async () => {
    const names = await (await panel(page, "Events by project")).locator(".legend button").allTextContents();
    return names.map((name) => name.trim());
  };
  assert.deepEqual(await projects(), ["project-0", "project-1", "project-2"]);
  await page.getByRole("button", { name: /^Project: / }).click();
  await page.getByRole("checkbox", { name: "project-1" }).check();
  await page.waitForURL(/var-project=project-1/);
  await page.keyboard.press("Escape");
  await page.locator("section.panel[aria-label='Events by project'] .legend button").nth(1).waitFor({ state: "detached" });
  assert.deepEqual(await projects(), ["project-1"]);

  await page.reload();
  assert.deepEqual(await projects(), ["project-1"]);
});

test("a value with a quote is chosen as any other", async (t) => {
  const page = await open(t, `/d/telemetry-overview?${RANGE}&var-environment=${encodeURIComponent("it's staging")}`);
  const events = await panel(page, "Events");
  assert.equal(await events.getAttribute("data-state"), "");
  assert.notEqual(await events.locator(".number").textContent(), "0");
});

test("a part of a graph that is dragged over becomes the time range", async (t) => {
  const page = await open(t, `/d/telemetry-overview?${RANGE}`);
  const graph = (await panel(page, "Events over time")).locator(".u-over");
  const { x, y, width, height } = await graph.boundingBox();
  await page.mouse.move(x + width / 4, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width / 2, y + height / 2, { steps: 5 });
  await page.mouse.up();
  await page.waitForURL((url) => !url.search.includes(RANGE));
  const parameters = new URL(page.url()).searchParams;
  const minutes = (Number(parameters.get("to")) - Number(parameters.get("from"))) / 60_000;
  assert.ok(minutes > 80 && minutes < 100, `${minutes} of 360, for a quarter`);
});

test("rows are sorted by the column that is asked for", async (t) => {
  const page = await open(t, `/d/telemetry-overview?${RANGE}`);
  const slowest = await panel(page, "Slowest spans");
  await slowest.getByRole("button", { name: "Project" }).click();
  const cells = await slowest.locator("tbody tr td:nth-child(2)").allTextContents();
  assert.ok(cells.length > 10);
  assert.deepEqual(cells, [...cells].sort());
});

test("what does not exist is said so", async (t) => {
  const page = await open(t, "/", { mayBeRefused: true });
  await page.getByRole("heading", { level: 1 }).waitFor();
  const [answer] = await Promise.all([page.waitForResponse(/api\/dashboards\/none/), page.evaluate(() => {
    history.pushState(null, "", "/d/none");
    dispatchEvent(new PopStateEvent("popstate"));
  })]);
  assert.equal(answer.status(), 404);
  await page.getByText(/There is no dashboard/).waitFor();
});
