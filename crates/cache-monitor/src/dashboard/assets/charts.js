// What each chart shows. All are about the same range and, where it is known by type, the same type.

import * as format from "./format.js";

const LONG = [8, 4];
const SHORT = [3, 3];
const MIXED = [8, 3, 2, 3];

/** @param {number} value */
const perSecond = (value) => format.rate(value, "/s");
/** @param {number} value */
const perMinute = (value) => format.rate(value, "/min");

/**
 * So many in a second of the point's stretch.
 * @param {(numbers: Partial<import("./contract.js").Numbers>) => number | undefined} counter
 * @returns {(point: import("./chart.js").Point) => ?number}
 */
const aSecond = (counter) => (point) => per(counter(point.numbers), point.seconds);
/** @type {typeof aSecond} */
const aMinute = (counter) => (point) => per(counter(point.numbers), point.seconds / 60);

function per(counted, length) {
  return counted === undefined || counted === null || !(length > 0) ? null : counted / length;
}

/** @param {string} reason @param {string} colour @param {number[]} [dash] @returns {import("./chart.js").Series} */
function missReason(reason, colour, dash) {
  return { label: reason, term: reason, colour, dash, value: aMinute((numbers) => numbers.miss_reasons?.[reason]) };
}

/** @type {import("./chart.js").Definition[]} */
export const CHARTS = [
  {
    id: "requests",
    testId: "chart-requests",
    title: "Requests by tier",
    unit: "a second, stacked",
    term: "requests",
    stacked: true,
    empty: "No requests in this range.",
    y: { format: perSecond },
    series: [
      { label: "L1", term: "l1", colour: "l1", value: aSecond((numbers) => numbers.hit_l1) },
      { label: "L2", term: "l2", colour: "l2", dash: LONG, value: aSecond((numbers) => numbers.hit_l2) },
      { label: "miss", term: "miss", colour: "database", dash: SHORT, value: aSecond((numbers) => numbers.misses) },
      { label: "bypassed", term: "bypass", colour: "bypass", dash: MIXED, value: aSecond((numbers) => numbers.bypassed) },
    ],
  },
  {
    id: "hit-rate",
    testId: "chart-hit-rate",
    title: "Hit rate",
    unit: "share of requests",
    term: "hit_rate",
    zeros: true,
    empty: "No requests in this range.",
    y: { format: format.share, top: 1 },
    series: [
      { label: "total", colour: "text", value: ({ numbers }) => numbers.hit_rate },
      { label: "L1", term: "l1", colour: "l1", dash: SHORT, value: ({ numbers }) => numbers.l1_rate },
      { label: "L2", term: "l2", colour: "l2", dash: LONG, value: ({ numbers }) => numbers.l2_rate },
    ],
  },
  {
    id: "latency",
    testId: "chart-latency",
    title: "Latency",
    unit: "logarithmic",
    term: "latency",
    empty: "No answers in this range.",
    y: { format: format.microseconds, logarithmic: true },
    series: [
      { label: "L1 p50", colour: "l1", value: ({ numbers }) => numbers.latency?.l1?.p50_us },
      { label: "L1 p99", colour: "l1", dash: SHORT, value: ({ numbers }) => numbers.latency?.l1?.p99_us },
      { label: "L2 p50", colour: "l2", value: ({ numbers }) => numbers.latency?.l2?.p50_us },
      { label: "L2 p99", colour: "l2", dash: SHORT, value: ({ numbers }) => numbers.latency?.l2?.p99_us },
      { label: "database p50", colour: "database", value: ({ numbers }) => numbers.latency?.database?.p50_us },
      { label: "database p99", colour: "database", dash: SHORT, value: ({ numbers }) => numbers.latency?.database?.p99_us },
    ],
  },
  {
    id: "miss-reasons",
    testId: "miss-reasons",
    title: "Misses by reason",
    unit: "a minute, stacked",
    term: "miss_reasons",
    stacked: true,
    empty: "No misses in this range.",
    y: { format: perMinute },
    series: [
      missReason("cold", "l1"),
      missReason("expired", "l2", LONG),
      missReason("invalidated", "database", SHORT),
      missReason("evicted", "bypass", MIXED),
      missReason("undecodable", "text", [1, 3]),
      missReason("bypassed", "muted", [12, 3]),
    ],
  },
  {
    id: "invalidations",
    testId: "invalidations",
    title: "Invalidations",
    unit: "a minute; delay on the right, logarithmic",
    term: "invalidations",
    empty: "No invalidations in this range.",
    y: { format: perMinute },
    right: { format: format.milliseconds, logarithmic: true },
    series: [
      { label: "invalidations", colour: "l1", value: aMinute((numbers) => numbers.invalidations) },
      {
        label: "delay p50",
        term: "invalidation_delay",
        colour: "database",
        dash: LONG,
        scale: "right",
        value: ({ numbers }) => numbers.invalidation_delay?.p50_ms,
      },
      {
        label: "delay p99",
        colour: "database",
        dash: SHORT,
        scale: "right",
        value: ({ numbers }) => numbers.invalidation_delay?.p99_ms,
      },
    ],
  },
  {
    id: "backlog",
    testId: "chart-backlog",
    title: "Backlog of invalidations",
    unit: "largest; age on the right; all types",
    term: "backlog",
    allTypes: true,
    empty: "Nothing was waiting in this range.",
    y: { format: format.amount },
    right: { format: format.seconds },
    series: [
      { label: "waiting", colour: "l1", value: ({ backlog }) => backlog.rows_max },
      { label: "oldest", colour: "database", dash: SHORT, scale: "right", value: ({ backlog }) => backlog.oldest_max_seconds },
    ],
  },
  {
    id: "loads",
    testId: "chart-loads",
    title: "Loads from the database",
    unit: "a minute",
    term: "loads",
    empty: "No loads in this range.",
    y: { format: perMinute },
    series: [
      { label: "loads", colour: "l1", value: aMinute((numbers) => numbers.loads) },
      {
        label: "failed",
        term: "loads_failed",
        colour: "database",
        dash: SHORT,
        value: aMinute((numbers) => numbers.loads_failed),
      },
      { label: "refused", term: "overloaded", colour: "bypass", dash: LONG, value: aMinute((numbers) => numbers.overloaded) },
    ],
  },
  {
    id: "waits",
    testId: "chart-waits",
    title: "Shared work",
    unit: "a minute",
    term: "coalesced",
    empty: "No request had to wait for another in this range.",
    y: { format: perMinute },
    series: [
      { label: "coalesced", term: "coalesced", colour: "l1", value: aMinute((numbers) => numbers.coalesced) },
      {
        label: "ahead",
        term: "refreshed_ahead",
        colour: "l2",
        dash: LONG,
        value: aMinute((numbers) => numbers.refreshed_ahead),
      },
      {
        label: "not stored",
        term: "fills_refused",
        colour: "database",
        dash: SHORT,
        value: aMinute((numbers) => numbers.fills_refused),
      },
    ],
  },
  {
    id: "age",
    testId: "chart-age",
    title: "Age at serve",
    unit: "logarithmic",
    term: "age_at_serve",
    empty: "No cached answer in this range.",
    y: { format: format.seconds, logarithmic: true, ticks: [1e-3, 0.1, 1, 10, 60, 600, 3600, 21_600, 86_400, 864_000] },
    series: [
      { label: "p50", colour: "l2", value: ({ numbers }) => numbers.age_at_serve?.p50_seconds },
      { label: "p99", colour: "l2", dash: SHORT, value: ({ numbers }) => numbers.age_at_serve?.p99_seconds },
    ],
  },
];
