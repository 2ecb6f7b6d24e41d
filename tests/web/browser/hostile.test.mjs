// Telemetry comes from whoever reaches the port.

import assert from "node:assert/strict";
import { test } from "node:test";
import { OTLP, open, panel } from "./browser.mjs";

const MARKUP = `<img src=x onerror=alert(1)><script>alert(2)</script>"'\`\${alert(3)}`;
const LINK = "javascript:alert(4)";
const TRACE = "5b8efff798038103d269b633813fc60c";

const text = (key, stringValue) => ({ key, value: { stringValue } });

async function send(path, body) {
  const answer = await fetch(`${OTLP}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.text());
}

const now = `${Date.now() - 5000}000000`;
const resource = { attributes: [text("service.name", MARKUP), text("project.name", MARKUP), text(MARKUP, LINK)] };
await send("/v1/traces", {
  resourceSpans: [{
    resource,
    scopeSpans: [{
      spans: [{
        traceId: TRACE,
        spanId: "eee19b7ec3c1b174",
        name: MARKUP,
        startTimeUnixNano: now,
        endTimeUnixNano: now,
        attributes: [text(MARKUP, MARKUP), text("url.full", LINK)],
        events: [{ name: MARKUP, timeUnixNano: now, attributes: [text("exception.stacktrace", MARKUP)] }],
        links: [{ traceId: TRACE, spanId: "eee19b7ec3c1b174", attributes: [text("to", LINK)] }],
        status: { code: 2, message: MARKUP },
      }],
    }],
  }],
});
await send("/v1/logs", {
  resourceLogs: [{ resource, scopeLogs: [{ logRecords: [{ timeUnixNano: now, traceId: TRACE, body: { stringValue: MARKUP }, attributes: [text(MARKUP, MARKUP)] }] }] }],
});

async function isHarmless(page) {
  assert.equal(await page.locator("img[src=x], script:not([src])").count(), 0);
  assert.equal(await page.locator("a[href^='javascript:']").count(), 0);
}

for (const uid of ["overview", "services", "logs"]) {
  test(`what is no text elsewhere is text on the dashboard ${uid}`, async (t) => {
    const page = await open(t, `/d/telemetry-${uid}?from=now-5m&to=now`);
    await page.getByText(MARKUP).first().waitFor();
    await isHarmless(page);
  });
}

test("and in a trace", async (t) => {
  const page = await open(t, `/d/telemetry-traces?from=now-5m&to=now&var-trace=${TRACE}`);
  const waterfall = await panel(page, `Trace ${TRACE}`);
  await waterfall.locator("[role=treeitem]").first().click();
  await waterfall.getByText(LINK).first().waitFor();
  await isHarmless(page);
});

test("a choice of it reaches the question whole", async (t) => {
  const page = await open(t, `/d/telemetry-overview?from=now-5m&to=now&var-project=${encodeURIComponent(MARKUP)}`);
  const events = await panel(page, "Events");
  assert.equal(await events.locator(".number").textContent(), "1");
  const other = await open(t, `/d/telemetry-overview?from=now-5m&to=now&var-project=${encodeURIComponent("') OR ('' = '")}`);
  assert.notEqual(await (await panel(other, "Events")).locator(".note").textContent(), "1");
});
