// The state of the connections: in the header, as banners where something is wrong, in the title of the tab, and said to
// screen readers when it changes.

import { byId, described, element, patch, setText } from "./dom.js";
import * as format from "./format.js";

/** @typedef {import("./contract.js").Snapshot} Snapshot */

/**
 * @typedef {object} Connections
 * @property {?Snapshot} snapshot
 * @property {?Snapshot} known  the last one with Redis there
 * @property {boolean} connected  to the dashboard itself
 * @property {?number} brokenAt  milliseconds; null while the connection is not known to be broken
 */

const SCHEMA_VERSION = 2;
const STATES = { ok: "ok", away: "away", not_asked: "not asked", broken: "broken", waiting: "…" };

/** @param {Connections} connections */
export function showConnections(connections) {
  const { snapshot, connected, brokenAt } = connections;
  document.body.dataset.live = connected ? "on" : "off";
  status("redis", "Redis", snapshot?.redis);
  status("database", "Database", snapshot?.database);
  const since = brokenAt ? { since: new Date(brokenAt).toISOString() } : {};
  status("live", "Live", {
    state: connected ? "ok" : brokenAt ? "broken" : "waiting",
    endpoint: "this page's connection to the dashboard",
    ...since,
  });
  const banners = bannersOf(connections);
  patch(byId("banners"), banners, () => banners.map(({ tone, text }) => element("p", { class: `banner ${tone}` }, text)));
  const trouble = banners.find(({ tone }) => tone === "bad");
  document.title = trouble ? `${trouble.title} · Billing cache` : "Billing cache";
}

/** @param {string} id @param {string} name @param {{state?: string, endpoint?: string, error?: ?string, since?: string}} [of] */
function status(id, name, of) {
  const place = byId(`status-${id}`);
  const known = of?.state ?? "waiting";
  place.dataset.state = known;
  const parts = [of?.endpoint, of?.error, of?.since && known !== "not_asked" ? `since ${format.time(of.since)}` : null];
  const about = described(`about-status-${id}`, parts.filter(Boolean).join("; ") || "nothing is known yet");
  patch(place, known, () => [
    element("button", { type: "button", class: "term", "aria-describedby": about }, `${name} ${STATES[known] ?? known}`),
  ]);
}

/** What is wrong, the worst first. `title` is for the tab. @param {Connections} connections */
function bannersOf({ snapshot, brokenAt, known }) {
  const banners = [];
  if (brokenAt) {
    const text = [
      `No connection to the dashboard since ${format.time(brokenAt)}. This page connects again by itself.`,
      snapshot ? `What is shown is of ${format.time(snapshot.at)}.` : "",
    ];
    banners.push({ tone: "bad", title: "Not connected", text: text.join(" ") });
  }
  if (snapshot?.redis?.state === "away") {
    const text = [
      `Redis is away${sinceAndWhy(snapshot.redis)} Services read from the database meanwhile.`,
      known ? `The last known values, of ${format.time(known.at)}, are shown in grey.` : "No values are known yet.",
      "This page goes on by itself when Redis is back.",
    ];
    banners.push({ tone: "bad", title: "Redis away", text: text.join(" ") });
  }
  if (snapshot?.database?.state === "away") {
    const trouble = `The database cannot be reached${sinceAndWhy(snapshot.database)}`;
    const text = `${trouble} The audit and the backlog wait for it; all else goes on.`;
    banners.push({ tone: "warn", title: "Database away", text });
  }
  if ((snapshot?.schema_version ?? SCHEMA_VERSION) > SCHEMA_VERSION) {
    banners.push({ tone: "warn", title: "Reload", text: "The dashboard is newer than this page. Reload the page." });
  }
  return banners;
}

/** The end of a sentence; reasons may end with a question. @param {import("./contract.js").Server} server */
function sinceAndWhy({ since, error }) {
  const at = format.time(since);
  const sentence = `${at ? ` since ${at}` : ""}${error ? `: ${error}` : ""}`;
  return /[.?!]$/.test(sentence) ? sentence : `${sentence}.`;
}

/** @param {?Snapshot} before @param {Snapshot} after */
export function announceChanges(before, after) {
  for (const [name, key] of /** @type {const} */ ([
    ["Redis", "redis"],
    ["The database", "database"],
  ])) {
    const [was, is] = [before?.[key]?.state, after[key]?.state];
    if (is === "away" && was !== "away") announce(`${name} is away.`);
    if (is === "ok" && was === "away") announce(`${name} is back.`);
  }
}

/** So many are kept in the page: an announcement is read when it is added. */
const MOST_ANNOUNCEMENTS = 4;

/** For screen readers: states, never each number. @param {string} text */
export function announce(text) {
  const place = byId("announcements");
  place.append(element("p", {}, text));
  while (place.childElementCount > MOST_ANNOUNCEMENTS) place.firstElementChild?.remove();
}
