//! Reads that wait travel together: while one is on its way, others gather, and go as one pipeline.
//!
//! Invariants: each caller has commands of its own, which are in a group before the group is sent. So no caller gets an
//! answer to a command that was sent before it asked (`protocol.md`, "Reading"). A task of the link sends the groups,
//! never a caller, so a caller that is dropped takes no answer of another with it. No read waits for another longer
//! than [`LONGEST_WAIT`].
//!
//! `state` asks here for every read of one key; `groups` sends those that gathered.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures_util::future;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, Value};
use tokio::sync::{Notify, oneshot};

use super::ids::ConnectionNumber;

/// Callers in one group. A larger one would save little, and keep the first answers back for longer.
const MOST_IN_GROUP: usize = 64;
/// The longest time for which a caller gathers, so that reads of a far server are not slower than without groups.
const LONGEST_WAIT: Duration = Duration::from_millis(1);

/// The commands of one read.
pub(crate) struct Commands {
    pub(crate) get: Cmd,
    /// Asks for the time to live, in the same group.
    pub(crate) pttl: Option<Cmd>,
}

/// The answers to the commands of one read.
pub(crate) struct Answers {
    pub(crate) value: Value,
    pub(crate) ttl: Option<Value>,
}

/// The read was not sent: its connection is no longer the one that reads may use.
pub(super) struct NotSent;

/// The reads of a link that are on their way, and those that gather.
#[derive(Default)]
pub(super) struct Gathering {
    state: Mutex<State>,
    /// Notified when a group may be due.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Whether the task runs. Without it nobody gathers.
    is_open: bool,
    /// Requests that were sent and not answered yet.
    on_their_way: usize,
    waiting: Vec<Waiting>,
    /// When the first of those that wait came.
    since: Option<Instant>,
}

/// A caller that gathers.
pub(super) struct Waiting {
    pub(super) commands: Commands,
    /// The connection to which the caller was admitted.
    pub(super) connection: ConnectionNumber,
    pub(super) answer: oneshot::Sender<RedisResult<Answers>>,
}

/// What a caller does.
enum Turn<'a> {
    SendNow(Commands, OnItsWay<'a>),
    Wait(oneshot::Receiver<RedisResult<Answers>>),
}

/// A request on its way, until it is answered or given up.
pub(super) struct OnItsWay<'a>(&'a Gathering);

impl Gathering {
    /// Sends the commands at once if no other read is on its way, or else with the next group. May be dropped at any
    /// await.
    pub(super) async fn ask(
        &self,
        number: ConnectionNumber,
        connection: &MultiplexedConnection,
        commands: Commands,
    ) -> Result<RedisResult<Answers>, NotSent> {
        match self.turn(number, commands) {
            Turn::SendNow(commands, _on_its_way) => Ok(commands.send(connection.clone()).await),
            Turn::Wait(answer) => answer.await.map_err(|_| NotSent),
        }
    }

    fn turn(&self, connection: ConnectionNumber, commands: Commands) -> Turn<'_> {
        let mut state = self.lock();
        if !state.is_open || (state.on_their_way == 0 && state.waiting.is_empty()) {
            state.on_their_way += 1;
            return Turn::SendNow(commands, OnItsWay(self));
        }
        let (answer, receiver) = oneshot::channel();
        state.waiting.push(Waiting { commands, connection, answer });
        let count = state.waiting.len();
        if count == 1 {
            state.since = Some(Instant::now());
        }
        drop(state);
        if count == 1 || count == MOST_IN_GROUP {
            self.changed.notify_one();
        }
        Turn::Wait(receiver)
    }

    /// The next group, if it is due.
    pub(super) fn take_due(&self) -> Option<(Vec<Waiting>, OnItsWay<'_>)> {
        let mut state = self.lock();
        let since = state.since?;
        let is_due = state.on_their_way == 0 || state.waiting.len() >= MOST_IN_GROUP || since.elapsed() >= LONGEST_WAIT;
        if !is_due {
            return None;
        }
        let count = state.waiting.len().min(MOST_IN_GROUP);
        let rest = state.waiting.split_off(count);
        let group = std::mem::replace(&mut state.waiting, rest);
        if state.waiting.is_empty() {
            state.since = None;
        }
        state.on_their_way += 1;
        Some((group, OnItsWay(self)))
    }

    /// Waits until a group may be due.
    pub(super) async fn may_be_due(&self) {
        let since = self.lock().since;
        let waited_long = async {
            match since {
                Some(since) => tokio::time::sleep_until((since + LONGEST_WAIT).into()).await,
                None => future::pending().await,
            }
        };
        tokio::select! {
            () = self.changed.notified() => {}
            () = waited_long => {}
        }
    }

    /// From now on somebody sends the groups.
    pub(super) fn open(&self) {
        self.lock().is_open = true;
    }

    /// Nobody sends groups any more: those that wait learn that they were not sent, and later ones go alone.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        (state.is_open, state.since) = (false, None);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        drop(waiting);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while reads gather")
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.on_their_way -= 1;
        let is_due = state.on_their_way == 0 && !state.waiting.is_empty();
        drop(state);
        if is_due {
            self.0.changed.notify_one();
        }
    }
}

