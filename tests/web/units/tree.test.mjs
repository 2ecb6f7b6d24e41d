import assert from "node:assert/strict";
import test from "node:test";

import { build, flat, ownTime, skew } from "../../../assets/web/trace/tree.js";

function span(spanID, parentSpanID, startTime = 0, duration = 10, statusCode = 0) {
  return { spanID, parentSpanID, serviceName: "service", operationName: spanID, startTime, duration, statusCode };
}

/** The tree as text: a letter and its depth. */
function drawn(tree) {
  return tree.all.map(({ span: { spanID }, depth }) => `${spanID}${depth}`).join(" ");
}

test("children are under their parents, in the order they began", () => {
  const tree = build([span("c", "a", 3), span("d", "b", 2), span("b", "a", 1), span("a", "", 0, 100)]);
  assert.equal(drawn(tree), "a0 b1 d2 c1");
  assert.deepEqual([tree.from, tree.to], [0, 100]);
  assert.equal(tree.roots[0].below, 3);
});

test("a span whose parent is missing is a root that says so", () => {
  const tree = build([span("a", ""), span("b", "gone", 1), span("c", "b", 2)]);
  assert.equal(drawn(tree), "a0 b0 c1");
  assert.deepEqual(
    tree.roots.map(({ isOrphan }) => isOrphan),
    [false, true],
  );
});

test("a circle of parents is cut, and each span is there once", () => {
  const tree = build([
    span("a", "c", 1),
    span("b", "a", 2),
    span("c", "b", 3),
    span("own", "own", 0),
    span("d", "c", 4),
  ]);
  assert.equal(drawn(tree), "own0 a0 b1 c2 d3");
  assert.ok(tree.roots.every(({ isOrphan }) => isOrphan));
});

test("a span that is there twice is shown twice, and its children once", () => {
  const tree = build([span("a", ""), span("b", "a", 1), span("b", "a", 2), span("c", "b", 3)]);
  assert.equal(drawn(tree), "a0 b1 c2 b1");
});

test("a failure is known to all above it", () => {
  const tree = build([span("a", ""), span("b", "a", 1), span("c", "b", 2, 1, 2)]);
  assert.deepEqual(
    tree.all.map(({ hasFailed, hasFailedBelow }) => [hasFailed, hasFailedBelow]),
    [
      [false, true],
      [false, true],
      [true, false],
    ],
  );
});

test("what is under a closed span is not seen", () => {
  const tree = build([span("a", ""), span("b", "a", 1), span("c", "b", 2), span("d", "a", 3)]);
  const closed = new Set([tree.all[1]]);
  assert.deepEqual(
    flat(tree.roots, closed).map(({ span: { spanID } }) => spanID),
    ["a", "b", "d"],
  );
});

test("a trace may be as deep as it is long", () => {
  const spans = Array.from({ length: 10_000 }, (_, at) => span(String(at), at === 0 ? "" : String(at - 1), at));
  const tree = build(spans);
  assert.equal(tree.all.at(-1).depth, 9999);
  assert.equal(tree.roots[0].below, 9999);
});

test("the time of a span's own is what no child covers", () => {
  const tree = build([
    span("a", "", 0, 100),
    span("b", "a", 10, 20),
    span("c", "a", 20, 20),
    span("late", "a", 90, 50),
    span("early", "a", -5, 10),
  ]);
  assert.equal(ownTime(tree.all.find(({ span: { spanID } }) => spanID === "a")), 100 - 30 - 10 - 5);
});

test("a child that began before its parent is out of step by that much", () => {
  const tree = build([span("a", "", 10), span("b", "a", 7)]);
  assert.equal(skew(tree.all[1]), 3);
  assert.equal(skew(tree.all[0]), 0);
});

test("spans that take no time, and no spans at all, make a tree", () => {
  assert.equal(drawn(build([span("a", "", 5, 0)])), "a0");
  assert.equal(drawn(build([])), "");
});

test("whatever the parents are, every span is there once and beneath what it names", () => {
  let seed = 1;
  const random = (below) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  for (let round = 0; round < 500; round++) {
    const count = 1 + random(12);
    const spans = Array.from({ length: count }, () =>
      span(String(random(count)), random(4) === 0 ? "" : String(random(count + 1)), random(20), random(5)),
    );
    const { all } = build(spans);
    assert.deepEqual(new Set(all.map((node) => node.span)), new Set(spans));
    assert.equal(all.length, spans.length);
    for (const { parent, span: child } of all) if (parent) assert.equal(parent.span.spanID, child.parentSpanID);
  }
});
