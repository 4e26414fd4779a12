// Numbers and times as people read them. Every function answers null for what is unknown; who shows it says why.
// The viewer's own conventions for digits and dates hold, and no number goes without its unit.

const SPACE = "\u00a0";
const whole = new Intl.NumberFormat();
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumSignificantDigits: 4 });
const decimals = [0, 1, 2].map((digits) => new Intl.NumberFormat(undefined, { maximumFractionDigits: digits }));
const percent = [0, 1, 2, 4].map((digits) => {
  // Rounded down: 99.996 % must not be taken for all.
  const fraction = { minimumFractionDigits: Math.min(digits, 1), maximumFractionDigits: digits };
  return new Intl.NumberFormat(undefined, { style: "percent", ...fraction, roundingMode: "floor" });
});

/** Two decimals at most: 0.42, 4.2, 42, 4,200. @param {number} number */
function figure(number) {
  const size = Math.abs(number);
  return decimals[size >= 99.5 ? 0 : size >= 9.95 ? 1 : 2].format(number);
}

/** @param {?number} [number] @returns {number is number} */
function known(number) {
  return typeof number === "number" && Number.isFinite(number);
}

/** @param {?number} [number] */
export function count(number) {
  return known(number) ? whole.format(number) : null;
}

/** From a million on shortened. @param {?number} [number] @returns {?string} */
export function amount(number) {
  if (!known(number)) return null;
  return Math.abs(number) < 1e6 ? figure(number) : short.format(number);
}

/** @param {?number | undefined} number @param {string} unit such as "/s" */
export function rate(number, unit) {
  return known(number) ? `${amount(number)}${unit}` : null;
}

/** @param {?number} [share] 0 to 1; the nearer to all, the more digits */
export function share(share) {
  if (!known(share)) return null;
  if (Number.isInteger(share * 100)) return percent[0].format(share);
  return percent[share < 0.995 ? 1 : share < 0.9999 ? 2 : 3].format(share);
}

/** Units of time from the smallest, and from how many seconds on the next is taken. */
const UNITS = [
  { name: "µs", seconds: 1e-6, below: 1e-3 },
  { name: "ms", seconds: 1e-3, below: 1 },
  { name: "s", seconds: 1, below: 120 },
  { name: "min", seconds: 60, below: 7200 },
  { name: "h", seconds: 3600, below: 172_800 },
  { name: "d", seconds: 86_400, below: Infinity },
];

/** @param {?number} [length] */
export function seconds(length) {
  if (!known(length)) return null;
  if (length === 0) return `0${SPACE}s`;
  const unit = UNITS.find((unit) => Math.abs(length) < unit.below) ?? UNITS[5];
  return `${figure(length / unit.seconds)}${SPACE}${unit.name}`;
}

/** @param {?number} [length] */
export function milliseconds(length) {
  return known(length) ? seconds(length / 1e3) : null;
}

/** @param {?number} [length] */
export function microseconds(length) {
  return known(length) ? seconds(length / 1e6) : null;
}

const BYTES = ["B", "KiB", "MiB", "GiB", "TiB"];

/** @param {?number} [size] */
export function bytes(size) {
  if (!known(size)) return null;
  const power = Math.min(BYTES.length - 1, size < 1 ? 0 : Math.floor(Math.log2(size) / 10));
  return `${figure(size / 1024 ** power)}${SPACE}${BYTES[power]}`;
}

/** "1 key", "2 keys". @param {?number | undefined} number @param {string} one */
export function plural(number, one, many = `${one}s`) {
  return known(number) ? `${count(number)}${SPACE}${number === 1 ? one : many}` : null;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const hourAndMinute = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dayAndMinute = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** Today's times by the clock, older ones with their day. @param {?string | number} [at] ISO 8601, or milliseconds */
export function time(at) {
  const date = new Date(at ?? NaN);
  if (Number.isNaN(date.getTime())) return null;
  return isToday(date) ? clock.format(date) : dayAndMinute.format(date);
}

/** Like `time`, without the seconds. @param {number} at milliseconds */
export function minute(at) {
  if (!known(at)) return null;
  return (isToday(new Date(at)) ? hourAndMinute : dayAndMinute).format(at);
}

/** @param {Date} date */
function isToday(date) {
  return date.toDateString() === new Date().toDateString();
}

/** Under an axis. @param {number} at milliseconds @param {number} span seconds that the axis covers */
export function tick(at, span) {
  return (span > 2 * 86_400 ? day : hourAndMinute).format(at);
}

/** In a table of many times. @param {number} at milliseconds */
export function moment(at) {
  return dayAndMinute.format(at);
}

/** The zone of all these times, "Europe/Paris (GMT+1)". */
export function zone() {
  const parts = new Intl.DateTimeFormat(undefined, { timeZoneName: "short" }).formatToParts();
  const abbreviation = parts.find((part) => part.type === "timeZoneName")?.value;
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  return abbreviation && abbreviation !== timeZone ? `${timeZone} (${abbreviation})` : timeZone;
}
