//! The redirections of a cluster node for a key that it does not serve.
//!
//! Used by `shards`, and by the commands that treat a moved key as absent.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The node to which the command is to be sent instead.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Redirect<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// Whether the redirection holds for this command only, which is then preceded by `ASKING`: the slot migrates
    /// there.
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

/// Whether a node says that the key is on another node, migrates, or is only half there. It executed nothing.
pub(crate) fn is_elsewhere(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::TryAgain))
}
