//! Leases: the modes in which one is asked for, the token of its holder, and a lease that was granted.
//!
//! Used by ACQUIRE, FILL and RELEASE and their callers.

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
        let mark = if matches!(mode, Mode::Warm | Mode::Renew) { 'w' } else { 'r' };
        Self(format!("{mark}{:032x}", rand::random::<u128>()))
    }
}

/// A lease that was asked for under this token.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) key: String,
    pub(crate) token: Token,
}
