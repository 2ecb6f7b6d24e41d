// A stack that is stopped while somebody looks.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { open, panel } from "./browser.mjs";

const telemetry = (...words) => execFileSync("telemetry", words, { stdio: ["ignore", "pipe", "pipe"] });

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
