//! The task of a link that sends the groups of reads.
//!
//! Invariant: a group is sent on the connection that its callers were admitted to, or not at all.
//!
//! `link` starts it.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use redis::RedisResult;
use tokio::sync::oneshot;

use super::gathering::{Answers, OnItsWay, Waiting, send_together};
use super::state::Shared;

/// Runs while groups can be sent. When it is dropped, also by the end of the runtime, those that wait learn that they
/// were not sent, and later ones do not gather.
pub(super) struct Gatherer(Arc<Shared>);

impl Gatherer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        shared.gathering.open();
        Self(shared)
    }

    /// Sends groups until its link is dropped.
    pub(super) async fn send_groups(self) {
        let (shared, gathering) = (&*self.0, &self.0.gathering);
        let mut on_their_way = FuturesUnordered::new();
        loop {
            while let Some((group, on_its_way)) = gathering.take_due() {
                on_their_way.push(send_group(shared, group, on_its_way));
            }
            tokio::select! {
                Some(()) = on_their_way.next() => {}
                () = gathering.may_be_due() => {}
            }
        }
    }
}

impl Drop for Gatherer {
    fn drop(&mut self) {
        self.0.gathering.close();
    }
}

/// Sends the commands of those callers that still wait. What the callers were admitted to is checked again here: it may
/// have changed while they gathered.
async fn send_group(shared: &Shared, group: Vec<Waiting>, on_its_way: OnItsWay<'_>) {
    let Some(live) = shared.live.load_full().filter(|live| shared.may_send(live)) else { return };
    let still_waits = |it: &Waiting| it.connection == live.number && !it.answer.is_closed();
    let waiting = group.into_iter().filter(still_waits);
    let (commands, callers): (Vec<_>, Vec<_>) = waiting.map(|it| (it.commands, it.answer)).unzip();
    if callers.is_empty() {
        return;
    }
    let sent = send_together(commands, live.wire.connection.clone());
    let answered = tokio::time::timeout(shared.settings.command_timeout(), sent).await;
    drop(on_its_way);
    match answered {
        // A caller that has left meanwhile takes no answer.
        Ok(Ok(answers)) => callers.into_iter().zip(answers).for_each(|(caller, answer)| drop(caller.send(answer))),
        Ok(Err(error)) => callers.into_iter().for_each(|caller| drop(caller.send(Err(error.clone())))),
        Err(_) => left_by_all(callers).await,
    }
}

/// Waits until each caller has left at the end of its own limit, which makes it judge that Redis was too slow.
async fn left_by_all(callers: Vec<oneshot::Sender<RedisResult<Answers>>>) {
    for mut caller in callers {
        caller.closed().await;
    }
}
