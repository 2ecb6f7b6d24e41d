import assert from "node:assert/strict";
import test from "node:test";

import { refreshOf } from "../../../assets/web/header.js";
import { Variable } from "../../../assets/web/variables.js";

const ALL = "$__all";

function variable(file, chosen = []) {
  const made = new Variable({ name: "a", ...file }, () => {});
  made.apply(chosen);
  return made;
}

test("a choice of several is all of them until some are chosen", () => {
  const file = { type: "query", multi: true, includeAll: true, current: { value: [ALL] } };
  assert.deepEqual(variable(file).choice(), { values: [], isAll: true, text: "All" });
  assert.deepEqual(variable(file, [ALL]).choice().isAll, true);
  const { values, isAll, isRaw } = variable(file, ["x", "y"]).choice();
  assert.deepEqual([values, isAll ?? false, isRaw], [["x", "y"], false, false]);
  assert.equal(variable(file).isOpen(), false);
});

test("what nothing says is open until the first of what there is is known", () => {
  const made = variable({ type: "query" });
  assert.equal(made.isOpen(), true);
  assert.deepEqual(made.choice().values, [""]);
  made.first = "duration";
  assert.deepEqual(made.choice().values, ["duration"]);
  assert.equal(variable({ type: "query" }, ["memory"]).isOpen(), false);
});

test("a list of the file takes none but its own values, as they may stand in SQL as they are", () => {
  const options = [
    { text: "All", value: "0" },
    { text: "Errors", value: "17" },
  ];
  const file = { type: "custom", options, current: { value: "0" } };
  assert.deepEqual(variable(file, ["17"]).choice(), { values: ["17"], text: "Errors", isRaw: true });
  assert.deepEqual(variable(file, ["1 OR 1"]).choice().values, ["0"]);
  assert.deepEqual(variable(file, [ALL]).choice().values, ["0"]);
});

test("a text is what the file says until another is typed", () => {
  const file = { type: "textbox", query: "0", current: { value: "0" } };
  assert.deepEqual(variable(file).choice(), { values: ["0"], text: "0", isRaw: false });
  assert.deepEqual(variable(file, ["25"]).choice().values, ["25"]);
  assert.deepEqual(variable({ type: "textbox", query: "" }).choice().values, [""]);
});

test("a refresh is every so many seconds, minutes or hours, or never", () => {
  assert.deepEqual(["5s", "1m", "2h", "", "off", "-5s"].map(refreshOf), [5000, 60_000, 7_200_000, 0, 0, 0]);
});
