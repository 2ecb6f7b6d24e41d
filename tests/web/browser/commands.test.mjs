// A stack that somebody looks at who also gives it commands.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { PAGE, open, panel } from "./browser.mjs";

const telemetry = (...words) => execFileSync("telemetry", words, { stdio: ["ignore", "pipe", "pipe"] });

test("the address that `telemetry test` gives shows a trace of it", async (t) => {
  const said = String(telemetry("test"));
  const [address] = said.match(/http:\S+/);
  assert.ok(address.startsWith(PAGE), said);
  const page = await open(t, address.slice(PAGE.length));
  await page.locator("[role=treeitem]").first().waitFor();
});

test("what is shown stays, and goes on when the stack is back", async (t) => {
  telemetry("test");
  const page = await open(t, "/d/telemetry-overview?from=now-1h&to=now&refresh=5s", { mayBeRefused: true });
  const events = (await panel(page, "Events")).locator(".number");
  const before = Number(await events.textContent());
  assert.ok(before > 0);

  telemetry("stop");
  const banner = page.getByText("The stack does not answer");
  await banner.waitFor();
  assert.equal(Number(await events.textContent()), before);

  telemetry("start", ...process.env.START.split(" "));
  telemetry("test");
  await banner.waitFor({ state: "hidden" });
  const isMore = (before) => Number(document.querySelector("section.panel[aria-label=Events] .number").textContent) > before;
  await page.waitForFunction(isMore, before);
});
