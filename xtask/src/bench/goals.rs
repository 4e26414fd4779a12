//! The goals, each with the place of its measurement.

use super::side::OURS;

/// The value of a record that is compared with the limit.
#[derive(Clone, Copy)]
pub(super) enum Measure {
    /// The median of the ratios to the record's base side.
    Ratio,
    /// The median of the ratios to this side.
    RatioTo(&'static str),
    /// The ratio for goals in which a hundredth matters: reached if the whole interval of the median is below the
    /// limit.
    RatioInterval,
    /// The median as a multiple of the same work in this section.
    TimesSection(&'static str),
    Median,
    /// The maximum of all rounds.
    Most,
}

/// A goal.
pub(super) struct Goal {
    pub(super) what: &'static str,
    /// The prefix of the sections' names.
    pub(super) section: &'static str,
    pub(super) work: &'static str,
    pub(super) figure: &'static str,
    pub(super) side: &'static str,
    pub(super) measure: Measure,
    pub(super) at_most: f64,
}

const TOOL: &str = "cache-admin";
const LARGE: &str = "tools/1000000";
const SMALL: &str = "tools/100000";

pub(super) const GOALS: &[Goal] = &[
    Goal {
        what: "L1 hit, times a bare `quick_cache` get of the same key",
        section: "hot-path",
        work: "L1 hit, 1 thread",
        figure: "time",
        side: OURS,
        measure: Measure::RatioTo("bare quick_cache"),
        at_most: 2.0,
    },
    Goal {
        what: "the same, two threads",
        section: "hot-path",
        work: "L1 hit, 2 threads",
        figure: "time",
        side: OURS,
        measure: Measure::RatioTo("bare quick_cache"),
        at_most: 2.0,
    },
    Goal {
        what: "a counted L1 hit, times an uncounted one",
        section: "hot-path",
        work: "L1 hit, 1 thread, counted",
        figure: "time",
        side: OURS,
        measure: Measure::RatioInterval,
        at_most: 1.02,
    },
    Goal {
        what: "the same, two threads, counted",
        section: "hot-path",
        work: "L1 hit, 2 threads, counted",
        figure: "time",
        side: OURS,
        measure: Measure::RatioInterval,
        at_most: 1.02,
    },
    Goal {
        what: "a counted L2 hit of one task, times an uncounted one",
        section: "hot-path",
        work: "L2 hit, 1 task, counted",
        figure: "time",
        side: OURS,
        measure: Measure::RatioInterval,
        at_most: 1.02,
    },
    Goal {
        what: "the same, 64 tasks, counted",
        section: "hot-path",
        work: "L2 hit, 64 tasks, counted",
        figure: "time",
        side: OURS,
        measure: Measure::RatioInterval,
        at_most: 1.02,
    },
    Goal {
        what: "L2 hit of one task, times a raw GET and decode",
        section: "service",
        work: "L2 hit, 1 task",
        figure: "time",
        side: OURS,
        measure: Measure::Ratio,
        at_most: 1.1,
    },
    Goal {
        what: "L2 hits of 64 tasks, times raw GETs and decode",
        section: "service",
        work: "L2 hits, 64 tasks",
        figure: "time",
        side: OURS,
        measure: Measure::Ratio,
        at_most: 1.0 / 0.9,
    },
    Goal {
        what: "loads of 1,000 readers of one missing key in 4 processes",
        section: "peers",
        work: "1,000 readers of one missing key, 4 processes",
        figure: "loads",
        side: OURS,
        measure: Measure::Most,
        at_most: 1.0,
    },
    Goal {
        what: "`stats` of 1,000,000 keys, times a bare SCAN",
        section: LARGE,
        work: "stats",
        figure: "time",
        side: TOOL,
        measure: Measure::Ratio,
        at_most: 1.3,
    },
    Goal {
        what: "the longest command of `stats` (ms)",
        section: LARGE,
        work: "stats",
        figure: "longest command",
        side: TOOL,
        measure: Measure::Most,
        at_most: 2.0,
    },
    Goal {
        what: "memory of `stats`, 1,000,000 keys, times that of 100,000",
        section: LARGE,
        work: "stats",
        figure: "peak memory",
        side: TOOL,
        measure: Measure::TimesSection(SMALL),
        at_most: 1.1,
    },
    Goal {
        what: "`clear` of 1,000,000 keys, times SCAN MATCH and UNLINK",
        section: LARGE,
        work: "clear --type invoices",
        figure: "time",
        side: TOOL,
        measure: Measure::Ratio,
        at_most: 1.5,
    },
    Goal {
        what: "the longest PING of another client during `clear` (ms)",
        section: LARGE,
        work: "clear --type invoices",
        figure: "longest PING",
        side: TOOL,
        measure: Measure::Most,
        at_most: 10.0,
    },
    Goal {
        what: "memory of `clear`, 1,000,000 keys, times that of 100,000",
        section: LARGE,
        work: "clear --type invoices",
        figure: "peak memory",
        side: TOOL,
        measure: Measure::TimesSection(SMALL),
        at_most: 1.1,
    },
    Goal {
        what: "`warmup` of 10,000 invoices, times loading them one by one",
        section: "service",
        work: "warm-up of 10,000 invoices",
        figure: "time",
        side: OURS,
        measure: Measure::Ratio,
        at_most: 0.05,
    },
    Goal {
        what: "a payment, times the same without triggers and outbox",
        section: "service",
        work: "payment, with invalidation",
        figure: "time",
        side: OURS,
        measure: Measure::Ratio,
        at_most: 1.3,
    },
    Goal {
        what: "added to a load while the breaker is open, 1 task, p99 (ms)",
        section: "service",
        work: "Redis hangs, breaker open, 1 task: added to a bare load",
        figure: "p99",
        side: OURS,
        measure: Measure::Median,
        at_most: 0.1,
    },
    Goal {
        what: "the same, 16 tasks (ms)",
        section: "service",
        work: "Redis hangs, breaker open, 16 tasks: added to a bare load",
        figure: "p99",
        side: OURS,
        measure: Measure::Median,
        at_most: 0.1,
    },
];
