//! How scripts are run: by their hash, and by their text where the server does not know that.
//!
//! A script that is not known (NOSCRIPT) is sent with its text, by which it becomes known, so no right to SCRIPT is
//! needed.

use std::future::Future;

use redis::{Cmd, Pipeline, RedisResult};

use crate::connection::error::is_no_script;
use crate::connection::link::Wire;
use crate::declaration::key::lease_of;

/// What the server runs.
pub(super) struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }
}

/// How a script is named to the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// By its hash, in the hope that the server knows it.
    Hash,
    /// By its text, which makes it known.
    Text,
}

impl By {
    /// The first call of a pipeline so, which is enough, and the others by the hash.
    pub(super) fn first(self) -> impl Iterator<Item = Self> {
        std::iter::once(self).chain(std::iter::repeat(Self::Hash))
    }
}

/// Calls a script; if the server does not know it, once more with its text. Tokens are made inside the operation, so
/// that the second send carries a fresh one.
pub(super) async fn known_or_told<T, F>(wire: Wire, operation: impl Fn(Wire, By) -> F) -> RedisResult<T>
where
    F: Future<Output = RedisResult<T>>,
{
    match operation(wire.clone(), By::Hash).await {
        Err(error) if is_no_script(&error) => operation(wire, By::Text).await,
        other => other,
    }
}

/// The same of a pipeline of so many calls, by their places, each with an answer of its own. Only those are sent once
/// more that the server did not know the script of: another client may have made it known in between.
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
    let (name, named) = match by {
        By::Hash => ("EVALSHA", script.hash.as_str()),
        By::Text => ("EVAL", script.text),
    };
    let mut command = redis::cmd(name);
    command.arg(named).arg(2).arg(key).arg(lease_of(key));
    command
}

/// One command after the other.
pub(super) fn pipeline_of(commands: impl Iterator<Item = Cmd>) -> Pipeline {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline
}
