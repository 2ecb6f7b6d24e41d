// Rows shaped into the lines of a graph.

/** @typedef {import("./answer.js").Answer} Answer */
/** @typedef {{name: string, values: (number | null)[]}} Series */
/** @typedef {{times: number[], series: Series[], left: number, isLabelled: boolean}} Shape Times in seconds; `left` lines did not fit. */

/** More lines than this nobody can tell apart. */
const MOST = 40;

/**
 * A column of texts tells lines apart; without one each column of numbers is a line.
 * @param {Answer} answer
 * @param {number} most
 * @returns {Shape}
 */
export function shape(answer, most = MOST) {
  const indexes = (kind) => answer.columns.flatMap((column, at) => (column.kind === kind ? [at] : []));
  const [time] = indexes("time");
  if (time === undefined) throw new Error("A graph needs a column of times");
  const labels = indexes("text");
  const numbers = indexes("number");
  const rows = answer.rows.filter((row) => typeof row[time] === "number");
  const times = [...new Set(rows.map((row) => row[time]))].sort((a, b) => a - b);
  const place = new Map(times.map((at, index) => [at, index]));

  /** @type {Map<string, Series>} */
  const found = new Map();
  for (const row of rows) {
    const label = labels.map((at) => row[at]).join(" ");
    for (const at of numbers) {
      const name = nameOf(label, answer.columns[at].name, labels.length > 0, numbers.length);
      if (!found.has(name)) found.set(name, { name, values: new Array(times.length).fill(null) });
      const value = row[at];
      found.get(name).values[place.get(row[time])] = Number.isFinite(value) ? value : null;
    }
  }
  const all = [...found.values()];
  const series = all.length > most ? largest(all, most) : all;
  return {
    times: times.map((at) => at / 1000),
    series,
    left: all.length - series.length,
    isLabelled: labels.length > 0,
  };
}

function nameOf(label, column, isLabelled, numbers) {
  if (!isLabelled) return column;
  const named = label.trim() === "" ? "(empty)" : label;
  return numbers > 1 ? `${named} ${column}` : named;
}

/** Those with the largest sums, in the order they came. */
function largest(series, most) {
  const sum = ({ values }) => values.reduce((total, value) => total + Math.abs(value ?? 0), 0);
  const kept = new Set(
    series
      .map((one) => [sum(one), one])
      .sort(([a], [b]) => b - a)
      .slice(0, most)
      .map(([, one]) => one),
  );
  return series.filter((one) => kept.has(one));
}

/**
 * Each line on top of those before it, where nothing counts as 0.
 * @param {(number | null)[][]} lines
 */
export function stacked(lines) {
  let below = null;
  return lines.map((values) => {
    below = values.map((value, at) => (value ?? 0) + (below ? below[at] : 0));
    return below;
  });
}

/**
 * The indexes of values that have no neighbour to be joined to by a line.
 * @param {(number | null)[]} values
 * @param {boolean} isJoined whether a line leads over what is missing
 */
export function lonely(values, isJoined) {
  const known = values.flatMap((value, at) => (value === null ? [] : [at]));
  if (isJoined) return known.length === 1 ? known : [];
  const isKnown = (at) => typeof values[at] === "number";
  return known.filter((at) => !isKnown(at - 1) && !isKnown(at + 1));
}

/**
 * Seconds from one point to the next: the largest step that all of them are on, which is more than
 * was asked for where a query has coarser steps.
 * @param {number[]} times
 * @param {number} interval
 */
export function step(times, interval) {
  if (times.length < 3) return interval;
  const divisor = (a, b) => (b < 0.5 ? a : divisor(b, a % b));
  const common = times.slice(1).reduce((found, at, index) => divisor(found, at - times[index]), 0);
  return Math.max(common, 1);
}
