import assert from "node:assert/strict";
import test from "node:test";

import { QUICK_RANGES, interval, isLive, label, moment, resolve, shifted, widened } from "../../../assets/web/range.js";

const HOUR = 3_600_000;
const NOW = new Date(2026, 2, 18, 15, 30, 45, 500).getTime();

test("a moment is now, some time from it, milliseconds or a local time", () => {
  assert.equal(moment("now", NOW), NOW);
  assert.equal(moment("now-6h", NOW), NOW - 6 * HOUR);
  assert.equal(moment("now-1d+30m", NOW), NOW - 24 * HOUR + HOUR / 2);
  assert.equal(moment("1700000000000", NOW), 1_700_000_000_000);
  assert.equal(moment("2026-01-31 10:20:30", NOW), new Date(2026, 0, 31, 10, 20, 30).getTime());
  assert.equal(moment("2026-01-31T10:20:30.5Z", NOW), Date.UTC(2026, 0, 31, 10, 20, 30, 500));
});

test("a slash goes to the beginning of a unit, or at the end of a range to its end", () => {
  assert.equal(moment("now/d", NOW), new Date(2026, 2, 18).getTime());
  assert.equal(moment("now-1d/d", NOW, true), new Date(2026, 2, 18).getTime() - 1);
  assert.equal(moment("now/w", NOW), new Date(2026, 2, 16).getTime());
  assert.equal(moment("now-1M/M", NOW), new Date(2026, 1, 1).getTime());
  assert.equal(moment("now/M", NOW, true), new Date(2026, 3, 1).getTime() - 1);
});

test("a day alone begins and ends a range with itself", () => {
  assert.deepEqual(resolve({ from: "2026-01-31", to: "2026-01-31" }, NOW), {
    from: new Date(2026, 0, 31).getTime(),
    to: new Date(2026, 1, 1).getTime() - 1,
  });
});

test("what means no time, or ends before it begins, is no range", () => {
  for (const text of ["", "yesterday", "now-", "now-6x", "2026-13-01", "12", "now-6h; DROP"]) {
    assert.equal(moment(text, NOW), null, text);
  }
  assert.equal(resolve({ from: "now", to: "now-1h" }, NOW), null);
  assert.equal(resolve({ from: "now", to: "now" }, NOW), null);
});

test("every quick range is a range that has its name", () => {
  for (const range of QUICK_RANGES) {
    assert.ok(resolve(range, NOW), range.label);
    assert.equal(label(range, String), range.label);
    assert.ok(isLive(range));
  }
  assert.equal(
    label({ from: "1700000000000", to: "now" }, () => "then"),
    "then to now",
  );
});

test("a range is moved by half of itself, and widened to twice itself", () => {
  const span = { from: 1_000_000, to: 2_000_000 };
  assert.deepEqual(shifted(span, -1), { from: "500000", to: "1500000" });
  assert.deepEqual(shifted(span, 1), { from: "1500000", to: "2500000" });
  assert.deepEqual(widened(span), { from: "500000", to: "2500000" });
});

test("points are a round time apart, and not many more than there is room for", () => {
  for (const hours of [0.01, 1, 6, 24, 24 * 7, 24 * 90]) {
    for (const points of [10, 60, 400]) {
      const seconds = interval({ from: 0, to: hours * HOUR }, points);
      assert.ok(Number.isInteger(seconds) && seconds >= 1);
      assert.ok((hours * 3600) / seconds <= points * 1.34, `${hours} h in ${points} points: every ${seconds} s`);
    }
  }
  assert.equal(interval({ from: 0, to: HOUR }, 120), 30);
});
