//! The violation of a guarantee, with the part of the history that shows it.

use std::fmt::Write as _;

use super::{Author, History, Key, Moment, Seen, WriteResult};

/// Maximum number of operations of a key shown for a violation.
const EXCERPT_LINES: usize = 24;

/// The guarantees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// A read that begins after the acknowledgement of a write shows that write.
    Fresh,
    /// The amounts in an answer are consistent.
    NeverTorn,
    /// Payments are accepted up to the amount due, and refused only beyond it.
    NeverTooMuch,
    /// A transaction id is paid once.
    NeverTwice,
    /// Acknowledged and shown rows are in the database.
    Durable,
    /// Requests are answered, whatever happens to Redis.
    Answers,
    /// After a fault every process shows the content of the database, and uses Redis again.
    Recovers,
}

/// The violation of a guarantee.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The guarantee.
    pub promise: Promise,
    /// The key.
    pub key: Key,
    /// A description.
    pub what: String,
    /// When the first operation involved began.
    pub first: Moment,
    /// When the violation was observed.
    pub last: Moment,
}

impl Violation {
    pub(super) fn at(promise: Promise, key: &Key, when: Moment, what: String) -> Self {
        Self { promise, key: key.clone(), what, first: when, last: when }
    }

    pub(crate) fn in_the_end(promise: Promise, key: Key, what: String) -> Self {
        Self { promise, key, what, first: Moment(u64::MAX), last: Moment(u64::MAX) }
    }

    /// The violation and the history of its key up to then, the oldest operation first.
    #[must_use]
    pub fn show(&self, history: &History) -> String {
        let mut text = format!("{:?}: {}: {}\n", self.promise, self.key, self.what);
        let mut lines: Vec<(Moment, Moment, String)> = Vec::new();
        for write in history.writes.iter().filter(|write| write.key == self.key) {
            lines.push((write.started, write.ended, show_write(write)));
        }
        for read in history.reads.iter().filter(|read| read.key == self.key) {
            let what = format!("read from {} by {}: {}", read.tier, read.process, show_seen(&read.seen));
            lines.push((read.started, read.ended, what));
        }
        lines.retain(|(started, ended, _)| *started <= self.last && *ended >= self.first.min(self.last));
        lines.sort();
        let left_out = lines.len().saturating_sub(EXCERPT_LINES);
        // The first part has the missed write, the last part has the read that missed it.
        let head = EXCERPT_LINES / 2;
        let tail = head + left_out;
        for (place, (started, ended, what)) in lines.iter().enumerate() {
            if left_out > 0 && place == head {
                let _ = writeln!(text, "    … {left_out} more …");
            }
            if left_out == 0 || place < head || place >= tail {
                let _ = writeln!(text, "    {started} to {ended}: {what}");
            }
        }
        text
    }
}

fn show_write(write: &super::Write) -> String {
    let author = match write.author {
        Author::Process(process) => process.to_string(),
        Author::Outsider => "an outsider".to_owned(),
        Author::Before => "somebody before".to_owned(),
    };
    let result = match &write.result {
        WriteResult::Acknowledged { effect, pending: false } => format!("acknowledged {effect:?}"),
        WriteResult::Acknowledged { effect, pending: true } => format!("acknowledged {effect:?}, pending"),
        other => format!("{other:?}"),
    };
    let transaction = write.transaction.as_deref().unwrap_or("-");
    format!("write of {} ({transaction}) through {author}: {result}", write.cents)
}

fn show_seen(seen: &Seen) -> String {
    match seen {
        Seen::Invoice(invoice) => {
            let last = invoice.payments.last().map(|line| line.id);
            format!("paid {} in {} payments, the last {last:?}", invoice.total_paid, invoice.payments.len())
        }
        Seen::Rows(rows) => format!("{} rows, the last {:?}", rows.len(), rows.last()),
        Seen::Version(version) => format!("{version}"),
    }
}
