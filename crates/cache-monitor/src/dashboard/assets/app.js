// The page: takes snapshots and history, keeps what was chosen, and lets each panel draw itself.
// Nothing piles up: one snapshot, the last known one, and the history of the chosen range are all that is kept.

import { byId, element, explainTerms, hidden, patch, setText } from "./dom.js";
import { Chart } from "./chart.js";
import { CHARTS } from "./charts.js";
import * as format from "./format.js";
import { showHealth } from "./health.js";
import { showOverview } from "./overview.js";
import { announce, announceChanges, showConnections } from "./status.js";
import { showStorage } from "./storage.js";
import { Stream, parse, toLogin } from "./stream.js";
import { showTypes } from "./types.js";
import "./terms.js";

/** @typedef {import("./contract.js").Snapshot} Snapshot */
/** @typedef {import("./contract.js").Step} Step */
/** @typedef {import("./chart.js").Point} Point */

/** `refresh`: how often the history is asked for, seconds. `live`: short steps get the last minutes as a moving last point. */
const RANGES = [
  { id: "15m", label: "15 min", words: "last 15 minutes", seconds: 900, refresh: 15, live: true },
  { id: "1h", label: "1 h", words: "last hour", seconds: 3600, refresh: 20, live: true },
  { id: "24h", label: "24 h", words: "last 24 hours", seconds: 86_400, refresh: 60, live: false },
  { id: "30d", label: "30 d", words: "last 30 days", seconds: 2_592_000, refresh: 120, live: false },
];
/** Who has not answered by then will not: it is asked again. */
const HISTORY_PATIENCE_MS = 30_000;

const state = {
  snapshot: /** @type {?Snapshot} */ (null),
  /** The last one with Redis there. */
  known: /** @type {?Snapshot} */ (null),
  history: /** @type {?import("./contract.js").History} */ (null),
  historyError: /** @type {?string} */ (null),
  connected: false,
  /** When the stream broke; null while it is not known to be broken. */
  brokenAt: /** @type {?number} */ (null),
  ...chosen(),
};

const charts = CHARTS.map((definition) => new Chart(definition));

/** The choice stands in the address, so that a reload or a link brings it back. */
function chosen() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  return { type: wanted.get("type"), range: RANGES.find(({ id }) => id === wanted.get("range")) ?? RANGES[1] };
}

/** @param {Event} event */
function choose(event) {
  const input = /** @type {HTMLInputElement} */ (event.target);
  if (input.name === "type") state.type = input.value || null;
  if (input.name === "range") {
    state.range = RANGES.find(({ id }) => id === input.value) ?? state.range;
    state.history = null;
    keepHistory();
  }
  const choice = new URLSearchParams({ range: state.range.id, ...(state.type && { type: state.type }) });
  history.replaceState(null, "", `#${choice}`);
  announce(`Showing ${state.type ?? "all types"}, ${state.range.words}.`);
  draw();
}

/** @param {Snapshot} snapshot */
function take(snapshot) {
  announceChanges(state.snapshot, snapshot);
  state.snapshot = snapshot;
  if (snapshot.redis?.state !== "away") state.known = snapshot;
  draw();
}

/** @param {boolean} connected */
function connection(connected) {
  const broke = !connected && state.brokenAt === null;
  const came = connected && !state.connected;
  if (!broke && !came) return;
  if (broke) announce("The connection to the dashboard broke.");
  else if (state.brokenAt !== null) announce("Connected to the dashboard again.");
  state.connected = connected;
  state.brokenAt = connected ? null : Date.now();
  showConnections(state);
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let historyTimer;
let historyAsked = new AbortController();

/** Asks for the history now and then again and again; not while nobody looks. */
async function keepHistory() {
  clearTimeout(historyTimer);
  historyAsked.abort();
  historyAsked = new AbortController();
  const { signal } = historyAsked;
  if (!document.hidden) await loadHistory(signal);
  if (!signal.aborted) historyTimer = setTimeout(keepHistory, state.range.refresh * 1000);
}

/** @param {AbortSignal} signal */
async function loadHistory(signal) {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(HISTORY_PATIENCE_MS)]);
    const answer = await fetch(`/api/history?range=${state.range.id}`, { signal: patience });
    if (answer.status === 401) return toLogin();
    if (!answer.ok) throw new Error(`the dashboard answered ${answer.status}`);
    const history = parse(await answer.text());
    // While Redis is away nothing is known of the past; what was drawn stays.
    if (history.redis !== "away" || !state.history) state.history = history;
    state.historyError = null;
  } catch (error) {
    if (signal.aborted) return;
    const silent = error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");
    state.historyError = silent ? "the dashboard did not answer" : String(error instanceof Error ? error.message : error);
  }
  draw();
}

function draw() {
  const { snapshot } = state;
  if (!snapshot) return drawTrend(null);
  drawFilter(state.known ?? snapshot);
  const view = viewOf(snapshot);
  document.body.dataset.redis = snapshot.redis?.state ?? "ok";
  byId("no-data").hidden = snapshot.has_data !== false || ["away", "not_asked"].includes(snapshot.redis?.state);
  setText(byId("no-data-where"), snapshot.redis?.endpoint ? `the Redis at ${snapshot.redis.endpoint}` : "this Redis");
  for (const place of document.querySelectorAll(".scope")) setText(place, view.scope);
  setText(byId("as-of"), `${view.window}, as of ${format.time(view.known.at) ?? "–"}`);
  showConnections(state);
  for (const show of [showOverview, showTypes, showStorage, showHealth, drawTrend]) {
    try {
      show(view);
    } catch (error) {
      // What one panel cannot bear must not take the others with it.
      reportError(error);
    }
  }
}

