import assert from "node:assert/strict";
import test from "node:test";

import { Refused, Unreachable, query } from "../../../assets/web/api.js";

/** A server that answers when it is told to. */
function server(t) {
  /** @type {{body: string, answer: (text: string, status?: number) => void, fail: () => void}[]} */
  const asked = [];
  t.mock.method(
    globalThis,
    "fetch",
    (path, { body, signal }) =>
      new Promise((resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
        asked.push({
          body,
          answer: (text, status = 200) => resolve(new Response(text, { status })),
          fail: () => reject(new TypeError("fetch failed")),
        });
      }),
  );
  return asked;
}

/** Lets everything that is ready happen. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("four queries run at once, and the next when one is done", async (t) => {
  const asked = server(t);
  const answers = ["1", "2", "3", "4", "5", "6"].map((sql) => query(sql));
  await settled();
  assert.deepEqual(
    asked.map(({ body }) => body),
    ["1", "2", "3", "4"],
  );
  asked[1].answer("{}");
  await settled();
  assert.deepEqual(
    asked.map(({ body }) => body),
    ["1", "2", "3", "4", "5"],
  );
  asked[0].fail();
  await assert.rejects(answers[0], Unreachable);
  await settled();
  assert.equal(asked.length, 6);
  asked.slice(2).forEach(({ answer }) => answer("{}"));
  await Promise.all(answers.slice(1));
});

test("a query that is given up while it waits is never sent, and one that runs gives its place on", async (t) => {
  const asked = server(t);
  const running = new AbortController();
  const waiting = new AbortController();
  const first = [1, 2, 3, 4].map((n) => query(String(n), running.signal));
  const given = query("given up", waiting.signal);
  const last = query("last");
  await settled();
  waiting.abort();
  await assert.rejects(given, { name: "AbortError" });
  running.abort();
  for (const one of first) await assert.rejects(one, { name: "AbortError" });
  await settled();
  assert.deepEqual(
    asked.map(({ body }) => body),
    ["1", "2", "3", "4", "last"],
  );
  asked[4].answer("{}");
  await last;
});

test("what the server says is the error, also where its answer had begun", async (t) => {
  const asked = server(t);
  const refused = query("wrong");
  const cut = query("cut");
  await settled();
  asked[0].answer("Code: 62. DB::Exception: Syntax error\n", 400);
  asked[1].answer('{"meta": [], "data": [[1],\nCode: 159. DB::Exception: Timeout exceeded');
  await assert.rejects(
    refused,
    (error) => error instanceof Refused && error.message === "Code: 62. DB::Exception: Syntax error",
  );
  await assert.rejects(
    cut,
    (error) => error instanceof Refused && error.message === "Code: 159. DB::Exception: Timeout exceeded",
  );
});
