//! RELEASE: gives a lease back, with the same effect as the end of the lease.
//!
//! Used for abandoned leases and refreshes that fail.

use std::sync::LazyLock;

use redis::Cmd;

use super::lease::Token;
use super::script::{By, Script, call};
use crate::connection::error::L2Error;
use crate::connection::link::{Terms, Wire};
use crate::connection::shards::Shards;

/// `KEYS` value, lease; `ARGV` token. Removes the lease if it still holds this token.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[2])",
    )
});

/// Gives back a lease that will not be used.
pub(crate) async fn release(shards: &Shards, key: &str, token: &Token) -> Result<(), L2Error> {
    let release = |mut wire: Wire| async move { wire.query(&release_command(key, token)).await };
    shards.one(key, Terms::tell(shards.command_limit()), release).await
}

/// Rare and short, so it is always sent by its text, and no command behind it waits for an answer.
pub(super) fn release_command(key: &str, token: &Token) -> Cmd {
    let mut command = call(&RELEASE, By::Text, key);
    command.arg(&token.0);
    command
}
