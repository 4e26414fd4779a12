// The table of cached types, with a row for all of them on top. The types come from the data.

import { Table, byId, term } from "./dom.js";
import * as format from "./format.js";

/** @typedef {import("./contract.js").Numbers} Numbers */

const table = new Table(
  "Cached types and what was counted of them lately",
  [
    { head: () => "Type" },
    { head: () => term("requests", "Requests"), numeric: true },
    { head: () => term("hit_rate", "Hit rate"), numeric: true },
    { head: () => term("l1", "in L1"), numeric: true },
    { head: () => term("l2", "in L2"), numeric: true },
    { head: () => term("p50_p99", "L1 time"), numeric: true },
    { head: () => term("p50_p99", "L2 time"), numeric: true },
    { head: () => term("miss", "Miss time"), numeric: true },
    { head: () => term("database", "Database time"), numeric: true },
    { head: () => term("saved", "Saved"), numeric: true },
    { head: () => term("keys", "Keys"), numeric: true },
    { head: () => term("key_memory", "Memory"), numeric: true },
    { head: () => term("ttl", "TTL"), numeric: true },
    { head: () => term("l1_switch", "L1") },
  ],
  { "data-testid": "table-types" },
);
byId("table-types").append(table.root);

/** @param {import("./overview.js").View} view */
export function showTypes({ known, type, why }) {
  const stored = known.survey?.types ?? [];
  const sum = (/** @type {"keys" | "memory_bytes"} */ field) =>
    stored.length ? stored.reduce((all, one) => all + (one[field] ?? 0), 0) : null;
  const total = row("total", "All types", known.total, { keys: sum("keys"), memory_bytes: sum("memory_bytes") }, ["", ""]);
  const rows = (known.types ?? []).map((one) => {
    const cells = row(
      one.name,
      one.name,
      one.numbers,
      stored.find(({ name }) => name === one.name),
      [format.seconds(one.ttl_seconds), onOff(one.l1)],
    );
    return { cells, selected: one.name === type };
  });
  table.update([{ cells: total, selected: type === null }, ...rows], why);
}

/**
 * @param {string} id @param {string} name @param {Partial<Numbers>} [numbers]
 * @param {{keys?: ?number, memory_bytes?: ?number}} [stored] @param {(?string)[]} [settings] TTL and L1
 */
function row(id, name, numbers = {}, stored = {}, settings = []) {
  const { latency, hit_rate: hitRate, requests } = numbers;
  return [
    name,
    { text: format.count(requests), attributes: hook("requests", id, requests) },
    { text: format.share(hitRate), attributes: hook("hit-rate", id, hitRate) },
    format.share(numbers.l1_rate),
    format.share(numbers.l2_rate),
    times(latency?.l1),
    times(latency?.l2),
    times(latency?.miss),
    times(latency?.database),
    format.seconds(numbers.saved_seconds),
    { text: format.count(stored.keys), why: NO_SURVEY },
    { text: format.bytes(stored.memory_bytes), why: NO_SURVEY },
    ...settings,
  ];
}

const NO_SURVEY = "not surveyed yet";

/** For tests: where the number stands, and the number itself. */
function hook(name, id, value) {
  return { "data-testid": `${name}-${id}`, "data-value": String(value ?? "") };
}

/** @param {import("./contract.js").Latency} [latency] */
function times(latency) {
  if (!latency?.count) return null;
  return `${format.microseconds(latency.p50_us) ?? "–"} / ${format.microseconds(latency.p99_us) ?? "–"}`;
}

/** @param {?boolean} [on] */
function onOff(on) {
  return typeof on === "boolean" ? (on ? "on" : "off") : null;
}
