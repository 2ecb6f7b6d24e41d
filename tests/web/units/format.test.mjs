import assert from "node:assert/strict";
import test from "node:test";

import { clock, dateTime, format, parseTime } from "../../../assets/web/format.js";

test("numbers have three digits and their unit", () => {
  const cases = [
    [0, "short", "0"],
    [999, "short", "999"],
    [1234, "short", "1.23 K"],
    [999_960, "short", "1 Mil"],
    [0.0513, "percentunit", "5.13 %"],
    [1, "percentunit", "100 %"],
    [1_500_000, "ns", "1.5 ms"],
    [999_999_999, "ns", "1 s"],
    [0.645, "ms", "645 µs"],
    [0, "ns", "0 s"],
    [90, "s", "1.5 min"],
    [250, "µs", "250 µs"],
    [1536, "bytes", "1.5 KiB"],
    [12.345, "ops", "12.3 ops/s"],
    [2000, "cps", "2 K c/s"],
    [-1234, "short", "-1.23 K"],
    [3, "furlong", "3 furlong"],
  ];
  for (const [value, unit, text] of cases) assert.equal(format(value, unit), text, `${value} ${unit}`);
});

test("a number without a unit is written out", () => {
  assert.equal(format(1_234_567), "1,234,567");
  assert.equal(format(1234.567), "1,234.57");
  assert.equal(format(0.000123456), "0.000123");
});

test("what is no number is not shown as one", () => {
  assert.equal(format(null, "ns"), "–");
  assert.equal(format(undefined), "–");
  assert.equal(format(NaN, "short"), "–");
  assert.equal(format(Infinity, "short"), "∞");
});

test("ClickHouse's times are in UTC, to the fraction", () => {
  assert.equal(parseTime("2026-11-26 10:20:30"), Date.UTC(2026, 10, 26, 10, 20, 30));
  assert.equal(parseTime("2026-11-26 10:20:30.123456789"), Date.UTC(2026, 10, 26, 10, 20, 30) + 123.456789);
  assert.equal(parseTime("2026-11-26"), Date.UTC(2026, 10, 26));
  assert.equal(parseTime("soon"), null);
  assert.equal(parseTime("2026-99-99 00:00:00"), null);
});

test("times are shown as the local ones", () => {
  const at = new Date(2026, 0, 2, 3, 4, 5, 6).getTime();
  assert.equal(dateTime(at, "millisecond"), "2026-01-02 03:04:05.006");
  assert.equal(clock(at, "minute"), "03:04");
});
