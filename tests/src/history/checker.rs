//! Checks a history for stale reads: reads that miss a write which was acknowledged before the read began.
//!
//! The rule is guarantee A of `protocol.md`, section 8, with the exceptions of B and C, each as narrow as it is there:
//! an exception applies to one write, one reader and a period. There is no exception for the process that wrote.

use std::collections::BTreeMap;

use super::{Author, History, Key, Moment, Promise, Read, Seen, Truth, Violation, Write, WriteResult};

/// The limits of the exceptions, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// `cache.l1_staleness_bound_ms`: how stale L1 of another process may be.
    pub l1_staleness_ms: u64,
    /// The time that the relay may take after a fault, or after a write by an outsider.
    pub recovery_ms: u64,
}

/// The fault of a round, and its time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fault {
    /// Before the fault began.
    pub started: Moment,
    /// After the fault was undone.
    pub ended: Moment,
    /// Whether Redis came back with data that lacks acknowledged invalidations.
    pub forgets: bool,
    /// Whether no connection broke, so that even the process that wrote may read the older value.
    pub unnoticed: bool,
    /// Whether services or the database did not answer, so that requests may fail.
    pub may_fail: bool,
}

/// The verdict on a read that misses an acknowledged write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Staleness {
    /// An exception allows it.
    Excused,
    /// It violates the guarantee.
    Broken,
}

/// All violations in a history, given the fault and the final content of the database.
#[must_use]
pub fn check(history: &History, truth: &Truth, fault: &Fault, bounds: &Bounds) -> Vec<Violation> {
    let judge = Judge { fault, bounds };
    let stale = stale_reads(history, &judge).into_iter().filter(|stale| stale.verdict == Staleness::Broken);
    let wrong = history.reads.iter().flat_map(wrong_amounts);
    let failed = failures(history).filter(|_| !fault.may_fail);
    stale.map(|stale| stale.violation()).chain(wrong).chain(failed).chain(truth.check(history)).collect()
}

/// Amounts of an invoice that are never allowed.
fn wrong_amounts(read: &Read) -> Vec<Violation> {
    let Seen::Invoice(invoice) = &read.seen else { return Vec::new() };
    let torn = invoice.tear().map(|tear| (Promise::NeverTorn, tear));
    let overpaid = invoice.balance_due < 0;
    let overpaid = overpaid.then(|| (Promise::NeverTooMuch, format!("the balance is {}", invoice.balance_due)));
    let violation = |(promise, what)| {
        let (key, what) = (read.key.clone(), format!("{}: {what}", read.process));
        Violation { promise, key, what, first: read.started, last: read.ended }
    };
    torn.into_iter().chain(overpaid).map(violation).collect()
}

fn failures(history: &History) -> impl Iterator<Item = Violation> {
    let writes = history.writes.iter().filter_map(|write| match &write.result {
        WriteResult::Unknown(why) => Some((&write.key, write.ended, format!("a write failed: {why}"))),
        _ => None,
    });
    let reads = history.failed_reads.iter().map(|read| (&read.key, read.ended, format!("a read failed: {}", read.why)));
    writes.chain(reads).map(|(key, when, what)| Violation::at(Promise::Answers, key, when, what))
}

/// A read that missed a write which was acknowledged before the read began.
pub(super) struct Stale<'h> {
    pub(super) read: &'h Read,
    /// The first missed write without an excuse, or the first missed write if all are excused.
    pub(super) missed: &'h Write,
    pub(super) verdict: Staleness,
}

impl Stale<'_> {
    fn violation(&self) -> Violation {
        let (read, late) = (self.read, self.late_ms());
        let author = match self.missed.author {
            Author::Process(author) if author == read.process => "it".to_owned(),
            Author::Process(author) => author.to_string(),
            Author::Outsider => "an outsider".to_owned(),
            Author::Before => "somebody, before this round,".to_owned(),
        };
        let what = format!("{} answered from {} {late} ms after {author} had written more", read.process, read.tier);
        let first = self.missed.started;
        Violation { promise: Promise::Fresh, key: read.key.clone(), what, first, last: read.ended }
    }

    /// How long the write had been acknowledged when the read began.
    pub(super) fn late_ms(&self) -> u64 {
        self.read.started.millis_since(self.missed.ended)
    }
}

pub(super) fn stale_reads<'h>(history: &'h History, judge: &Judge<'_>) -> Vec<Stale<'h>> {
    let mut acknowledged: BTreeMap<&Key, Vec<&Write>> = BTreeMap::new();
    for write in history.writes.iter().filter(|write| write.effect().is_some()) {
        acknowledged.entry(&write.key).or_default().push(write);
    }
    for writes in acknowledged.values_mut() {
        writes.sort_by_key(|write| write.ended);
    }
    let none = Vec::new();
    let stale = history.reads.iter().filter_map(|read| {
        let before = acknowledged.get(&read.key).unwrap_or(&none).iter().take_while(|write| write.ended < read.started);
        let missed: Vec<&Write> =
            before.copied().filter(|write| write.effect().is_some_and(|effect| !read.seen.shows(effect))).collect();
        let broken = missed.iter().find(|write| judge.verdict(read, write) == Staleness::Broken);
        match (broken, missed.first()) {
            (Some(missed), _) => Some(Stale { read, missed, verdict: Staleness::Broken }),
            (None, Some(missed)) => Some(Stale { read, missed, verdict: Staleness::Excused }),
            (None, None) => None,
        }
    });
    stale.collect()
}

/// Applies the exceptions.
pub(super) struct Judge<'f> {
    pub(super) fault: &'f Fault,
    pub(super) bounds: &'f Bounds,
}

impl Judge<'_> {
    fn verdict(&self, read: &Read, missed: &Write) -> Staleness {
        // A process notices a broken connection at once, but not an exchange of the data under an open connection.
        let own = missed.author == Author::Process(read.process) && !self.fault.unnoticed;
        let excused = !own && (self.is_in_memory(read, missed) || self.waits_for_relay(read, missed));
        if excused { Staleness::Excused } else { Staleness::Broken }
    }

    /// Exception B: L1 of another process, within its bound.
    fn is_in_memory(&self, read: &Read, missed: &Write) -> bool {
        read.key.has_l1() && read.tier == "l1" && read.started <= missed.ended.plus_millis(self.bounds.l1_staleness_ms)
    }

    /// Exception C: until the relay has run, for a write whose invalidation Redis did not acknowledge or has lost.
    fn waits_for_relay(&self, read: &Read, missed: &Write) -> bool {
        let forgotten = self.fault.forgets && missed.ended <= self.fault.ended;
        let during_fault = missed.ended <= self.fault.ended && missed.ended >= self.fault.started;
        let relay_starts = match (forgotten, missed.is_pending()) {
            (true, _) => self.fault.ended,
            (false, true) if during_fault => self.fault.ended,
            (false, true) => missed.ended,
            (false, false) => return false,
        };
        read.started <= relay_starts.plus_millis(self.bounds.recovery_ms)
    }
}

#[cfg(test)]
#[path = "checker_tests.rs"]
mod tests;