impl Commands {
    /// Sends them alone.
    pub(crate) async fn send(self, mut connection: MultiplexedConnection) -> RedisResult<Answers> {
        if self.pttl.is_none() {
            return Ok(Answers { value: self.get.query_async(&mut connection).await?, ttl: None });
        }
        send_together(vec![self], connection).await?.pop().unwrap_or(Ok(Answers { value: Value::Nil, ttl: None }))
    }
}

/// Sends the commands of several callers at once. Each caller has an answer of its own: an error of one key does not
/// concern the others.
pub(super) async fn send_together(
    callers: Vec<Commands>,
    mut connection: MultiplexedConnection,
) -> RedisResult<Vec<RedisResult<Answers>>> {
    let mut pipeline = redis::pipe();
    let mut with_ttl = Vec::with_capacity(callers.len());
    for Commands { get, pttl } in callers {
        with_ttl.push(pttl.is_some());
        pipeline.add_command(get);
        if let Some(pttl) = pttl {
            pipeline.add_command(pttl);
        }
    }
    let mut values = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await?.into_iter();
    let mut next = || values.next().unwrap_or(Value::Nil).extract_error();
    let answers = with_ttl.into_iter().map(|with_ttl| {
        let (value, ttl) = (next(), with_ttl.then(&mut next));
        Ok(Answers { value: value?, ttl: ttl.transpose()? })
    });
    Ok(answers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Gathering {
        let gathering = Gathering::default();
        gathering.open();
        gathering
    }

    fn ask(gathering: &Gathering) -> Turn<'_> {
        gathering.turn(ConnectionNumber::next(), Commands { get: redis::cmd("GET"), pttl: None })
    }

    fn waits(turn: &Turn<'_>) -> bool {
        matches!(turn, Turn::Wait(_))
    }

    /// The size of the next group, which ends at once.
    fn next_group(gathering: &Gathering) -> Option<usize> {
        gathering.take_due().map(|(group, _on_its_way)| group.len())
    }

    #[test]
    fn who_comes_alone_goes_at_once_and_others_gather_until_that_read_is_answered() {
        let gathering = open();
        let first = ask(&gathering);
        let second = ask(&gathering);
        let third = ask(&gathering);
        assert_eq!([&first, &second, &third].map(waits), [false, true, true]);
        drop(first);
        assert_eq!(next_group(&gathering), Some(2));
        assert_eq!(next_group(&gathering), None);
        assert!(!waits(&ask(&gathering)));
    }

    #[test]
    fn who_comes_after_a_read_was_answered_does_not_overtake_those_that_gather() {
        let gathering = open();
        let first = ask(&gathering);
        let second = ask(&gathering);
        drop(first);
        assert!(waits(&second) && waits(&ask(&gathering)));
        assert_eq!(next_group(&gathering), Some(2));
    }

    #[test]
    fn a_full_group_goes_at_once_and_the_rest_gathers() {
        let gathering = open();
        let _first = ask(&gathering);
        let _others: Vec<_> = (0..=MOST_IN_GROUP).map(|_| ask(&gathering)).collect();
        assert_eq!(next_group(&gathering), Some(MOST_IN_GROUP));
        assert_eq!(gathering.lock().waiting.len(), 1);
    }

    #[test]
    fn a_group_that_has_waited_long_goes_although_the_read_before_it_is_not_answered() {
        let gathering = open();
        let _first = ask(&gathering);
        let _second = ask(&gathering);
        gathering.lock().since = Some(Instant::now() - LONGEST_WAIT);
        assert_eq!(next_group(&gathering), Some(1));
    }

    #[test]
    fn where_nobody_sends_groups_each_goes_alone_and_those_that_gathered_were_not_sent() {
        let gathering = open();
        let (_first, second) = (ask(&gathering), ask(&gathering));
        gathering.close();
        let Turn::Wait(mut answer) = second else { panic!("the second gathers") };
        assert!(answer.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
        assert!(!waits(&ask(&gathering)));
    }
}