/** @param {Snapshot} snapshot @returns {import("./overview.js").View} */
function viewOf(snapshot) {
  const away = snapshot.redis?.state === "away";
  // Of the database and the audit the newest is known also without Redis.
  const { database, outbox, audit } = snapshot;
  const known = away ? { ...(state.known ?? snapshot), database, outbox, audit } : snapshot;
  const { type } = state;
  const numbers = (type === null ? known.total : known.types?.find(({ name }) => name === type)?.numbers) ?? {};
  const window = windowOf(known);
  const why = away ? "Redis is away" : known.has_data === false ? "no request was counted yet" : `nothing of this ${window}`;
  const to = Date.parse(snapshot.at) / 1e3 || Date.now() / 1e3;
  const { words: range, seconds } = state.range;
  return {
    known,
    away,
    type,
    scope: type ?? "all types",
    numbers,
    window,
    why,
    from: to - seconds,
    to,
    range,
    history: state.history,
  };
}

/** The numbers begin with a whole minute and end with what was read last. @param {Snapshot} known */
function windowOf({ at, redis, window_seconds: seconds }) {
  const readAt = Date.parse(redis?.state === "away" ? redis.since : at);
  const begin = seconds ? format.minute(readAt - seconds * 1000) : null;
  return begin ? `since ${begin}` : "lately";
}

/** @param {?import("./overview.js").View} view */
function drawTrend(view) {
  const { range, historyError } = state;
  const step = format.seconds(state.history?.step_seconds);
  const steps = step
    ? `${range.words}, in steps of ${step}${range.live && !view?.away ? "; the last point is live" : ""}`
    : range.words;
  setText(
    byId("trend-note"),
    historyError ? `The history could not be loaded: ${historyError}. It is asked for again.` : steps,
  );
  if (!view) return;
  const data = { points: pointsOf(view), from: view.from, to: view.to, scope: view.scope, range: view.range };
  const unknown = whyNoHistory(view);
  for (const chart of charts) chart.update({ ...data, unknown });
}

/** Null where the history is known. @param {import("./overview.js").View} view */
function whyNoHistory({ away, history }) {
  if (away || history?.redis === "away") return "Redis is away.";
  if (history) return null;
  return state.historyError ? "The history could not be loaded." : "The history is being loaded.";
}

/** Services report in the background: read so long after its end, a step is whole. */
const SETTLES_SECONDS = 10;
/** A step that goes on is drawn from this age on: what was not yet reported is then a small part of it. */
const YOUNG_SECONDS = 120;

/**
 * The history as points, the step that goes on as long as it had gone on when it was read, and the present.
 * @param {import("./overview.js").View} view @returns {Point[]}
 */
function pointsOf({ known, away, numbers, type, from, to }) {
  const length = state.history?.step_seconds ?? 60;
  const readAt = state.history?.read_at ?? to;
  const drawn = withGaps(state.history?.points ?? [], length).filter(({ at }) => {
    return at + length > from && readAt - at >= Math.min(length + SETTLES_SECONDS, YOUNG_SECONDS);
  });
  const points = drawn.map((step) => {
    const end = Math.min(step.at + length, readAt);
    const counted = (type === null ? step.total : step.types?.[type]) ?? {};
    return { end, seconds: end - step.at, live: false, numbers: counted, backlog: step.backlog ?? {} };
  });
  if (!state.range.live || away) return points;
  const backlog = { rows_max: known.outbox?.pending, oldest_max_seconds: known.outbox?.oldest_seconds };
  return [...points.filter(({ end }) => end < to), { end: to, seconds: known.window_seconds, live: true, numbers, backlog }];
}

/**
 * Where steps could not be read, empty ones stand for them, so that no line leads over them.
 * @param {Step[]} steps oldest first @param {number} length of a step @returns {(Partial<Step> & Pick<Step, "at">)[]}
 */
function withGaps(steps, length) {
  return steps.flatMap((step, index) => {
    const expected = (steps[index - 1]?.at ?? step.at - length) + length;
    const missing = Math.max(0, Math.round((step.at - expected) / length));
    return [...Array.from({ length: missing }, (_, nth) => ({ at: expected + nth * length })), step];
  });
}

function drawRanges() {
  const choices = RANGES.map(({ id, label, words }) =>
    choice("range", id, element("span", {}, label, hidden(`, ${words}`)), state.range.id === id, `range-${id}`),
  );
  byId("ranges").replaceChildren(...choices);
}

/** @param {Snapshot} known */
function drawFilter({ types = [] }) {
  const names = types.map(({ name }) => name);
  if (state.type !== null && names.length && !names.includes(state.type)) state.type = null;
  patch(byId("filter"), names, () => [
    choice("type", "", "All", state.type === null, "filter-all"),
    ...names.map((name) => choice("type", name, name, state.type === name, `filter-${name}`)),
  ]);
}

/** A radio button over its whole label, so that wherever one clicks it is the button. */
function choice(name, value, label, checked, testId) {
  const input = element("input", { type: "radio", name, value, checked, "data-testid": testId });
  return element("label", { class: "choice" }, input, element("span", {}, label));
}

byId("charts").append(...charts.map((chart) => chart.root));
explainTerms();
setText(byId("zone"), format.zone());
drawRanges();
byId("controls").addEventListener("change", choose);
byId("controls").addEventListener("submit", (event) => event.preventDefault());
showConnections(state);
new Stream(take, connection);
keepHistory();
document.addEventListener("visibilitychange", () => !document.hidden && keepHistory());
