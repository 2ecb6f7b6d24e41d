// Lines and bars over time.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { assigned, inOrder, resolved, variable } from "../colours.js";
import { element, replace } from "../dom.js";
import { fieldOf } from "../fields.js";
import { clock, day, format } from "../format.js";
import { lonely, shape, stacked, step } from "../series.js";
import { legend } from "./legend.js";
import { tooltip } from "./tooltip.js";

/** Pixels from one point to the next. */
const ROOM = { bars: 8, line: 3 };

/** How many points a graph has room for. */
export function points(file, width) {
  return Math.max(Math.floor(width / (ROOM[fieldOf(file, "").custom.drawStyle] ?? ROOM.line)), 10);
}

export function create(body, { file, zoom }) {
  const field = fieldOf(file, "");
  const isStacked = field.custom.stacking?.mode === "normal";
  const isBars = field.custom.drawStyle === "bars";
  const named = (file.fieldConfig?.overrides ?? []).map(({ matcher }) => matcher.options);
  const holder = element("div.chart", { role: "img" });
  const names = element("div.legend");
  const tip = tooltip(holder, field.unit);
  /** @type {Set<string>} Lines that the reader has put out. */
  const hidden = new Set();
  let chart = null;
  let built = "";
  /** What is drawn: `shape`'s lines, without those put out. */
  let shown = null;
  let scope = null;
  let last = null;

  new ResizeObserver(() => chart?.setSize(size())).observe(holder);

  function size() {
    return { width: Math.max(holder.clientWidth, 50), height: Math.max(holder.clientHeight, 40) };
  }

  function draw(answer, asked) {
    last = answer;
    scope = asked;
    const { times, series, left, isLabelled } = shape(answer);
    if (isLabelled) series.sort(inPlace);
    const colours = coloured(series, isLabelled);
    replace(names, ...legend(series, colours, hidden, left, () => draw(last, scope)));
    const lit = series.filter(({ name }) => !hidden.has(name));
    shown = { times, series: lit, colours, width: step(times, scope.interval) };
    holder.setAttribute("aria-label", `${file.title}: ${series.map(({ name }) => name).join(", ")}`);
    if (!holder.isConnected) replace(body, holder, names);
    plot();
  }

  /** Lines that the file names in its order, the others by name: what is stacked does not jump. */
  function inPlace(a, b) {
    const placeOf = ({ name }) => (named.includes(name) ? named.indexOf(name) : named.length);
    return placeOf(a) - placeOf(b) || a.name.localeCompare(b.name, undefined, { numeric: true });
  }

  function coloured(series, isLabelled) {
    const free = series.filter(({ name }) => !fieldOf(file, name).colour).map(({ name }) => name);
    const colours = isLabelled ? assigned(free) : inOrder(free);
    for (const { name } of series) {
      const fixed = fieldOf(file, name).colour;
      if (fixed) colours.set(name, variable(fixed));
    }
    return colours;
  }

  function plot() {
    const lines = shown.series.map(({ values }) => values);
    const data = [shown.times, ...(isStacked ? stacked(lines) : lines)];
    const like = JSON.stringify([shown.series.map(({ name }) => name), wholeNumbers()]);
    if (chart && like === built) {
      chart.setData(data);
      return;
    }
    chart?.destroy();
    built = like;
    chart = new uPlot(options(), data, holder);
  }

  function wholeNumbers() {
    return shown.series.every(({ values }) => values.every((value) => value === null || Number.isInteger(value)));
  }

  function options() {
    const text = resolved("--muted");
    const grid = { stroke: resolved("--grid"), width: 1 };
    const axis = { stroke: text, grid, ticks: { ...grid, size: 4 }, font: "11px system-ui, sans-serif", gap: 4 };
    return {
      ...size(),
      legend: { show: false },
      padding: [8, 20, 0, 0],
      scales: { x: { time: true, range: () => [scope.from / 1000, scope.to / 1000] }, y: { range: extent } },
      axes: [
        {
          ...axis,
          size: (_, values) => (values?.some((text) => text.includes("\n")) ? 40 : 26),
          space: 70,
          values: (_, splits, __, ___, increment) => timeTicks(splits, increment),
        },
        {
          ...axis,
          size: (_, values) => widest(values),
          values: (_, splits) => splits.map((value) => format(value, field.unit)),
          incrs: increments(),
        },
      ],
      series: [{}, ...shown.series.map(line)],
      bands: isStacked ? shown.series.slice(1).map((_, at) => ({ series: [at + 2, at + 1] })) : [],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false },
        dataIdx: pointed,
        points: { size: 7, show: !isBars },
        sync: { key: "time", filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
      },
      hooks: {
        ready: [(u) => tip.follow(u)],
        setCursor: [(u) => tip.show(u, shown)],
        setSelect: [select],
      },
    };
  }

  function line({ name }) {
    const colour = shown.colours.get(name);
    const opacity = (fieldOf(file, name).custom.fillOpacity ?? 0) / 100;
    return {
      label: name,
      stroke: resolved(colour),
      fill: opacity > 0 ? resolved(colour, opacity) : undefined,
      width: isBars ? 0 : (field.custom.lineWidth ?? 1) + 0.5,
      spanGaps: Boolean(field.custom.spanNulls),
      paths: isBars ? bars() : undefined,
      points: isBars ? { show: false } : { size: 5, filter: unjoined },
    };
  }

  /** The points to draw where there is no room for all: those that no line leads to. */
  function unjoined(u, at, hasRoom) {
    const found = hasRoom ? [] : lonely(u.data[at], u.series[at].spanGaps);
    return found.length > 0 ? found : null;
  }

  /** Each bar is as wide as the time it stands for, but for a gap to the next. */
  function bars() {
    const gap = (u) => (u.posToVal(1, "x") - u.posToVal(0, "x")) * 1.5;
    return uPlot.paths.bars({
      disp: {
        x0: { unit: 1, values: () => shown.times },
        size: { unit: 1, values: (u) => [Math.max(shown.width - gap(u), shown.width / 2)] },
      },
    });
  }

  /** The point that the crosshair means: of bars the one that it is in. */
  function pointed(u, _, closest, at) {
    if (closest === null) return null;
    const times = u.data[0];
    if (!isBars) return Math.abs(u.valToPos(times[closest], "x") - u.valToPos(at, "x")) < 40 ? closest : null;
    const index = times[closest] > at ? closest - 1 : closest;
    return index >= 0 && at < times[index] + shown.width ? index : null;
  }

  function extent(_, least, most) {
    if (least === null) return [0, 1];
    const low = field.min !== undefined ? Math.min(field.min, least) : least;
    if (low === most) return low === 0 ? [0, 1] : low > 0 ? [0, low * 1.25] : [low * 1.25, 0];
    const room = (most - low) * 0.06;
    return [field.min === low || isStacked ? low : low - room, most + room];
  }

  function increments() {
    const all = field.unit === "bytes" ? binary() : decimal();
    return wholeNumbers() ? all.filter((increment) => increment >= 1) : all;
  }

  function select(u) {
    const { left, width } = u.select;
    if (width < 4) return;
    const at = (position) => u.posToVal(position, "x") * 1000;
    zoom(at(left), at(left + width));
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  return {
    draw,
    /** In other colours. */
    recolour() {
      built = "";
      if (shown) plot();
    },
    destroy() {
      chart?.destroy();
    },
  };
}

function decimal() {
  const powers = Array.from({ length: 31 }, (_, at) => 10 ** (at - 12));
  return powers.flatMap((power) => [power, 2 * power, 5 * power]);
}

function binary() {
  return Array.from({ length: 56 }, (_, at) => 2 ** at);
}

function widest(values) {
  return Math.max(...(values ?? []).map((text) => text.length), 3) * 6.4 + 14;
}

/** The time of each tick, and the day where it begins or there is no other. */
function timeTicks(splits, increment) {
  const days = splits.map((at) => day(at * 1000).slice(5));
  if (increment >= 86400) return days;
  const to = increment < 1 ? "millisecond" : increment < 60 ? "second" : "minute";
  return splits.map((at, index) => {
    const text = clock(at * 1000, to);
    return index > 0 && days[index] !== days[index - 1] ? `${text}\n${days[index]}` : text;
  });
}
