// One chart over time: the drawing by uPlot, a legend with the latest values or those under the pointer, a summary in words, and
// the same data as a table. Nothing of the past is kept here but what was last given, so a page may stay open for days.

import uPlot from "./uplot.js";
import { Table, element, patch, setText, term } from "./dom.js";
import { drawingOf, swatch } from "./drawing.js";
import * as format from "./format.js";

/**
 * @typedef {import("./contract.js").Numbers} Numbers
 * @typedef {import("./contract.js").Step} Step
 *
 * A stretch of time that ends at `end` (seconds since 1970) and is `seconds` long. `live` moves with every snapshot.
 * @typedef {{end: number, seconds: number, live: boolean, numbers: Partial<Numbers>, backlog: Partial<Step["backlog"]>}} Point
 *
 * @typedef {object} Series
 * @property {string} label
 * @property {string} colour  name of a custom property of style.css, without the dashes
 * @property {number[]} [dash]  so that lines differ by more than their colour
 * @property {(point: Point) => ?number | undefined} value
 * @property {string} [term]  explains the label
 * @property {"y" | "right"} [scale]
 *
 * `ticks`: where the grid is, of a scale whose round numbers are not decimal.
 * @typedef {{format: (value: number) => ?string, logarithmic?: boolean, top?: number, ticks?: number[]}} Scale
 *
 * @typedef {object} Definition
 * @property {string} id
 * @property {string} testId
 * @property {string} title
 * @property {string} unit  shown beside the title
 * @property {string} term
 * @property {boolean} [stacked]
 * @property {boolean} [allTypes]  not known by type
 * @property {string} empty  said where there is nothing to draw
 * @property {boolean} [zeros]  are values like others; else they are nothing to draw
 * @property {Scale} y
 * @property {Scale} [right]
 * @property {Series[]} series
 *
 * `unknown`: why nothing, or not all, is known of the range.
 * @typedef {{points: Point[], from: number, to: number, scope: string, range: string, unknown: ?string}} ChartData
 */

export class Chart {
  /** @type {?uPlot} */
  #plot = null;
  /** @type {?ChartData} */
  #data = null;
  /** @type {(?number)[][]} a row for each series, a column for each point */
  #values = [];

  /** @param {Definition} definition */
  constructor(definition) {
    this.definition = definition;
    this.canvas = element("div", { class: "plot", role: "img", "aria-label": definition.title });
    this.empty = element("p", { class: "empty", hidden: true }, definition.empty);
    this.figures = definition.series.map(() => element("span", { class: "figure" }));
    this.when = element("span", { class: "when" });
    this.table = new Table(definition.title, [
      { head: () => "Until" },
      ...definition.series.map(({ label }) => ({ head: () => label, numeric: true })),
    ]);
    this.details = this.#details();
    this.root = element(
      "figure",
      { class: "panel chart", "data-testid": definition.testId },
      this.#caption(),
      this.#legend(),
      element("div", { class: "canvas" }, this.canvas, this.empty),
      this.details,
    );
    new ResizeObserver(() => this.#resize()).observe(this.canvas);
    addEventListener("themechange", () => this.#plot?.redraw());
  }

  /** @param {ChartData} data */
  update(data) {
    this.#data = data;
    this.#values = this.definition.series.map((series) => data.points.map((point) => series.value(point) ?? null));
    this.#draw();
    this.#say();
    if (this.details.open) this.#tabulate();
  }

  #caption() {
    const { title, unit, term: id } = this.definition;
    return element("figcaption", {}, element("h3", {}, term(id, title)), element("span", { class: "note" }, unit), this.when);
  }

  #legend() {
    const items = this.definition.series.map((series, index) => {
      const name = series.term ? term(series.term, series.label) : element("span", {}, series.label);
      return element("li", {}, swatch(series, this.definition.stacked), name, this.figures[index]);
    });
    return element("ul", { class: "legend", "aria-label": "Series and their latest values" }, ...items);
  }

  #details() {
    const details = element("details", {}, element("summary", {}, "Show as table"), this.table.root);
    details.addEventListener("toggle", () => details.open && this.#tabulate());
    return details;
  }

  #draw() {
    const { zeros, empty } = this.definition;
    const drawable = this.#values.some((row) => row.some((value) => value !== null && (zeros || value > 0)));
    this.empty.hidden = drawable;
    setText(this.empty, this.#data?.unknown ?? empty);
    const times = this.#data?.points.map((point) => point.end) ?? [];
    const rows = this.definition.stacked ? stacked(this.#values) : this.#values;
    const data = /** @type {uPlot.AlignedData} */ ([times, ...rows]);
    if (this.#plot) this.#plot.setData(data);
    else if (this.canvas.clientWidth > 0) this.#plot = new uPlot(this.#options(), data, this.canvas);
  }

  #resize() {
    const width = this.canvas.clientWidth;
    if (this.#plot && width > 0) this.#plot.setSize({ width, height: this.canvas.clientHeight });
    else if (this.#data) this.#draw();
  }

  /** @returns {uPlot.Options} */
  #options() {
    return {
      width: this.canvas.clientWidth,
      height: this.canvas.clientHeight,
      ...drawingOf(this.definition, () => [this.#data?.from ?? 0, this.#data?.to ?? 1]),
      hooks: { setCursor: [() => this.#say()] },
    };
  }

  /** Latest values, or those under the pointer; the summary for those who do not see the drawing is always of the latest. */
  #say() {
    if (!this.#data) return;
    const { points, scope, range } = this.#data;
    const pointed = this.#plot?.cursor.idx;
    const at = pointed ?? points.length - 1;
    this.#values.forEach((row, index) => setText(this.figures[index], this.#text(index, row[at]) ?? "–"));
    setText(this.when, typeof pointed === "number" && points[pointed] ? untilWords(points[pointed]) : "");
    const latest = this.definition.series.map(({ label }, index) => {
      return `${label} ${this.#text(index, this.#values[index].at(-1)) ?? "unknown"}`;
    });
    const of = this.definition.allTypes ? "all types" : scope;
    this.canvas.setAttribute("aria-label", `${this.definition.title}, ${of}, ${range}. Latest: ${latest.join(", ")}.`);
  }

  /** @param {number} series @param {?number} [value] */
  #text(series, value) {
    const { series: all, y, right } = this.definition;
    if (value === null || value === undefined) return null;
    return (all[series].scale === "right" && right ? right : y).format(value);
  }

  #tabulate() {
    if (!this.#data) return;
    const { points, scope, range } = this.#data;
    patch(this.table.caption, [scope, range], () => [`${this.definition.title}, ${scope}, ${range}, newest first`]);
    const rows = points.map((point, at) => {
      return { cells: [untilWords(point), ...this.#values.map((row, series) => this.#text(series, row[at]))] };
    });
    this.table.update(rows.reverse(), "nothing was counted, or it could not be read");
  }
}

/** @param {Point} point */
function untilWords(point) {
  return point.live ? "now" : format.moment(point.end * 1000);
}

/** Each row on top of the ones before it. @param {(?number)[][]} rows */
function stacked(rows) {
  const sums = /** @type {number[]} */ ([]);
  return rows.map((row) => row.map((value, at) => (value === null ? null : (sums[at] = (sums[at] ?? 0) + value))));
}
