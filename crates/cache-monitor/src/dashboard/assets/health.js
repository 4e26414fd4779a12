// Whether what is cached is right, and whether the processes that use the cache are well.

import { Table, byId, element, hidden, patch, setText, term, unknown } from "./dom.js";
import * as format from "./format.js";

/** @typedef {import("./overview.js").View} View */
/** @typedef {import("./contract.js").BreakerChange} BreakerChange */

/** More lanes and lines than this are said by their number. */
const MOST_LANES = 8;
const MOST_CHANGES = 100;

const auditTable = new Table("Audit by type", [
  { head: () => "Type" },
  { head: () => "Checked", numeric: true },
  { head: () => "Right", numeric: true },
  { head: () => "Stale", numeric: true },
  { head: () => "Pending", numeric: true },
  { head: () => "Undecodable", numeric: true },
  { head: () => term("right_at_least", "Right, at least"), numeric: true },
]);
const auditWords = element("div", { class: "words" });
byId("audit").append(auditWords, auditTable.root);

const processTable = new Table("Processes that reported lately", [
  { head: () => "Process" },
  { head: () => "Up", numeric: true },
  { head: () => "Seen", numeric: true },
  { head: () => term("breaker", "Breaker") },
  { head: () => term("l2", "Redis") },
  { head: () => term("l1_live", "L1") },
  { head: () => term("suspects", "Suspects"), numeric: true },
]);
const noProcess = element("p", { class: "note" });
const NO_PROCESS = "No process has reported lately. Services report every few seconds while they run.";
byId("processes").append(processTable.root, noProcess);

/** @param {View} view */
export function showHealth(view) {
  showAudit(view);
  showProtections(view);
  showProcesses(view);
  showBreaker(view);
}

/** @param {View} view */
function showAudit({ known: { audit }, type, why }) {
  patch(auditWords, [audit?.state, audit?.error, audit?.at, audit?.every_seconds, audit?.total], () => [
    verdict(audit?.total),
    element("p", { class: "note" }, auditState(audit)),
  ]);
  const rows = (audit?.types ?? []).map((one) => ({ cells: auditCells(one.name, one), selected: one.name === type }));
  const total = { cells: auditCells("All types", audit?.total), selected: type === null };
  auditTable.root.hidden = !audit?.total?.checked;
  auditTable.update([total, ...rows], why);
}

/** @param {Partial<import("./contract.js").Audit>} [total] */
function verdict(total) {
  if (!total?.checked) return element("p", { class: "value" }, unknown("no audit is finished yet"));
  const wrong = (total.stale ?? 0) + (total.undecodable ?? 0);
  const unreadable = total.unreadable ?? 0;
  if (!wrong && unreadable) {
    const values = format.plural(unreadable, "value");
    return element("p", { class: "value", "data-tone": "bad" }, `${values} could not be compared: rows cannot be read`);
  }
  if (!wrong) return element("p", { class: "value", "data-tone": "good" }, "No wrong value found");
  const nines = format.plural(total.nines ?? 0, "nine");
  return element("p", { class: "value", "data-tone": "bad" }, `${format.plural(wrong, "wrong value")} found, ${nines}`);
}

/** @param {View["known"]["audit"]} [audit] */
function auditState(audit) {
  const at = format.time(audit?.at);
  const last = at ? `Last one ${at}, every ${format.seconds(audit?.every_seconds) ?? "–"}.` : "";
  switch (audit?.state) {
    case "off":
      return "The audit is off (--audit-seconds 0). cache-admin verify compares when you ask it to.";
    case "waiting":
      return last || "The first audit has not begun yet.";
    case "running":
      return `An audit is on its way. ${last}`;
    case "failed":
      return `The last audit failed: ${audit.error ?? "no reason is known"}. ${last}`;
    default:
      return last;
  }
}

/** @param {string} name @param {Partial<import("./contract.js").Audit>} [audit] */
function auditCells(name, audit = {}) {
  const { stale, undecodable } = audit;
  return [
    name,
    format.count(audit.checked),
    format.count(audit.right),
    { text: format.count(stale), tone: stale ? "bad" : undefined },
    format.count(audit.pending),
    { text: format.count(undecodable), tone: undecodable ? "bad" : undefined },
    { text: format.share(audit.right_share_at_least), why: audit.checked ? "every value was compared" : "nothing was checked" },
  ];
}

/** @type {[string, string, (numbers: View["numbers"]) => ?string][]} */
const PROTECTIONS = [
  ["fills_refused", "Fills refused", (numbers) => format.count(numbers.fills_refused)],
  ["coalesced", "Coalesced waits", (numbers) => format.count(numbers.coalesced)],
  ["contended", "Waits for another process", (numbers) => format.count(numbers.contended)],
  ["refreshed_ahead", "Refreshed ahead", (numbers) => format.count(numbers.refreshed_ahead)],
  ["overloaded", "Refused by the load limit", (numbers) => format.count(numbers.overloaded)],
  ["loads_failed", "Loads failed", (numbers) => format.count(numbers.loads_failed)],
  ["redis_errors", "Errors of Redis", (numbers) => format.count(numbers.redis_errors)],
  ["invalidations", "Invalidations", (numbers) => format.count(numbers.invalidations)],
  [
    "invalidation_delay",
    "Their delay, p50 / p99",
    ({ invalidation_delay: delay }) => pair(delay?.p50_ms, delay?.p99_ms, format.milliseconds),
  ],
  [
    "age_at_serve",
    "Age at serve, p50 / p99",
    ({ age_at_serve: age }) => pair(age?.p50_seconds, age?.p99_seconds, format.seconds),
  ],
];

