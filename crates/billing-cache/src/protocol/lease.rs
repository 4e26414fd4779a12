//! Leases: the modes in which one is asked for, the token of its holder, and a lease that was granted.
//!
//! Used by ACQUIRE, FILL and RELEASE and their callers.

use crate::mutation::keeps;

/// The mode in which a lease is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A reader: an existing value is the answer, and the lease of a warm-up may be taken over.
    Read,
    /// A warm-up: an existing value is left alone, and readers may take the lease over.
    Warm,
    /// A replacement of the existing value, such as one that does not decode.
    Refresh,
    /// A warm-up that replaces the existing value. Readers may take the lease over once the value is gone.
    Renew,
}

impl Mode {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Warm => "warm",
            Self::Refresh | Self::Renew => "refresh",
        }
    }
}

/// The right to fill one key: the text by which the lease identifies its holder. Unique for every send.
#[derive(Clone, Debug)]
pub(crate) struct Token(pub(super) String);

impl Token {
    pub(super) fn fresh(mode: Mode) -> Self {
        let (mark, is_new) = match mode {
            Mode::Warm | Mode::Renew => ('w', keeps("fresh-token-per-batch")),
            Mode::Read | Mode::Refresh => ('r', keeps("fresh-token-per-send")),
        };
        let number = if is_new { rand::random::<u128>() } else { 0 };
        Self(format!("{mark}{number:032x}"))
    }
}

/// A lease that was asked for under this token.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) key: String,
    pub(crate) token: Token,
}
