// How a chart is drawn: scales, axes, lines and their colours, as uPlot wants them.

import { byId } from "./dom.js";
import * as format from "./format.js";

/**
 * @typedef {import("./uplot.js")} uPlot
 * @typedef {import("./uplot.js").Options} Options
 * @typedef {import("./uplot.js").Axis} Axis
 * @typedef {import("./uplot.js").Range.MinMax} MinMax
 * @typedef {import("./chart.js").Definition} Definition
 * @typedef {import("./chart.js").Scale} Scale
 * @typedef {import("./chart.js").Series} Series
 */

const FONT = "11px system-ui, sans-serif";

/**
 * @param {Definition} definition @param {() => MinMax} span  of the time axis, seconds since 1970
 * @returns {Omit<Options, "width" | "height">}
 */
export function drawingOf({ series, stacked, y, right }, span) {
  const rightAxis = right && { ...valueAxis("right", right), side: 1, grid: { show: false } };
  return {
    padding: [10, null, 0, 0],
    legend: { show: false },
    // The same moment is marked in all charts.
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: "time" }, points: { size: 7 } },
    scales: { x: { range: span }, y: scale(y), ...(right && { right: scale(right) }) },
    axes: [timeAxis(span), valueAxis("y", y), ...(rightAxis ? [rightAxis] : [])],
    series: [{}, ...series.map((one) => line(one, stacked))],
    bands: stacked ? series.slice(1).map((_, index) => ({ series: [index + 2, index + 1] })) : [],
  };
}

/** @param {Series} series @param {boolean} [filled] @returns {import("./uplot.js").Series} */
function line(series, filled) {
  return {
    scale: series.scale ?? "y",
    stroke: () => colour(series.colour),
    fill: filled ? () => colour(series.colour, 0.3) : undefined,
    width: 1.75,
    dash: series.dash,
    points: { size: 4 },
  };
}

/** @param {Scale} given @returns {import("./uplot.js").Scale} */
function scale({ logarithmic, top, ticks }) {
  if (!logarithmic) return { range: (_, __, max) => [0, top ?? (max > 0 ? max * 1.1 : 1)] };
  return { distr: 3, range: (_, min, max) => (ticks ? around(ticks, min, max) : decades(min, max)) };
}

/** @param {number[]} ticks @param {?number} min @param {?number} max null where there are no data @returns {MinMax} */
function around(ticks, min, max) {
  const [low, high] = [min ?? 1, max ?? 1];
  return [ticks.findLast((tick) => tick < low) ?? ticks[0], ticks.find((tick) => tick > high) ?? ticks[ticks.length - 1]];
}

/** Whole powers of ten around the data, two at least. @param {?number} min @param {?number} max @returns {MinMax} */
function decades(min, max) {
  if (!min || !max) return [1, 100];
  const low = Math.floor(Math.log10(min));
  return [10 ** low, 10 ** Math.max(low + 2, Math.ceil(Math.log10(max)))];
}

function axis() {
  const grid = { stroke: () => colour("grid"), width: 1 };
  return { stroke: () => colour("muted"), font: FONT, grid, ticks: { show: false } };
}

/** @param {() => MinMax} span @returns {Axis} */
function timeAxis(span) {
  const seconds = () => (span()[1] ?? 0) - (span()[0] ?? 0);
  return { ...axis(), space: 64, size: 26, values: (_, splits) => splits.map((at) => format.tick(at * 1000, seconds())) };
}

/** @param {string} name @param {Scale} scale @returns {Axis} */
function valueAxis(name, { format, ticks, logarithmic }) {
  const { grid, ...rest } = axis();
  /** @type {Axis} */
  const drawn = {
    ...rest,
    scale: name,
    grid: { ...grid, ...(logarithmic && { filter: ticks ? all : powersOfTen }) },
    size: widthOf,
    gap: 6,
    space: 32,
    values: (_, splits) => splits.map((value) => (value === null ? "" : format(value))),
  };
  if (!ticks) return drawn;
  return { ...drawn, filter: all, splits: (_, __, min, max) => ticks.filter((tick) => tick >= min && tick <= max) };
}

/** @param {uPlot} _ @param {number[]} splits */
function all(_, splits) {
  return splits;
}

/** @param {uPlot} _ @param {number[]} splits */
function powersOfTen(_, splits) {
  return splits.map((split) => (Number.isInteger(Math.round(Math.log10(split) * 1e6) / 1e6) ? split : null));
}

/** Room for the longest label. @param {uPlot} _ @param {?string[]} labels */
function widthOf(_, labels) {
  return 16 + 6.2 * Math.max(5, ...(labels ?? []).map((label) => label?.length ?? 0));
}

/** The same mark as in the drawing, for the legend. @param {Series} series @param {boolean} [filled] */
export function swatch(series, filled) {
  const y = filled ? 2 : 5;
  const area = shape("rect", { y, width: 22, height: 8, fill: "currentColor", "fill-opacity": 0.35 });
  const dash = (series.dash ?? []).join(" ");
  const edge = shape("line", { x2: 22, y1: y, y2: y, stroke: "currentColor", "stroke-width": 2.5, "stroke-dasharray": dash });
  const mark = shape("svg", { class: "swatch", viewBox: "0 0 22 10", "aria-hidden": "true" }, ...(filled ? [area] : []), edge);
  mark.style.color = `var(--${series.colour})`;
  return mark;
}

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, string | number>} attributes @param {...Element} children
 */
function shape(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** Custom properties of the present theme, as a canvas understands them. @type {Map<string, string>} */
const colours = new Map();
addEventListener("themechange", () => colours.clear());

/** @param {string} name @param {number} [opacity] */
function colour(name, opacity = 1) {
  const key = `${name}/${opacity}`;
  const known = colours.get(key);
  if (known) return known;
  // Only a style that an element really has is worked out to a plain colour.
  const probe = byId("announcements");
  probe.style.color = `color-mix(in srgb, var(--${name}) ${opacity * 100}%, transparent)`;
  const computed = getComputedStyle(probe).color;
  probe.style.color = "";
  colours.set(key, computed);
  return computed;
}
