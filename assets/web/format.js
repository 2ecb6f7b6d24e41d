// Numbers with their units, and times, as people read them.

/** Units, each with how many of it the next one is. */
const DURATIONS = [
  ["ns", 1000],
  ["µs", 1000],
  ["ms", 1000],
  ["s", 60],
  ["min", 60],
  ["h", 24],
  ["d", Infinity],
];
const BYTES = [
  ["B", 1024],
  ["KiB", 1024],
  ["MiB", 1024],
  ["GiB", 1024],
  ["TiB", 1024],
  ["PiB", Infinity],
];
const COUNTS = [
  ["", 1000],
  ["K", 1000],
  ["Mil", 1000],
  ["Bil", 1000],
  ["Tri", Infinity],
];

/** What a unit of time is in nanoseconds. */
const NANOSECONDS = { ns: 1, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9, d: 86_400e9 };

/**
 * A number in its unit. Three significant digits, and whole numbers whole.
 * @param {number | null | undefined} value
 * @param {string} [unit] as a dashboard file names it
 */
export function format(value, unit) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (unit in NANOSECONDS) return value === 0 ? "0 s" : onLadder(value * NANOSECONDS[unit], DURATIONS);
  switch (unit) {
    case undefined:
    case "":
    case "none":
      return grouped(value);
    case "short":
      return onLadder(value, COUNTS);
    case "bytes":
      return onLadder(value, BYTES);
    case "percentunit":
      return `${digits(value * 100)} %`;
    case "percent":
      return `${digits(value)} %`;
    case "ops":
      return `${onLadder(value, COUNTS)} ops/s`;
    case "cps":
      return `${onLadder(value, COUNTS)} c/s`;
    default:
      return `${grouped(value)} ${unit}`;
  }
}

function onLadder(value, ladder) {
  let left = value;
  for (const [name, size] of ladder) {
    // What would be rounded up to the next step is already there.
    if (Math.abs(left) < size * 0.9995) return name ? `${digits(left)} ${name}` : digits(left);
    left /= size;
  }
  throw new Error("a ladder ends with Infinity");
}

function digits(value) {
  const size = Math.abs(value);
  const decimals =
    size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 || size === 0 ? 2 : Math.min(2 - Math.floor(Math.log10(size)), 12);
  return decimal(value, decimals);
}

/** A number as it is, in groups of thousands. */
function grouped(value) {
  const size = Math.abs(value);
  return Number.isInteger(value) ? decimal(value, 0) : size >= 1 ? decimal(value, 2) : digits(value);
}

function decimal(value, decimals) {
  return value.toLocaleString("en-US", { maximumFractionDigits: decimals });
}

const TEXT_OF_TIME = /^(\d{4}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d)(\.\d+)?)?$/;

/**
 * A time as ClickHouse writes it, which is in UTC, in milliseconds since 1970 with their fraction;
 * `null` if it is none.
 * @param {string} text
 */
export function parseTime(text) {
  const found = TEXT_OF_TIME.exec(text);
  if (!found) return null;
  const [, day, time = "00:00:00", fraction = ""] = found;
  const seconds = Date.parse(`${day}T${time}Z`);
  return Number.isNaN(seconds) ? null : seconds + (fraction ? Number(`0${fraction}`) * 1000 : 0);
}

const two = (number) => String(number).padStart(2, "0");

/** The local day. @param {number} at */
export function day(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The local time of day. @param {number} at @param {"minute" | "second" | "millisecond"} to */
export function clock(at, to = "second") {
  const date = new Date(at);
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (to === "minute") return minutes;
  const seconds = `${minutes}:${two(date.getSeconds())}`;
  return to === "second" ? seconds : `${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Day and time, local. @param {number} at */
export function dateTime(at, to = "second") {
  return `${day(at)} ${clock(at, to)}`;
}

/** The zone that times are shown in. @param {number} at */
export function zone(at) {
  const minutes = -new Date(at).getTimezoneOffset();
  const size = Math.abs(minutes);
  const offset = `UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  return `${Intl.DateTimeFormat().resolvedOptions().timeZone} (${offset})`;
}
