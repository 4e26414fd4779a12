//! What a node of a cluster says about a key that it does not serve.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Where to send the command instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Redirect<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// Only this time, announced by `ASKING`: the slot is on its way there.
    pub(crate) is_ask: bool,
}

impl<'a> Redirect<'a> {
    pub(crate) fn of(error: &'a RedisError) -> Option<Self> {
        let is_ask = error.kind() == ErrorKind::Server(ServerErrorKind::Ask);
        let (address, _slot) = error.redirect_node()?;
        let (host, port) = address.rsplit_once(':')?;
        Some(Self { host, port: port.parse().ok()?, is_ask })
    }
}

/// Whether a node says that a key is elsewhere, on its way, or half there: it did nothing.
pub(crate) fn is_elsewhere(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::TryAgain))
}
