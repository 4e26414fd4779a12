//! A history: the requests of clients to several processes and the answers, with the time of every request and answer.
//!
//! All times are of one monotonic clock, that of the process with the clients. [`Recorder`] records it, [`check`]
//! checks it.

mod amounts;
mod checker;
mod recorder;
mod summary;
mod truth;
mod violation;

pub use amounts::{Invoice, PaymentLine, TaxLine};
pub(crate) use amounts::{amount, cents};
pub use checker::{Bounds, Fault, check};
pub use recorder::Recorder;
pub use summary::Summary;
pub use truth::{PaymentRow, Truth};
pub use violation::{Promise, Violation};

use std::collections::BTreeSet;
use std::fmt;

/// Microseconds since the recorder was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

/// One life of one of the processes: the same place has a new life after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// The index of the service, from 0.
    pub place: usize,
    /// How often it was started before.
    pub life: u32,
}

/// A key that is read and written. Each value grows: invoices and credit notes by rows, the others by a number. Only
/// rows of another program may disappear.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The details of this invoice, which grow by payments.
    Invoice(i64),
    /// The credit notes of this user.
    CreditNotes(i64),
    /// The rate of this region of Great Britain.
    TaxRate(String),
    /// The value of this discount among the active ones.
    Discount(i64),
}

/// The visible effect of an acknowledged write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// A row with this id.
    Row(i64),
    /// A number of at least this.
    Version(i64),
    /// The row with this id is gone, and no other write of the history made it visible here.
    Gone(i64),
}

/// The content of an answer to a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An invoice.
    Invoice(Invoice),
    /// Rows with these ids.
    Rows(BTreeSet<i64>),
    /// A number.
    Version(i64),
}

/// The author of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// One of the services.
    Process(Process),
    /// A program that knows nothing of the cache.
    Outsider,
    /// A write from before this history began.
    Before,
}

/// An answered read.
#[derive(Clone, Debug)]
pub struct Read {
    /// The key.
    pub key: Key,
    /// The process that answered.
    pub process: Process,
    /// Before the request was sent.
    pub started: Moment,
    /// After the answer was complete.
    pub ended: Moment,
    /// The header `X-Cache`.
    pub tier: String,
    /// The content of the answer.
    pub seen: Seen,
}

/// A read without an answer, or with an error.
#[derive(Clone, Debug)]
pub struct FailedRead {
    /// The key.
    pub key: Key,
    /// Before the request was sent.
    pub started: Moment,
    /// When it was known that there is no answer.
    pub ended: Moment,
    /// The error.
    pub why: String,
}

/// A write, answered or not.
#[derive(Clone, Debug)]
pub struct Write {
    /// The key that it changes.
    pub key: Key,
    /// The author.
    pub author: Author,
    /// Before the request was sent.
    pub started: Moment,
    /// After the answer was complete, or when it was known that there is none.
    pub ended: Moment,
    /// The transaction id of a payment, which is repeated until there is an answer.
    pub transaction: Option<String>,
    /// The amount of a payment, in hundredths.
    pub cents: i64,
    /// The answer.
    pub result: WriteResult,
}

/// The result of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// It is done.
    Acknowledged {
        /// Its visible effect.
        effect: Effect,
        /// Whether the answer said that other processes may still show the older value.
        pending: bool,
    },
    /// The billing rules forbid it: the amount is more than is due, or nothing is due.
    Refused,
    /// The transaction id was used for a different payment.
    Conflict,
    /// It is unknown whether it was done.
    Unknown(String),
}

/// All requests, in no particular order.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The answered reads.
    pub reads: Vec<Read>,
    /// All writes.
    pub writes: Vec<Write>,
    /// Reads that failed.
    pub failed_reads: Vec<FailedRead>,
}

impl Key {
    /// The text of the key in Redis.
    #[must_use]
    pub fn in_redis(&self) -> String {
        match self {
            Self::Invoice(id) => format!("invoice:{id}"),
            Self::CreditNotes(user) => format!("user_credit_notes:{user}"),
            Self::TaxRate(region) => format!("tax_rate:GB:{region}"),
            Self::Discount(_) => "active_discounts".to_owned(),
        }
    }

    /// Whether processes keep such values in L1 by default.
    #[must_use]
    pub fn has_l1(&self) -> bool {
        match self {
            Self::Invoice(_) | Self::CreditNotes(_) => false,
            Self::TaxRate(_) | Self::Discount(_) => true,
        }
    }
}

impl Seen {
    /// Whether the content shows the effect of a write.
    #[must_use]
    pub fn shows(&self, effect: Effect) -> bool {
        match (self, effect) {
            (Self::Invoice(_) | Self::Rows(_), Effect::Row(id)) => self.has_row(id),
            (Self::Invoice(_) | Self::Rows(_), Effect::Gone(id)) => !self.has_row(id),
            (Self::Version(seen), Effect::Version(written)) => *seen >= written,
            _ => false,
        }
    }

    fn has_row(&self, id: i64) -> bool {
        match self {
            Self::Invoice(invoice) => invoice.payments.iter().any(|line| line.id == id),
            Self::Rows(rows) => rows.contains(&id),
            Self::Version(_) => false,
        }
    }
}

impl Write {
    /// The effect, if the write was acknowledged.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        match self.result {
            WriteResult::Acknowledged { effect, .. } => Some(effect),
            _ => None,
        }
    }

    /// The row that it removed from its key.
    pub(crate) fn taken(&self) -> Option<(&Key, i64)> {
        match self.effect()? {
            Effect::Gone(id) => Some((&self.key, id)),
            Effect::Row(_) | Effect::Version(_) => None,
        }
    }

    /// Whether the answer said that the invalidation is pending, or the author does not know about invalidations.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.author == Author::Outsider || matches!(self.result, WriteResult::Acknowledged { pending: true, .. })
    }
}

impl Moment {
    /// Milliseconds from `earlier` to this time; zero if `earlier` is later.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000
    }

    /// This many milliseconds later.
    #[must_use]
    pub fn plus_millis(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis.saturating_mul(1_000)))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03} ms", self.0 / 1_000, self.0 % 1_000)
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {}.{}", self.place, self.life)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invoice(id) => write!(f, "invoice {id}"),
            Self::CreditNotes(user) => write!(f, "credit notes of user {user}"),
            Self::TaxRate(region) => write!(f, "tax rate of {region}"),
            Self::Discount(id) => write!(f, "discount {id}"),
        }
    }
}
