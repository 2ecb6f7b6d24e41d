// A real browser, and a page in it that has nothing to complain about.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after } from "node:test";

const { chromium } = createRequire(`${process.env.NODE_PATH}/`)("playwright-core");

/** Where the page is, without a path. */
export const { PAGE, OTLP } = process.env;
/** When the telemetry of the tests begins, in milliseconds of Unix time. */
export const BEGIN = Number(process.env.BEGIN) * 1000;
export const HOUR = 3_600_000;

const browser = await chromium.launch({
  executablePath: process.env.TELEMETRY_TEST_BROWSER ?? "/usr/bin/chromium",
  // Without a sandbox, as tests may run as root; and without what it does for itself on the network.
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
after(() => browser.close());

/**
 * Opens a path of the page. When the test is over, nothing may have gone wrong in it: no error, no
 * breach of its policy, no request of anything but the stack, which answers well unless the page `mayBeRefused`.
 */
export async function open(t, path, { mayBeRefused = false, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 4000 }, timezoneId: "Europe/Berlin", ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    const isOfNetwork = message.text().startsWith("Failed to load resource");
    if (["error", "warning"].includes(message.type()) && !(isOfNetwork && mayBeRefused)) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${PAGE}/`) && !request.url().startsWith("data:")) complaints.push(`a request of ${request.url()}`);
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  await page.goto(PAGE + path);
  return page;
}

/** A panel of this title, when it has its answer. */
export async function panel(page, title) {
  const found = page.locator(`section.panel[aria-label="${title}"]`);
  await found.waitFor();
  await found.scrollIntoViewIfNeeded();
  await found.and(page.locator('[aria-busy="false"][data-state]')).waitFor();
  return found;
}

/** A time range, as the address has it. */
export function during(from, to) {
  return `from=${from}&to=${to}`;
}
