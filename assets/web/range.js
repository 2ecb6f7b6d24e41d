// Time ranges, in Grafana's notation: `now`, `now-6h`, `now-1d/d`, or milliseconds since 1970.

/** @typedef {{from: string, to: string}} Range What was asked for. */
/** @typedef {{from: number, to: number}} Span The same in milliseconds since 1970. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

export const QUICK_RANGES = [
  ["now-5m", "Last 5 minutes"],
  ["now-15m", "Last 15 minutes"],
  ["now-30m", "Last 30 minutes"],
  ["now-1h", "Last hour"],
  ["now-3h", "Last 3 hours"],
  ["now-6h", "Last 6 hours"],
  ["now-12h", "Last 12 hours"],
  ["now-24h", "Last 24 hours"],
  ["now-2d", "Last 2 days"],
  ["now-7d", "Last 7 days"],
  ["now-30d", "Last 30 days"],
  ["now-90d", "Last 90 days"],
].map(([from, label]) => ({ from, to: "now", label }));

/** What a graph's points may be apart, in seconds. */
const STEPS = [
  1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800, 2592000,
];

/**
 * The moment that a text means, in milliseconds; `null` if it means none.
 * @param {string} text
 * @param {number} now
 * @param {boolean} isEnd whether `/d` goes to the end of the day, not to its beginning
 */
export function moment(text, now, isEnd = false) {
  const trimmed = text.trim();
  const relative = /^now((?:[+-]\d+[smhdwMy])*)(?:\/([smhdwMy]))?$/.exec(trimmed);
  if (relative) {
    let at = now;
    for (const [, sign, count, unit] of relative[1].matchAll(/([+-])(\d+)(\w)/g)) {
      at = moved(at, Number(sign + count), unit);
    }
    return relative[2] ? rounded(at, relative[2], isEnd) : at;
  }
  if (/^-?\d{9,}$/.test(trimmed)) return Number(trimmed);
  const written = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z?))?$/.exec(trimmed);
  if (!written) return null;
  const [, day, time = isEnd ? "23:59:59.999" : "00:00:00", zone = ""] = written;
  const at = Date.parse(`${day}T${time}${zone}`);
  return Number.isNaN(at) ? null : at;
}

function moved(at, count, unit) {
  if (UNITS[unit]) return at + count * UNITS[unit];
  const date = new Date(at);
  if (unit === "M") date.setMonth(date.getMonth() + count);
  else date.setFullYear(date.getFullYear() + count);
  return date.getTime();
}

/** Whole units of the local calendar. */
function rounded(at, unit, isEnd) {
  const date = new Date(at);
  if (unit === "s") date.setMilliseconds(0);
  else if (unit === "m") date.setSeconds(0, 0);
  else if (unit === "h") date.setMinutes(0, 0, 0);
  else date.setHours(0, 0, 0, 0);
  if (unit === "w") date.setDate(date.getDate() - ((date.getDay() + 6) % 7));
  if (unit === "M" || unit === "y") date.setDate(1);
  if (unit === "y") date.setMonth(0);
  if (!isEnd) return date.getTime();
  if (unit === "d") date.setDate(date.getDate() + 1);
  else if (unit === "w") date.setDate(date.getDate() + 7);
  else date.setTime(moved(date.getTime(), 1, unit));
  return date.getTime() - 1;
}

/**
 * The span that a range means now; `null` if it means none, or one that ends before it begins.
 * @param {Range} range
 * @param {number} now
 * @returns {Span | null}
 */
export function resolve(range, now) {
  const from = moment(range.from, now);
  const to = moment(range.to, now, true);
  return from === null || to === null || from >= to ? null : { from, to };
}

/** Whether a range moves as time goes by. @param {Range} range */
export function isLive(range) {
  return range.from.includes("now") || range.to.includes("now");
}

/** @param {Range} range @param {(at: number) => string} written */
export function label(range, written) {
  const quick = QUICK_RANGES.find(({ from, to }) => from === range.from && to === range.to);
  if (quick) return quick.label;
  const end = (text) => (/^-?\d+$/.test(text) ? written(Number(text)) : text);
  return `${end(range.from)} to ${end(range.to)}`;
}

/** The same length, by half of it earlier or later. @param {Span} span @param {number} direction */
export function shifted(span, direction) {
  const by = Math.round(((span.to - span.from) / 2) * direction);
  return absolute(span.from + by, span.to + by);
}

/** Twice the length around the same middle. @param {Span} span */
export function widened(span) {
  const by = Math.round((span.to - span.from) / 2);
  return absolute(span.from - by, span.to + by);
}

/** @returns {Range} */
export function absolute(from, to) {
  return { from: String(Math.round(from)), to: String(Math.round(to)) };
}

/**
 * Seconds between the points of a graph that has room for some.
 * @param {Span} span
 * @param {number} points
 */
export function interval(span, points) {
  const wanted = (span.to - span.from) / SECOND / Math.max(points, 1);
  return STEPS.find((step) => step >= wanted * 0.75) ?? STEPS[STEPS.length - 1];
}