const protections = PROTECTIONS.map(([id, label]) => {
  const value = element("dd");
  byId("protections").append(element("div", {}, element("dt", {}, term(id, label)), value));
  return value;
});

/** @param {View} view */
function showProtections({ numbers, why }) {
  PROTECTIONS.forEach(([, , text], index) => {
    patch(protections[index], [text(numbers), why], () => [text(numbers) ?? unknown(why)]);
  });
}

function pair(p50, p99, shown) {
  return shown(p50) && `${shown(p50)} / ${shown(p99) ?? "–"}`;
}

/** @param {View} view */
function showProcesses({ known: { processes: reported, at }, why }) {
  const processes = reported ?? [];
  setText(noProcess, reported ? NO_PROCESS : `Not known: ${why}.`);
  noProcess.hidden = processes.length > 0;
  processTable.root.hidden = processes.length === 0;
  const now = Date.parse(at);
  processTable.update(
    processes.map((process) => ({
      cells: [
        `${process.program ?? "?"} on ${process.host ?? "?"}, pid ${process.pid ?? "?"}`,
        format.seconds((now - Date.parse(process.started_at)) / 1e3),
        `${format.seconds(process.seen_seconds_ago) ?? "–"} ago`,
        { text: process.breaker ?? null, tone: process.breaker === "closed" ? undefined : "bad" },
        { text: process.uses_redis ? "in use" : "not in use", tone: process.uses_redis ? undefined : "warn" },
        { text: l1Words(process.l1_live), why: "no type of this process has L1" },
        { text: format.count(process.suspects), tone: process.suspects ? "warn" : undefined },
      ],
    })),
  );
}

/** @param {?boolean} live */
function l1Words(live) {
  return typeof live === "boolean" ? (live ? "live" : "off") : null;
}

/** @param {View} view */
function showBreaker({ known, from, to, range, history, why }) {
  const changes = (known.breaker_changes ?? []).filter(({ at }) => Date.parse(at) / 1e3 >= from).slice(0, MOST_CHANGES);
  const opened = (history?.points ?? []).reduce((sum, point) => sum + (point.breaker_open_changes ?? 0), 0);
  const unknownWhy = known.breaker_changes ? null : why;
  patch(byId("breaker"), [changes, range, opened, Math.floor(to / 30), unknownWhy], () => {
    if (unknownWhy) return [element("p", { class: "note" }, `Not known: ${unknownWhy}.`)];
    if (!changes.length) {
      const words = opened
        ? `Opened ${format.plural(opened, "time")} in the ${range}; the changes themselves are no longer kept.`
        : `No change in the ${range}.`;
      return [element("p", { class: "note" }, words)];
    }
    const lanes = lanesOf(changes);
    const more = lanes.length - MOST_LANES;
    return [
      element(
        "p",
        { class: "note" },
        `Opened ${format.plural(opened, "time")} in the ${range}. Thin: closed. Hatched: half-open. Full: open.`,
      ),
      ...lanes.slice(0, MOST_LANES).map(([process, its]) => lane(process, its, from, to)),
      element(
        "p",
        { class: "lane note", "aria-hidden": "true" },
        "",
        element("span", { class: "ends" }, element("span", {}, format.moment(from * 1000)), element("span", {}, "now")),
      ),
      more > 0
        ? element("p", { class: "note" }, `${format.plural(more, "more process", "more processes")} in the list.`)
        : null,
      element("ol", { class: "changes", tabindex: "0", "aria-label": "Changes, newest first" }, ...changes.map(changeItem)),
    ];
  });
}

/** By process, oldest change first. @param {BreakerChange[]} changes newest first @returns {[string, BreakerChange[]][]} */
function lanesOf(changes) {
  /** @type {Map<string, BreakerChange[]>} */
  const lanes = new Map();
  for (const change of changes.toReversed()) lanes.set(change.process, [...(lanes.get(change.process) ?? []), change]);
  return [...lanes];
}

/** @param {string} process @param {BreakerChange[]} changes @param {number} from @param {number} to */
function lane(process, changes, from, to) {
  // A breaker opens from closed; any other change comes after it was open.
  const before = changes[0].state === "open" ? "closed" : "open";
  const starts = [{ at: from, state: before }, ...changes.map(({ at, state }) => ({ at: Date.parse(at) / 1e3, state }))];
  const parts = starts.map(({ at, state }, index) => {
    const end = starts[index + 1]?.at ?? to;
    const part = element("span", { class: "part", "data-state": state });
    // Also what was short, and what only just happened, has to be seen.
    part.style.left = `min(${(100 * (at - from)) / (to - from)}%, calc(100% - 3px))`;
    part.style.width = `${(100 * Math.max(0, end - at)) / (to - from)}%`;
    return part;
  });
  return element(
    "div",
    { class: "lane", "aria-hidden": "true" },
    element("span", { class: "label" }, process),
    element("span", { class: "track" }, ...parts),
  );
}

/** @param {BreakerChange} change */
function changeItem({ at, process, state, reason }) {
  const mark = element("span", { class: "state", "data-state": state }, state);
  return element(
    "li",
    {},
    element("time", { datetime: at }, format.time(at) ?? "–"),
    hidden(", "),
    mark,
    hidden(", "),
    element("span", {}, `${process}: ${reason}`),
  );
}
