//! The Redis part that all models share: one key with its lease, and the atomic commands on it.
//!
//! Invariant: these are the commands of `billing-cache/src/protocol`, each as one step. Other changes of a key
//! (eviction, expiry, an old dump) are made by the models on its fields.

use std::fmt;

use crate::without::{Protocol, Without};

/// The version of the billing row; as a value, the version it was loaded from.
pub(crate) type Version = u8;

/// Identifies the holder of a lease. The models use the smallest number that is not in use.
pub(crate) type Token = u8;

/// A key in Redis. The answer "there is no such row" is a value like any other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) value: Option<Version>,
    pub(crate) lease: Option<Lease>,
}

/// `v1 lease 0`: the content of Redis, in a trace.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Some(version) => write!(f, "v{version}")?,
            None => write!(f, "-")?,
        }
        match self.lease {
            Some(Lease { token, weak: false }) => write!(f, " lease {token}"),
            Some(Lease { token, weak: true }) => write!(f, " weak lease {token}"),
            None => Ok(()),
        }
    }
}

/// The content of `lease:{key}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lease {
    pub(crate) token: Token,
    /// Whether it is the lease of a warm-up, which readers may take over.
    pub(crate) weak: bool,
}

impl Lease {
    pub(crate) fn of_reader(token: Token) -> Self {
        Self { token, weak: false }
    }

    pub(crate) fn of_warm_up(token: Token) -> Self {
        Self { token, weak: true }
    }
}

/// The result of an ACQUIRE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acquired {
    Hit(Version),
    Granted,
    Contended,
}

/// The result of a FILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filled {
    Stored,
    Lost,
}

impl Key {
    /// ACQUIRE, or its form for warm-ups if the wanted lease is weak.
    pub(crate) fn acquire(&mut self, wanted: Lease, protocol: Protocol) -> Acquired {
        if let Some(value) = self.value {
            return Acquired::Hit(value);
        }
        let free = self.lease.is_none_or(|held| held.weak && !wanted.weak && protocol.keeps(Without::WeakLease));
        if !free && protocol.keeps(Without::LeaseOfOne) {
            return Acquired::Contended;
        }
        self.lease = Some(wanted);
        Acquired::Granted
    }

    /// REFRESH: takes a free lease even if there is a value.
    pub(crate) fn refresh(&mut self, wanted: Lease) -> Acquired {
        if self.lease.is_some() {
            return Acquired::Contended;
        }
        self.lease = Some(wanted);
        Acquired::Granted
    }

    /// FILL.
    pub(crate) fn fill(&mut self, token: Token, value: Version, protocol: Protocol) -> Filled {
        let is_holder = self.lease.is_some_and(|held| held.token == token);
        if !is_holder && protocol.keeps(Without::FillChecksLease) {
            return Filled::Lost;
        }
        *self = Self { value: Some(value), lease: None };
        Filled::Stored
    }

    /// RELEASE. Answers whether the lease was this one.
    pub(crate) fn release(&mut self, token: Token, protocol: Protocol) -> bool {
        let is_holder = self.lease.is_some_and(|held| held.token == token);
        if is_holder || !protocol.keeps(Without::ReleaseChecksLease) {
            self.lease = None;
        }
        is_holder
    }

    /// INVALIDATE.
    pub(crate) fn invalidate(&mut self, protocol: Protocol) {
        self.value = None;
        if protocol.keeps(Without::InvalidateRemovesLease) {
            self.lease = None;
        }
    }

    /// Whether an answer would be older than `version`.
    pub(crate) fn is_older_than(&self, version: Version) -> bool {
        self.value.is_some_and(|value| value < version)
    }
}

/// Hands out and renames tokens, so that states that differ only in the names of tokens become one.
pub(crate) trait Tokens {
    /// Visits every token, in a fixed order.
    fn each_token(&mut self, visit: &mut dyn FnMut(&mut Token));

    /// A token that is not in use.
    fn fresh_token(&mut self) -> Token {
        let mut used = 0_u32;
        self.each_token(&mut |token| used |= 1 << *token);
        Token::try_from(used.trailing_ones()).expect("fewer than 32 tokens at once")
    }

    /// Numbers the tokens in the order of the visits.
    fn rename_tokens(&mut self) {
        let mut names = [None; 32];
        let mut next: Token = 0;
        self.each_token(&mut |token| {
            *token = *names[usize::from(*token)].get_or_insert_with(|| {
                next += 1;
                next - 1
            });
        });
    }
}
