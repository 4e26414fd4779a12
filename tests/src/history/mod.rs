//! A history: what clients asked of several processes and were told, with the time of every question and every answer.
//!
//! All times are of one monotonic clock, that of the process which asks. Recorded by [`Recorder`], judged by [`check`].

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

/// One life of one of the processes: after a crash the same place has another life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Which of the services, from 0.
    pub place: usize,
    /// How often it was started before.
    pub life: u32,
}

/// What is read and written. Each grows: invoices and credit notes by rows, the others by a number. Only what another
/// program has put there may go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// Details of this invoice, which grow by payments.
    Invoice(i64),
    /// Credit notes of this user.
    CreditNotes(i64),
    /// The rate of this region of Great Britain.
    TaxRate(String),
    /// The value of this one of the active discounts.
    Discount(i64),
}

/// What an acknowledged write made visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// A row of this number.
    Row(i64),
    /// A number of at least this.
    Version(i64),
    /// No row of this number any more, which no other write of the history made visible here.
    Gone(i64),
}

/// What a read showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// An invoice.
    Invoice(Invoice),
    /// Rows of these numbers.
    Rows(BTreeSet<i64>),
    /// A number.
    Version(i64),
}

/// Who wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// One of the services.
    Process(Process),
    /// A program that knows nothing of the cache.
    Outsider,
    /// Somebody before this history began.
    Before,
}

/// An answered read.
#[derive(Clone, Debug)]
pub struct Read {
    /// What was read.
    pub key: Key,
    /// Who was asked.
    pub process: Process,
    /// Before the question was sent.
    pub started: Moment,
    /// After the answer was complete.
    pub ended: Moment,
    /// `X-Cache`.
    pub tier: String,
    /// The answer.
    pub seen: Seen,
}

/// A read without an answer, or with an error.
#[derive(Clone, Debug)]
pub struct FailedRead {
    /// What was asked for.
    pub key: Key,
    /// Before the question was sent.
    pub started: Moment,
    /// When it was clear that there is no answer.
    pub ended: Moment,
    /// What came instead.
    pub why: String,
}

/// A write, answered or not.
#[derive(Clone, Debug)]
pub struct Write {
    /// What it concerns.
    pub key: Key,
    /// Who was asked.
    pub author: Author,
    /// Before the question was sent.
    pub started: Moment,
    /// After the answer was complete, or when it was clear that there is none.
    pub ended: Moment,
    /// The transaction id of a payment, which is sent again until there is an answer.
    pub transaction: Option<String>,
    /// The amount of a payment, in hundredths.
    pub cents: i64,
    /// The answer.
    pub result: WriteResult,
}

/// How a write was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// It is done.
    Acknowledged {
        /// What it made visible.
        effect: Effect,
        /// Whether the answer said that other processes may still show what was there before.
        pending: bool,
    },
    /// The rules of billing forbid it: more than is due, or nothing is due.
    Refused,
    /// The transaction id was used for something else.
    Conflict,
    /// Nobody knows whether it was done.
    Unknown(String),
}

/// What was asked, in no particular order.
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
    /// Its name in Redis.
    #[must_use]
    pub fn in_redis(&self) -> String {
        match self {
            Self::Invoice(id) => format!("invoice:{id}"),
            Self::CreditNotes(user) => format!("user_credit_notes:{user}"),
            Self::TaxRate(region) => format!("tax_rate:GB:{region}"),
            Self::Discount(_) => "active_discounts".to_owned(),
        }
    }

    /// Whether processes keep such values in their own memory by default.
    #[must_use]
    pub fn has_l1(&self) -> bool {
        match self {
            Self::Invoice(_) | Self::CreditNotes(_) => false,
            Self::TaxRate(_) | Self::Discount(_) => true,
        }
    }
}

impl Seen {
    /// Whether the effect of a write is in what was seen.
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
    /// The effect, if it was acknowledged.
    #[must_use]
    pub fn effect(&self) -> Option<Effect> {
        match self.result {
            WriteResult::Acknowledged { effect, .. } => Some(effect),
            _ => None,
        }
    }

    /// The row that it took away from its key.
    pub(crate) fn taken(&self) -> Option<(&Key, i64)> {
        match self.effect()? {
            Effect::Gone(id) => Some((&self.key, id)),
            Effect::Row(_) | Effect::Version(_) => None,
        }
    }

    /// Whether its answer said that its invalidation is pending, or who wrote knows nothing of invalidations.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.author == Author::Outsider || matches!(self.result, WriteResult::Acknowledged { pending: true, .. })
    }
}

impl Moment {
    /// Milliseconds from `earlier` to this; zero if it is later.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000
    }

    /// So many milliseconds later.
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
