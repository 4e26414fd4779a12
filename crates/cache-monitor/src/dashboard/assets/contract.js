// What the server sends, in words; nothing here is run, so it need not be served. Every field may be null or missing where it is
// unknown (`parse` of stream.js makes both the same), and the page has to bear that: an older or newer server must not break it.

/**
 * Times of one tier. All null but `count` where nothing was timed.
 * @typedef {{count: number, p50_us: ?number, p95_us: ?number, p99_us: ?number, max_us: ?number}} Latency
 *
 * @typedef {"l1" | "l2" | "miss" | "bypass" | "database"} Tier
 *
 * What was counted of one type, or of all, in a stretch of time. Rates are shares, 0 to 1.
 * @typedef {object} Numbers
 * @property {number} requests
 * @property {number} requests_per_second
 * @property {number} hit_l1
 * @property {number} hit_l2
 * @property {number} misses
 * @property {number} bypassed
 * @property {?number} hit_rate
 * @property {?number} l1_rate
 * @property {?number} l2_rate
 * @property {Record<Tier, Latency>} latency
 * @property {?number} saved_seconds  hits × (mean load from the database − mean hit)
 * @property {Record<string, number>} miss_reasons
 * @property {number} loads
 * @property {number} loads_failed
 * @property {number} overloaded
 * @property {number} fills_refused
 * @property {number} refreshed_ahead
 * @property {number} coalesced
 * @property {number} contended
 * @property {number} redis_errors
 * @property {number} invalidations
 * @property {number} invalidations_pending
 * @property {{count: number, p50_ms: ?number, p99_ms: ?number}} invalidation_delay
 * @property {{count: number, p50_seconds: ?number, p99_seconds: ?number}} age_at_serve
 *
 * @typedef {object} Audit
 * @property {number} checked
 * @property {number} right
 * @property {number} stale
 * @property {number} pending
 * @property {number} undecodable
 * @property {number} unreadable  a row of the database that cannot be read: nothing to compare with
 * @property {?number} right_share
 * @property {?number} right_share_at_least  with 95 % confidence; null where every value was compared, or none
 * @property {?number} nines  null where no wrong value was found
 *
 * @typedef {Audit & {name: string}} AuditOfType
 * @typedef {{state: string, error: ?string, at: ?string, every_seconds: number, total: Audit, types: AuditOfType[]}} AuditReport
 *
 * @typedef {{state: "ok" | "away" | "not_asked", endpoint: string, error: ?string, since: string}} Server
 * @typedef {{name: string, ttl_seconds: number, l1: boolean, numbers: Numbers}} CachedType
 * @typedef {{up_to_seconds: ?number, keys: number}} TtlBucket  without a limit: the longest
 * @typedef {{name: string, keys: number, memory_bytes: ?number, ttl: TtlBucket[], no_expiry: number}} Stored
 * @typedef {{type: string, key: string, reads_per_hour: number}} HotKey
 * @typedef {"closed" | "open" | "half-open"} Breaker
 * @typedef {{at: string, process: string, state: Breaker, reason: string}} BreakerChange
 *
 * @typedef {object} Process
 * @property {string} id
 * @property {string} host
 * @property {number} pid
 * @property {string} program
 * @property {string} started_at
 * @property {number} seen_seconds_ago
 * @property {Breaker} breaker
 * @property {boolean} uses_redis
 * @property {?boolean} l1_live
 * @property {number} suspects
 *
 * Event `snapshot` of `/api/live`.
 * @typedef {object} Snapshot
 * @property {number} schema_version
 * @property {string} at
 * @property {Server} redis
 * @property {Server} database
 * @property {?boolean} has_data  null until it was looked for
 * @property {number} window_seconds  what `total` and `types` are about: the last so many seconds
 * @property {?Numbers} total  null until Redis was read once, as the numbers of the types, the processes and the changes
 * @property {CachedType[]} types
 * @property {?{used_bytes: number, limit_bytes: ?number, policy: string, evicted_keys: number}} memory
 * @property {{state: "none" | "running" | "complete", at: ?string, types: Stored[]}} survey
 * @property {?HotKey[]} hot_keys
 * @property {?Process[]} processes
 * @property {?{pending: number, oldest_seconds: ?number}} outbox
 * @property {?BreakerChange[]} breaker_changes
 * @property {AuditReport} audit
 *
 * @typedef {object} Step
 * @property {number} at  seconds since 1970, the beginning of the step
 * @property {?Numbers} total  null until Redis was read once, as the numbers of the types, the processes and the changes
 * @property {Record<string, Numbers>} types
 * @property {{rows_max: ?number, oldest_max_seconds: ?number}} backlog
 * @property {number} breaker_open_changes
 *
 * Answer of `/api/history?range=…`, oldest step first.
 * @typedef {{schema_version: number, range: string, step_seconds: number, redis: "ok" | "away", read_at: ?number, points: Step[]}} History
 */

export {};
