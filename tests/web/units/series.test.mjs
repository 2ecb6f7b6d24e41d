import assert from "node:assert/strict";
import test from "node:test";

import { kindOf, merge, parse } from "../../../assets/web/answer.js";
import { lonely, shape, stacked, step } from "../../../assets/web/series.js";

function answer(meta, data) {
  return parse({ meta: Object.entries(meta).map(([name, type]) => ({ name, type })), data });
}

test("types are known through what wraps them", () => {
  assert.equal(kindOf("LowCardinality(Nullable(String))"), "text");
  assert.equal(kindOf("DateTime64(9, 'UTC')"), "time");
  assert.equal(kindOf("Nullable(UInt64)"), "number");
  assert.equal(kindOf("Map(LowCardinality(String), String)"), "other");
});

test("each column of numbers is a line", () => {
  const { times, series } = shape(
    answer({ time: "DateTime('UTC')", Events: "UInt64", Errors: "UInt64" }, [
      ["1970-01-01 00:00:10", "5", 1],
      ["1970-01-01 00:00:20", 6, null],
    ]),
  );
  assert.deepEqual(times, [10, 20]);
  assert.deepEqual(series, [
    { name: "Events", values: [5, 6] },
    { name: "Errors", values: [1, null] },
  ]);
});

test("a column of texts tells lines apart, which need not have all times", () => {
  const { times, series } = shape(
    answer({ time: "DateTime", level: "String", Value: "UInt64" }, [
      ["1970-01-01 00:00:20", "info", 2],
      ["1970-01-01 00:00:10", "error", 1],
      ["1970-01-01 00:00:30", "", 3],
    ]),
  );
  assert.deepEqual(times, [10, 20, 30]);
  assert.deepEqual(series, [
    { name: "info", values: [null, 2, null] },
    { name: "error", values: [1, null, null] },
    { name: "(empty)", values: [null, null, 3] },
  ]);
});

test("of too many lines the largest are kept, and the rest counted", () => {
  const rows = Array.from({ length: 10 }, (_, at) => ["1970-01-01 00:00:10", `line-${at}`, at]);
  const { series, left } = shape(answer({ time: "DateTime", name: "String", Value: "Int64" }, rows), 3);
  assert.deepEqual(
    series.map(({ name }) => name),
    ["line-7", "line-8", "line-9"],
  );
  assert.equal(left, 7);
});

test("lines without a time cannot be drawn", () => {
  assert.throws(() => shape(answer({ n: "UInt8" }, [[1]])), /column of times/);
});

test("a line is stacked on those before it", () => {
  assert.deepEqual(
    stacked([
      [1, null, 3],
      [10, 20, null],
    ]),
    [
      [1, 0, 3],
      [11, 20, 3],
    ],
  );
  assert.deepEqual(stacked([]), []);
});

test("a value without a neighbour has no line", () => {
  assert.deepEqual(lonely([null, 1, null, 2, 3, null, 4], false), [1, 6]);
  assert.deepEqual(lonely([null, 1, null, 2], true), []);
  assert.deepEqual(lonely([null, 0, null], true), [1]);
  assert.deepEqual(lonely([], true), []);
});

test("points are as far apart as all of them allow", () => {
  assert.equal(step([0, 3600, 10_800, 14_400], 600), 3600);
  assert.equal(step([0, 60, 90], 30), 30);
  assert.equal(step([0, 7200], 30), 30);
  assert.equal(step([], 30), 30);
});

test("of two queries the one with rows is shown, or both where both have", () => {
  const empty = answer({ n: "UInt8" }, []);
  const one = answer({ n: "UInt8" }, [[1]]);
  const two = answer({ n: "UInt8" }, [[2]]);
  assert.deepEqual(merge([empty, two]).rows, [[2]]);
  assert.deepEqual(merge([one, two]).rows, [[1], [2]]);
  assert.deepEqual(merge([empty, empty]).rows, []);
  assert.deepEqual(merge([one, answer({ other: "UInt8" }, [[3]])]).rows, [[1]]);
});
