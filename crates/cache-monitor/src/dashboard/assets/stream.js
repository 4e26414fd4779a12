// The live connection to the dashboard. It is closed while nobody looks, comes back by itself, and notices when it only seems
// to be open. Whoever is no longer logged in is sent to the login.

const RETRY_SECONDS = { first: 2, longest: 30 };
/** Snapshots come every two seconds; a silence this long means that the connection is dead. */
const SILENCE_MS = 15_000;

export class Stream {
  #source = /** @type {?EventSource} */ (null);
  #heard = 0;
  #retry = RETRY_SECONDS.first;
  #timer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);

  /**
   * @param {(snapshot: import("./contract.js").Snapshot) => void} onSnapshot
   * @param {(connected: boolean) => void} onState
   */
  constructor(onSnapshot, onState) {
    this.onSnapshot = onSnapshot;
    this.onState = onState;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#close() : this.#open()));
    setInterval(() => this.#watch(), SILENCE_MS / 3);
    if (!document.hidden) this.#open();
  }

  #open() {
    this.#close();
    this.#heard = Date.now();
    const source = new EventSource("/api/live");
    source.addEventListener("snapshot", (event) => {
      this.#heard = Date.now();
      this.#retry = RETRY_SECONDS.first;
      this.onState(true);
      this.onSnapshot(parse(event.data));
    });
    source.addEventListener("error", () => {
      this.onState(false);
      // The browser reconnects by itself after a broken connection, but gives up after an answer other than 200.
      if (source.readyState === EventSource.CLOSED) this.#openLater();
    });
    this.#source = source;
  }

  #close() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  #openLater() {
    this.#close();
    this.#timer = setTimeout(async () => {
      await toLoginIfNeeded();
      this.#open();
    }, this.#retry * 1000);
    this.#retry = Math.min(this.#retry * 2, RETRY_SECONDS.longest);
  }

  #watch() {
    if (!this.#source || Date.now() - this.#heard < SILENCE_MS) return;
    this.onState(false);
    this.#open();
  }
}

/**
 * What the server sends. What is null is left out, so that the page knows one kind of unknown only. Anyone can write to Redis and
 * the database, so each text is made harmless here, where it comes in.
 * @param {string} json
 */
export function parse(json) {
  return JSON.parse(json, (_, value) => (typeof value === "string" ? printable(value) : (value ?? undefined)));
}

/** What could change the order in which people read, or is not seen at all, as JSON writes it: `\u202e`. @param {string} text */
function printable(text) {
  const escape = (/** @type {string} */ character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text.replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, escape);
}

/** `EventSource` does not tell the status of an answer; another request does. */
async function toLoginIfNeeded() {
  const answer = await fetch("/api/history?range=15m", { method: "HEAD" }).catch(() => null);
  if (answer?.status === 401) toLogin();
}

/** The server answers this address with the login form. */
export function toLogin() {
  location.reload();
}
