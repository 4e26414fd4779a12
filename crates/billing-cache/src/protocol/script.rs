//! Runs scripts: by their hash, and by their text if the server does not know the hash.
//!
//! An unknown script (NOSCRIPT) is sent with its text, which makes it known. So no right to SCRIPT is needed.
//!
//! Used by ACQUIRE, FILL and RELEASE.

use std::future::Future;

use redis::{Cmd, Pipeline, RedisResult};

use crate::connection::error::is_no_script;
use crate::connection::link::Wire;
use crate::declaration::key::lease_of;

/// A script and its hash.
pub(super) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }
}

/// How a command names the script.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// By its hash; the server may know it.
    Hash,
    /// By its text, which makes it known.
    Text,
}

impl By {
    /// The first call of a pipeline this way, which makes the script known, and the others by the hash.
    pub(super) fn first(self) -> impl Iterator<Item = Self> {
        std::iter::once(self).chain(std::iter::repeat(Self::Hash))
    }
}

/// Calls a script, and calls it again with its text if the server does not know it. Tokens are made inside the
/// operation, so that the second send carries a fresh one.
pub(super) async fn known_or_told<T, F>(wire: Wire, operation: impl Fn(Wire, By) -> F) -> RedisResult<T>
where
    F: Future<Output = RedisResult<T>>,
{
    match operation(wire.clone(), By::Hash).await {
        Err(error) if is_no_script(&error) => operation(wire, By::Text).await,
        other => other,
    }
}

/// The same for a pipeline of `calls` calls, given by their indexes, each with a separate answer. Only calls whose
/// script was unknown are sent again, because another client may have made it known in between.
pub(super) async fn each_known_or_told<T, F>(
    wire: Wire,
    calls: usize,
    operation: impl Fn(Wire, By, Vec<usize>) -> F,
) -> RedisResult<Vec<RedisResult<T>>>
where
    F: Future<Output = RedisResult<Vec<RedisResult<T>>>>,
{
    let mut answers = operation(wire.clone(), By::Hash, (0..calls).collect()).await?;
    let is_unknown = |answer: &RedisResult<T>| answer.as_ref().is_err_and(is_no_script);
    let unknown: Vec<usize> = (0..).zip(&answers).filter(|(_, answer)| is_unknown(answer)).map(|(at, _)| at).collect();
    if unknown.is_empty() {
        return Ok(answers);
    }
    for (place, answer) in unknown.iter().zip(operation(wire, By::Text, unknown.clone()).await?) {
        answers[*place] = answer;
    }
    Ok(answers)
}

/// Calls a script on a key and its lease.
pub(super) fn call(script: &Script, by: By, key: &str) -> Cmd {
    call_on(script, by, &[key, &lease_of(key)])
}

/// Calls a script on these names, which belong to one slot.
pub(super) fn call_on(script: &Script, by: By, names: &[&str]) -> Cmd {
    let (name, named) = match by {
        By::Hash => ("EVALSHA", script.hash.as_str()),
        By::Text => ("EVAL", script.text),
    };
    let mut command = redis::cmd(name);
    command.arg(named).arg(names.len()).arg(names);
    command
}

/// A pipeline of these commands.
pub(super) fn pipeline_of(commands: impl Iterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}
