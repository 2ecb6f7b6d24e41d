// A stack that has just been started.

import assert from "node:assert/strict";
import { test } from "node:test";
import { PAGE, open } from "./browser.mjs";

const menu = await (await fetch(`${PAGE}/api/dashboards`)).json();

test("the first page says how to send telemetry", async (t) => {
  const page = await open(t, "/");
  await page.getByText("telemetry test").first().waitFor();
});

for (const { uid, title } of menu) {
  test(`${title} has no errors`, async (t) => {
    const page = await open(t, `/d/${uid}`);
    const panels = page.locator("section.panel");
    await panels.first().waitFor();
    for (const panel of await panels.all()) {
      await panel.scrollIntoViewIfNeeded();
      await panel.and(page.locator('[aria-busy="false"][data-state]')).waitFor();
      assert.notEqual(await panel.getAttribute("data-state"), "error", await panel.textContent());
    }
  });
}
