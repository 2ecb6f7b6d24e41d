// What the page asks the server.

/** The server did not answer: it is stopped, or the network is away. */
export class Unreachable extends Error {}

/** The server answered that it could not. */
export class Refused extends Error {
  /** @param {number} status @param {string} text */
  constructor(status, text) {
    super(
      status === 401
        ? "A login is needed: load the page again"
        : text.trim() || `The server answered with status ${status}`,
    );
    this.status = status;
  }
}

/** Queries that run at once. Browsers have six connections to a server. */
const AT_ONCE = 4;

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Unreachable("The server does not answer");
  }
  if (!response.ok) throw new Refused(response.status, await response.text());
  return response;
}

/** @returns {Promise<{uid: string, title: string, description: string}[]>} */
export async function dashboards() {
  return (await request("/api/dashboards")).json();
}

/** A dashboard file. @param {string} uid */
export async function dashboard(uid) {
  return (await request(`/api/dashboards/${encodeURIComponent(uid)}`)).json();
}

/**
 * An answer in JSONCompact. Aborting cancels the statement, whether it waits or runs.
 * @param {string} sql
 * @param {AbortSignal} [signal]
 */
export async function query(sql, signal) {
  await turn(signal);
  try {
    const response = await request("/api/query", { method: "POST", body: sql, signal });
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      // ClickHouse had begun to answer when it failed.
      throw new Refused(response.status, /Code: \d+[^]*/.exec(text)?.[0] ?? "The answer is cut short");
    }
  } catch (error) {
    if (error instanceof TypeError && !signal?.aborted) throw new Unreachable("The server does not answer");
    throw error;
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

let running = 0;
/** @type {(() => void)[]} */
const waiting = [];

async function turn(signal) {
  signal?.throwIfAborted();
  if (running < AT_ONCE) {
    running++;
    return;
  }
  // Who is done hands its place on.
  await new Promise((resolve, reject) => {
    const go = () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const stop = () => {
      waiting.splice(waiting.indexOf(go), 1);
      reject(signal.reason);
    };
    waiting.push(go);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
