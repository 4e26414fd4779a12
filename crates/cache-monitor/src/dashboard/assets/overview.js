// The headline tiles: whether all is well, at a glance.

import { byId, element, patch, term, unknown } from "./dom.js";
import * as format from "./format.js";

/**
 * What all panels are drawn from.
 * @typedef {object} View
 * @property {import("./contract.js").Snapshot} known  the newest snapshot; where Redis is away, with the last known numbers
 * @property {boolean} away  Redis is
 * @property {?string} type  that was chosen; null: all
 * @property {string} scope  the type in words
 * @property {Partial<import("./contract.js").Numbers>} numbers  of that type
 * @property {string} window  what the numbers are about, in words such as "since 05:28"
 * @property {string} why  numbers are unknown
 * @property {number} from  seconds since 1970, the beginning of the range
 * @property {number} to
 * @property {string} range  in words
 * @property {?import("./contract.js").History} history
 *
 * @typedef {"good" | "warn" | "bad"} Tone
 * @typedef {{value: ?string, detail: string, tone?: Tone, why?: string, shares?: (number | null | undefined)[]}} Tile
 */

/** @type {{id: string, label: string, term: string, tile: (view: View) => Tile}[]} */
const TILES = [
  { id: "hit-rate", label: "Hit rate", term: "hit_rate", tile: hitRate },
  { id: "requests", label: "Requests", term: "requests", tile: requests },
  { id: "saved", label: "Database time saved", term: "saved", tile: saved },
  { id: "p99", label: "p99 cached", term: "p99", tile: p99 },
  { id: "stale", label: "Stale found", term: "stale", tile: stale },
  { id: "backlog", label: "Backlog", term: "backlog", tile: backlog },
  { id: "breaker", label: "Breaker", term: "breaker", tile: breaker },
  { id: "processes", label: "Processes", term: "processes", tile: processes },
];

const places = TILES.map(({ id, label, term: explained }) => {
  const value = element("dd", { class: "value" });
  const detail = element("dd", { class: "detail" });
  const root = element(
    "div",
    { class: "tile", "data-testid": `tile-${id}` },
    element("dt", {}, term(explained, label)),
    value,
    detail,
  );
  byId("tiles").append(root);
  return { root, value, detail };
});

/** @param {View} view */
export function showOverview(view) {
  TILES.forEach(({ tile }, index) => {
    const { root, value, detail } = places[index];
    const shown = tile(view);
    if (shown.tone) root.dataset.tone = shown.tone;
    else delete root.dataset.tone;
    const why = shown.why ?? view.why;
    patch(value, [shown.value, why], () => [shown.value ?? unknown(why)]);
    patch(detail, [shown.detail, shown.shares], () => [shown.shares ? shareBar(shown.shares) : null, shown.detail]);
  });
}

/** @param {View} view @returns {Tile} */
function hitRate({ numbers }) {
  const shares = [numbers.l1_rate, numbers.l2_rate];
  const [l1, l2] = shares.map(format.share);
  return {
    value: format.share(numbers.hit_rate),
    detail: l1 && l2 ? `L1 ${l1} · L2 ${l2}` : "",
    shares: l1 && l2 ? shares : undefined,
  };
}

/** @param {View} view @returns {Tile} */
function requests({ numbers, window }) {
  const counted = format.amount(numbers.requests);
  return { value: format.rate(numbers.requests_per_second, "/s"), detail: counted ? `${counted} ${window}` : "" };
}

/** @param {View} view @returns {Tile} */
function saved({ numbers, known, window }) {
  const { saved_seconds: length } = numbers;
  const connections = format.amount(length && known.window_seconds ? length / known.window_seconds : null);
  const detail = connections ? `≈ ${connections} busy connections` : window;
  return { value: format.seconds(length), detail, why: "known once there were hits and loads to compare" };
}

/**
 * Of the slower tier: that 99 of 100 answers were not slower is then true of both tiers together too.
 * @param {View} view @returns {Tile}
 */
function p99({ numbers: { latency } }) {
  const cached = [latency?.l1?.p99_us, latency?.l2?.p99_us].filter((time) => typeof time === "number");
  const slower = cached.length ? Math.max(...cached) : null;
  const database = latency?.database?.p99_us;
  const factor = slower && database && database > slower ? ` · ${format.amount(database / slower)}×` : "";
  return { value: format.microseconds(slower), detail: `database ${format.microseconds(database) ?? "–"}${factor}` };
}

/** @param {View} view @returns {Tile} */
function stale({ known, type }) {
  const audit = type ? known.audit?.types?.find(({ name }) => name === type) : known.audit?.total;
  const wrong = audit?.checked ? (audit.stale ?? 0) + (audit.undecodable ?? 0) : null;
  const why = known.audit?.state === "off" ? "the audit is off" : "no audit is finished yet";
  if (!audit || wrong === null) return { value: null, detail: why, why };
  const checked = `${format.amount(audit.checked)} checked`;
  const share = format.share(audit.right_share_at_least);
  const atLeast = share && `≥\u00a0${share}${type ? "" : " of each type"} right`;
  if (wrong === 0) return { value: "0", detail: atLeast ? `${checked}, ${atLeast}` : `${checked}: every value`, tone: "good" };
  return { value: format.count(wrong), detail: `${checked}, ${format.plural(audit.nines ?? 0, "nine")}`, tone: "bad" };
}

/** @param {View} view @returns {Tile} */
function backlog({ known }) {
  const why = known.database?.state === "away" ? "the database is away" : "the database was not asked yet";
  if (!known.outbox) return { value: null, detail: why, why };
  const { pending, oldest_seconds: oldest } = known.outbox;
  const detail = pending ? `oldest ${format.seconds(oldest) ?? "–"}` : "nothing is waiting";
  return { value: format.amount(pending), detail, tone: (oldest ?? 0) > 30 ? "warn" : undefined };
}

/** @param {View} view @returns {Tile} */
function breaker({ known: { processes }, why }) {
  if (!processes) return { value: null, detail: "", why };
  const open = processes.filter((process) => process.breaker !== "closed").length;
  if (!processes.length) return { value: null, detail: "no process has reported", why: "no process has reported" };
  if (open)
    return { value: `${open} open`, detail: `of ${format.plural(processes.length, "process", "processes")}`, tone: "bad" };
  return { value: "closed", detail: "in all processes", tone: "good" };
}

/** @param {View} view @returns {Tile} */
function processes({ known: { processes } }) {
  if (!processes) return { value: null, detail: "" };
  const without = processes.filter((process) => process.uses_redis === false).length;
  if (without) return { value: format.count(processes.length), detail: `${without} without Redis`, tone: "warn" };
  return { value: format.count(processes.length), detail: processes.length ? "all use Redis" : "none has reported" };
}

/** L1, L2 and the rest, as parts of one bar. @param {(number | null | undefined)[]} shares */
function shareBar(shares) {
  const parts = shares.map((share, index) => {
    const part = element("span", { class: `part tier-${index + 1}` });
    part.style.width = `${(share ?? 0) * 100}%`;
    return part;
  });
  return element("span", { class: "share-bar", "aria-hidden": "true" }, ...parts);
}
