//! RELEASE: gives a lease back, with the same effect as the end of the lease.
//!
//! Invariant (`protocol.md`, "Commands"): only the lease with the token of the caller is removed, and never a value.
//! Its script names the lease alone, so it also runs while the slot of the key migrates.
//!
//! Used for abandoned leases, and for leases under which nothing will be filled.

use std::sync::{Arc, LazyLock};

use futures_util::{StreamExt, stream};
use redis::{Cmd, RedisResult, Value};

use super::lease::Lease;
use super::script::{By, Script, call_on};
use crate::connection::error::L2Error;
use crate::connection::link::{Link, Terms, Wire};
use crate::connection::redirect::is_elsewhere;
use crate::connection::shards::{Gathered, Shards};
use crate::declaration::key::lease_of;
use crate::mutation;

/// Number of leases given back at a time while their slots migrate.
const ON_THE_MOVE_AT_ONCE: usize = 16;

/// `KEYS` lease; `ARGV` token. Removes the lease if it still holds this token.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    let text = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";
    let check = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end";
    Script::new(mutation::script("release-checks-token", text, check))
});

/// Gives back leases that will not be used, in one pipeline for each shard. Answers the first error; the leases that it
/// concerns are left to expire.
pub(crate) async fn release(shards: &Shards, leases: &[Lease]) -> Option<L2Error> {
    let terms = Terms::tell(shards.command_limit());
    let give_back = move |link: Arc<Link>, places: Vec<usize>| async move {
        let commands: Vec<Cmd> = places.into_iter().map(|place| release_command(&leases[place])).collect();
        let commands = commands.as_slice();
        link.run(terms, |mut wire: Wire| async move { wire.query_each(commands.iter().cloned()).await }).await
    };
    let keys: Vec<String> = leases.iter().map(|lease| lease.key.clone()).collect();
    let Gathered { answers, error }: Gathered<RedisResult<Value>> = shards.gather(&keys, give_back).await;
    let failed = (0..).zip(answers).filter_map(|(place, answer)| Some((place, answer?.err()?)));
    let (moved, refused): (Vec<(usize, _)>, Vec<_>) = failed.partition(|(_, failed)| is_elsewhere(failed));
    let refused = refused.into_iter().next().map(|(_, refused)| refused.into());
    let follow = |(place, _)| async move {
        let lease: &Lease = &leases[place];
        let give_back = |mut wire: Wire| async move { wire.query::<Value>(&release_command(lease)).await };
        shards.one(&lease.key, terms, give_back).await.err()
    };
    let followed: Vec<_> = stream::iter(moved).map(follow).buffer_unordered(ON_THE_MOVE_AT_ONCE).collect().await;
    error.or(refused).or_else(|| followed.into_iter().flatten().next())
}

/// Rare and short, so it is always sent by its text, and no command behind it waits for an answer.
pub(super) fn release_command(lease: &Lease) -> Cmd {
    let mut command = call_on(&RELEASE, By::Text, &[&lease_of(&lease.key)]);
    command.arg(&lease.token.0);
    command
}
