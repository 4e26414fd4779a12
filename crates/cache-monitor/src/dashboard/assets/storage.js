// What stands in Redis: memory and its limit, keys of each type, how long they have to live, and which are read most.

import { Table, bars, byId, element, patch, setText } from "./dom.js";
import * as format from "./format.js";

/** @typedef {import("./overview.js").View} View */

/** Above this share of the limit the meter warns, as the alert BillingCacheMemoryNearLimit does. */
const NEAR = 0.9;
/** Of a longer key only the beginning is shown; the rest opens. */
const LONG_KEY = 80;

const hotKeys = new Table("Hottest keys", [
  { head: () => "Key" },
  { head: () => "Type" },
  { head: () => "Reads an hour", numeric: true },
]);
const noHotKeys = element("p", { class: "note" });
byId("hot-keys").append(hotKeys.root, noHotKeys);

/** @param {View} view */
export function showStorage(view) {
  const { survey } = view.known;
  setText(byId("survey-note"), surveyWords(survey));
  showMemory(view);
  showTimesToLive(view);
  showHotKeys(view);
}

/** @param {View["known"]["survey"]} [survey] */
function surveyWords(survey) {
  const at = format.time(survey?.at);
  if (survey?.state === "running") return at ? `Keys as of ${at}; being counted again.` : "Keys are being counted.";
  return at ? `Keys as of ${at}.` : "Keys have not been counted yet.";
}

/** @param {View} view */
function showMemory({ known: { memory, survey }, why }) {
  patch(byId("memory"), [memory, survey?.types, why], () => {
    const stored = survey?.types ?? [];
    const most = Math.max(1, ...stored.map((one) => one.memory_bytes ?? 0));
    const rows = stored.map((one) => ({
      label: one.name,
      share: (one.memory_bytes ?? 0) / most,
      text: `${format.bytes(one.memory_bytes) ?? "–"} · ${format.plural(one.keys, "key") ?? "–"}`,
    }));
    return [
      ...(memory ? meter(memory) : [element("p", { class: "note" }, `Not known: ${why}.`)]),
      bars(rows, "Memory and keys by type"),
    ];
  });
}

/** @param {NonNullable<View["known"]["memory"]>} memory */
function meter({ used_bytes: used, limit_bytes: limit, policy, evicted_keys: evicted }) {
  const history = `Policy ${policy ?? "unknown"}; ${format.plural(evicted, "key") ?? "–"} evicted since Redis started.`;
  if (!limit)
    return [
      element("p", { class: "value" }, format.bytes(used) ?? "–"),
      element("p", { class: "note" }, `No limit is set. ${history}`),
    ];
  const share = used / limit;
  const words = `${format.bytes(used)} of ${format.bytes(limit)}, ${format.share(share)}`;
  const fill = element("span", { class: "fill" });
  fill.style.width = `${Math.min(1, share) * 100}%`;
  const tone = share > NEAR ? "warn" : "good";
  const attributes = { class: "meter", role: "meter", "data-tone": tone, "aria-label": "Memory of Redis", "aria-valuemin": 0 };
  const values = { "aria-valuemax": limit, "aria-valuenow": used, "aria-valuetext": words };
  const advice = tone === "good" ? null : element("p", { class: "advice", "data-tone": tone }, nearLimit(policy));
  return [
    element("p", { class: "value" }, words),
    element("div", { ...attributes, ...values }, fill),
    advice,
    element("p", { class: "note" }, history),
  ];
}

/** @param {string} [policy] */
function nearLimit(policy) {
  if (policy === "noeviction") return "Near its limit: Redis will refuse new values. Raise maxmemory, or set volatile-lru.";
  return "Near its limit: Redis drops keys to make room. Raise maxmemory if the hit rate suffers.";
}

/** @param {View} view */
function showTimesToLive({ known: { survey }, type }) {
  const types = (survey?.types ?? []).filter(({ name }) => type === null || name === type);
  patch(byId("ttl"), types, () => {
    const buckets = sumOfBuckets(types);
    const all = buckets.reduce((sum, bucket) => sum + bucket.keys, 0);
    if (!all) return [element("p", { class: "note" }, "No keys were found.")];
    const rows = buckets.map(({ label, keys }) => ({
      label,
      share: keys / all,
      text: `${format.count(keys)} · ${format.share(keys / all)}`,
    }));
    return [bars(rows, "Keys by time to live")];
  });
}

/** @param {import("./contract.js").Stored[]} types */
function sumOfBuckets(types) {
  /** @type {Map<number, number>} */
  const sums = new Map();
  for (const { up_to_seconds: upTo, keys = 0 } of types.flatMap(({ ttl }) => ttl ?? [])) {
    sums.set(upTo ?? Infinity, (sums.get(upTo ?? Infinity) ?? 0) + keys);
  }
  const limits = [...sums.keys()].sort((a, b) => a - b);
  const longest = format.seconds(limits.findLast(Number.isFinite));
  const buckets = limits.map((upTo) => {
    return { label: Number.isFinite(upTo) ? `≤ ${format.seconds(upTo)}` : `> ${longest ?? "0 s"}`, keys: sums.get(upTo) ?? 0 };
  });
  const forever = types.reduce((sum, { no_expiry: keys }) => sum + (keys ?? 0), 0);
  // The cache gives every key a time to live: such a key is somebody else's work.
  return forever ? [...buckets, { label: "never expires", keys: forever }] : buckets;
}

/** @param {View} view */
function showHotKeys({ known, type, why }) {
  setText(noHotKeys, known.hot_keys ? "No reads have been noted yet." : `Not known: ${why}.`);
  const keys = (known.hot_keys ?? []).filter((key) => type === null || key.type === type);
  hotKeys.root.hidden = keys.length === 0;
  noHotKeys.hidden = keys.length > 0;
  hotKeys.update(
    keys.map(({ key, type, reads_per_hour: reads }) => ({
      cells: [{ text: key, draw: () => [shownKey(key)] }, type, format.amount(reads)],
    })),
  );
}

/** @param {string} key */
function shownKey(key) {
  if (key.length <= LONG_KEY) return element("code", {}, key);
  return element(
    "details",
    {},
    element("summary", {}, element("code", {}, `${key.slice(0, LONG_KEY / 2)}…`)),
    element("code", {}, key),
  );
}
