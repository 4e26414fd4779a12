//! Leases: on what terms one is asked for, and the token of whoever holds it.

/// On what terms a lease is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A reader: an existing value is the answer, and the lease of a warm-up may be taken over.
    Read,
    /// A warm-up: an existing value is left alone, and readers may take the lease over.
    Warm,
    /// Replace what is there, such as a value that does not decode.
    Refresh,
    /// A warm-up that replaces what is there; readers may take the lease over once the value is gone.
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

/// The right to fill one key, as the lease names its holder. Unique for every send.
#[derive(Clone, Debug)]
pub(crate) struct Token(pub(super) String);

impl Token {
    pub(super) fn fresh(mode: Mode) -> Self {
        let mark = if matches!(mode, Mode::Warm | Mode::Renew) { 'w' } else { 'r' };
        Self(format!("{mark}{:032x}", rand::random::<u128>()))
    }
}
