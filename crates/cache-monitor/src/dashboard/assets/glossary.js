// What the numbers mean, in a sentence or two. Shown when a term is pointed at, tapped or focused, and read out with it.

/** @type {Record<string, string>} */
export const GLOSSARY = {
  hit_rate: "Share of requests that were answered from the cache: from L1 or L2, without the database.",
  l1: "The memory of the service's own process. Redis tells each process what changed, so that no old value is answered.",
  l2: "Redis, shared by all processes.",
  miss: "The value was in no tier: it was loaded from the database, and stored.",
  bypass:
    "The cache was not asked, because Redis is away, too slow, or might be wrong about this key: answered from the database.",
  database: "How long loads from the database took, without the cache around them.",
  requests: "Reads that services asked the cache for, whoever answered them.",
  saved: "Hits × (mean load from the database − mean hit): how long the database would have worked on what the cache answered.",
  p99: "99 of 100 requests took at most so long. Of the cached tiers the slower one is shown; with few samples it is a rough figure.",
  p50_p99: "Half of the requests took at most the first time, 99 of 100 at most the second.",
  stale:
    "Values of the last audit that differ from the database although no invalidation is on its way. It should be zero, always.",
  breaker:
    "Each process has a breaker around Redis. Open: Redis failed or was slow, reads go to the database. Half-open: on trial. Closed: all is well.",
  processes: "Services that use this cache and have reported within the last seconds.",
  backlog:
    "Invalidations that are committed in the database and that Redis has not been told of. Near zero, unless Redis is or was away.",
  miss_reasons: "Why values were missing.",
  cold: "Never loaded, as far as is known.",
  expired: "Its time to live had ended.",
  invalidated: "A change in the database had made it wrong, so it was removed.",
  evicted: "Redis had dropped it to make room.",
  undecodable: "What stood in Redis was no value of this type; it is replaced.",
  bypassed: "The cache was not asked: Redis is away, too slow, or might be wrong about this key.",
  latency:
    "How long answers took, by what answered. The scale is logarithmic: each line of the grid is ten times the one below.",
  invalidations: "Values removed because the database changed.",
  invalidation_delay: "From the commit of a change to the moment when Redis has removed the old value.",
  loads: "Loads from the database, failed ones, and reads that were refused because too many loads went on already.",
  keys: "Values of this type in Redis, counted by the last survey.",
  key_memory: "Memory of this type's values in Redis, estimated from a sample by the last survey.",
  ttl: "How long a value of this type is kept at most.",
  l1_switch: "Whether values of this type are kept in the memory of each process too.",
  memory: "All that Redis holds, of other programs too. At the limit it refuses writes or evicts keys, as its policy says.",
  ttl_distribution: "How long the values have to live. Many that end together make many loads together.",
  hot_keys: "The keys that are read most. Services note one read in sixteen, so these are estimates.",
  audit:
    "A sample of the cached values is compared with the database in the background, slowly. Pending: it differs, and its invalidation is on its way.",
  right_at_least:
    "With 95 % confidence, at least this share of the cached values is right; for all types: at least this share of each type. Without a fault found it grows with the number checked: 1 − 3 / checked.",
  fills_refused:
    "Loaded values that were not stored, because the row changed while it was being loaded: the cache protecting you from an old value.",
  coalesced: "Requests that waited for a load of the same key by another one, instead of loading it again.",
  overloaded: "Reads refused because too many loads from the database went on already.",
  contended: "Requests that found another process loading the same key.",
  refreshed_ahead: "Values that are read often and were loaded again before they expired.",
  loads_failed: "Loads that the database answered with an error, or not in time.",
  redis_errors: "Commands that Redis refused or did not answer in time. Reads went to the database instead.",
  age_at_serve: "How old values were when they were answered. Old is not wrong: they are removed when the database changes.",
  suspects: "Keys that this process reads from the database, because Redis could not be told of a change of theirs yet.",
  l1_live: "Whether Redis announces changes to this process at the moment. Without that L1 is not used.",
};
