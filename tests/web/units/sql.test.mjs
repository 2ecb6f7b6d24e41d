import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";

import { UnknownInFile, expand, quoted, titled, variablesIn } from "../../../assets/web/sql.js";

const DASHBOARDS = new URL("../../../assets/grafana/dashboards/", import.meta.url);

function scope(variables = {}) {
  return {
    from: 1_700_000_000_999,
    to: 1_700_003_600_000,
    interval: 30,
    variables: new Map(Object.entries(variables)),
  };
}

function dashboards() {
  const names = readdirSync(DASHBOARDS).filter((name) => name.endsWith(".json"));
  return names.map((name) => JSON.parse(readFileSync(new URL(name, DASHBOARDS), "utf8")));
}

function queries({ panels, templating }) {
  const ofVariables = templating.list.filter(({ type }) => type === "query").map(({ query }) => query.rawSql);
  return [...panels.flatMap(({ targets }) => targets.map(({ rawSql }) => rawSql)), ...ofVariables];
}

function set(list, choice) {
  return Object.fromEntries(
    list.map((variable) => [variable.name, { ...choice(variable), isRaw: variable.type === "custom" }]),
  );
}

test("every query of every dashboard is expanded to the end", () => {
  const found = dashboards();
  assert.equal(found.length, 6);
  for (const dashboard of found) {
    const { list } = dashboard.templating;
    const everything = set(list, ({ includeAll }) => (includeAll ? { values: [], isAll: true } : { values: ["0"] }));
    const chosen = set(list, () => ({ values: ["it's", "b\\"] }));
    for (const sql of queries(dashboard)) {
      for (const variables of [everything, chosen]) {
        assert.doesNotMatch(expand(sql, scope(variables)), /\$|\{\{/, sql);
      }
    }
  }
});

test("the macros are what the plugin makes of them", () => {
  assert.equal(
    expand("$__timeFilter(timestamp)", scope()),
    "timestamp >= toDateTime(1700000000) AND timestamp <= toDateTime(1700003600)",
  );
  assert.equal(
    expand("$__timeInterval(timestamp)", scope()),
    "toStartOfInterval(toDateTime(timestamp), INTERVAL 30 second)",
  );
  assert.equal(
    expand("$__fromTime - $__toTime / $__interval_s", scope()),
    "toDateTime(1700000000) - toDateTime(1700003600) / 30",
  );
});

test("a condition on everything is no condition", () => {
  const sql = "$__conditionalAll(a IN (${a:singlequote}), $a)";
  assert.equal(expand(sql, scope({ a: { values: [], isAll: true } })), "1=1");
  assert.equal(expand(sql, scope({ a: { values: [""] } })), "1=1");
  assert.equal(expand(sql, scope({ a: { values: ["x", "y"] } })), "a IN ('x','y')");
});

test("quotes and backslashes of a value stay in its string", () => {
  assert.equal(quoted("it's \\'"), "'it\\'s \\\\\\''");
  assert.equal(expand("x = ${a:sqlstring}", scope({ a: { values: ["' OR 1=1 --"] } })), "x = '\\' OR 1=1 --'");
});

test("what a value contains is not read as a macro or a variable", () => {
  const variables = { a: { values: ["$b ${b} $__fromTime, $__conditionalAll("] }, b: { values: ["b"] } };
  assert.equal(
    expand("$__conditionalAll(x = ${a:sqlstring}, $a)", scope(variables)),
    "x = '$b ${b} $__fromTime, $__conditionalAll('",
  );
});

test("commas and parentheses in quotes or within others do not end an argument", () => {
  const variables = { a: { values: ["1"] } };
  assert.equal(
    expand("$__conditionalAll(f(x, ')', \"a,(\", ['it\\'s', 2]) = g((y), ${a:sqlstring}), $a) AND z", scope(variables)),
    "f(x, ')', \"a,(\", ['it\\'s', 2]) = g((y), '1') AND z",
  );
  assert.equal(
    expand("$__timeInterval(if(a, b, c))", scope()),
    "toStartOfInterval(toDateTime(if(a, b, c)), INTERVAL 30 second)",
  );
});

test("what is not known is named", () => {
  const says = (sql, message, variables) =>
    assert.throws(
      () => expand(sql, scope(variables)),
      (error) => error instanceof UnknownInFile && message.test(error.message),
    );
  says("$nothing", /no variable `nothing`/);
  says("$__nothing(a)", /`\$__nothing` with 1 arguments/);
  says("$__timeFilter(a", /not closed/);
  says("${a:csv}", /`csv`/, { a: { values: ["1"] } });
  says("${a:sqlstring}", /All/, { a: { values: [], isAll: true } });
});

test("only what is from the file itself stands in SQL unquoted", () => {
  assert.equal(expand("n >= ${a}", scope({ a: { values: ["17"], isRaw: true } })), "n >= 17");
  assert.throws(() => expand("n >= ${a}", scope({ a: { values: ["17"] } })), UnknownInFile);
});

test("a title shows what a variable is set to", () => {
  const variables = new Map([
    ["a", { values: ["x", "y"] }],
    ["b", { values: [], isAll: true }],
  ]);
  assert.equal(titled("$a of ${b}, $c", variables), "x, y of All, $c");
  assert.deepEqual([...variablesIn("$a ${b:csv} $__fromTime $a")], ["a", "b"]);
});
