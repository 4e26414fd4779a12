//! Explores a model: every state that can be reached, and for each promise the shortest way to break it.
//!
//! Invariant: one thread, breadth first, so that numbers and traces are the same in every run. Exploration continues
//! from a state in which a promise is broken, so that the set of broken promises is complete.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use stateright::{Checker, Model, Property};

/// The promises of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Promise {
    /// A (P1): a read that starts after a write was acknowledged does not answer an older value.
    AcknowledgedIsSeen,
    /// A writer whose write is pending, or whose process has L1, reads its own write in its process.
    OwnWriteIsSeen,
    /// B: with L1, a read that starts when no push is outstanding sees the last invalidation.
    HeardIsSeen,
    /// B: no L1 entry that counts is older than the last invalidation once the push of that was delivered.
    L1IsCurrent,
    /// B: no L1 entry that counts is further behind the last acknowledged change than the bound.
    L1IsWithinBound,
    /// INV-L2: no value in Redis is older than the last invalidation.
    L2IsCurrent,
    /// C (P4): for every stale value in Redis there is a pending obligation that will remove it.
    StaleIsCovered,
    /// D (P5): one load for each key and invalidation.
    OneLoad,
    /// A cleared value does not come back.
    ClearedIsGone,
    /// A warm-up makes no reader wait.
    WarmUpDelaysNobody,
}

impl Promise {
    /// The bit of this promise.
    fn bit(self) -> u16 {
        1 << self as u16
    }

    fn property<W: World>(self) -> Property<Explored<W>> {
        let condition: fn(&Explored<W>, &W::State) -> bool = match self {
            Self::AcknowledgedIsSeen => |it, state| it.keeps(Self::AcknowledgedIsSeen, state),
            Self::OwnWriteIsSeen => |it, state| it.keeps(Self::OwnWriteIsSeen, state),
            Self::HeardIsSeen => |it, state| it.keeps(Self::HeardIsSeen, state),
            Self::L1IsCurrent => |it, state| it.keeps(Self::L1IsCurrent, state),
            Self::L1IsWithinBound => |it, state| it.keeps(Self::L1IsWithinBound, state),
            Self::L2IsCurrent => |it, state| it.keeps(Self::L2IsCurrent, state),
            Self::StaleIsCovered => |it, state| it.keeps(Self::StaleIsCovered, state),
            Self::OneLoad => |it, state| it.keeps(Self::OneLoad, state),
            Self::ClearedIsGone => |it, state| it.keeps(Self::ClearedIsGone, state),
            Self::WarmUpDelaysNobody => |it, state| it.keeps(Self::WarmUpDelaysNobody, state),
        };
        Property::always(self.name(), condition)
    }

    /// The name in tables and traces.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AcknowledgedIsSeen => "acknowledged is seen",
            Self::OwnWriteIsSeen => "own write is seen",
            Self::HeardIsSeen => "heard is seen",
            Self::L1IsCurrent => "L1 is current",
            Self::L1IsWithinBound => "L1 is within the bound",
            Self::L2IsCurrent => "L2 is current",
            Self::StaleIsCovered => "stale is covered",
            Self::OneLoad => "one load",
            Self::ClearedIsGone => "cleared is gone",
            Self::WarmUpDelaysNobody => "warm-up delays nobody",
        }
    }
}

/// A model: which steps are possible in which state.
pub(crate) trait World: Send + Sync + 'static {
    type State: Clone + Debug + Hash + PartialEq + Send + Sync;
    type Step: Copy + Debug + PartialEq;

    fn promises(&self) -> &'static [Promise];
    fn beginning(&self) -> Self::State;
    /// Lists every step that can happen next.
    fn steps(&self, state: &Self::State, steps: &mut Vec<Self::Step>);
    fn after(&self, state: &Self::State, step: Self::Step) -> Self::State;
    fn breaks(&self, state: &Self::State, promise: Promise) -> bool;
    /// Makes states equal that differ only by an exchange of twins, such as two readers of one process.
    fn merge_twins(&self, _: &mut Self::State) {}
    /// A short description of the state, for traces.
    fn sketch(&self, state: &Self::State) -> String;
}

/// The result of exploring a model.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The promises that can be broken, each with the steps of the shortest way.
    pub broken: BTreeMap<Promise, Vec<String>>,
    /// Number of distinct states.
    pub states: usize,
    /// Duration of the exploration.
    pub elapsed: Duration,
}

/// Whether twins are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twins {
    /// Yes, for fewer states.
    Merged,
    /// No, for traces that people can follow.
    Apart,
}

/// Explores everything, or stops when every promise is broken.
pub(crate) fn explore<W: World>(world: W, twins: Twins) -> Verdict {
    let started = Instant::now();
    let explored = Explored { world, twins, broken: AtomicU16::new(0) };
    let checker = explored.checker().threads(1).spawn_bfs().join();
    let Explored { world, .. } = checker.model();
    let mut ways = checker.discoveries();
    let shortest = |promise: &Promise| {
        let way = ways.remove(promise.name())?.into_vec();
        let lines = way.windows(2).filter_map(|pair| {
            let step = pair[0].1.as_ref()?;
            Some(format!("{:<40} {}", format!("{step:?}"), world.sketch(&pair[1].0)))
        });
        Some((*promise, lines.collect()))
    };
    Verdict {
        broken: world.promises().iter().filter_map(shortest).collect(),
        states: checker.unique_state_count(),
        elapsed: started.elapsed(),
    }
}

/// A world in the form that the checker needs. Without `broken`, the checker would remember the last way to break a
/// promise, not the shortest.
struct Explored<W> {
    world: W,
    twins: Twins,
    broken: AtomicU16,
}

impl<W: World> Explored<W> {
    fn keeps(&self, promise: Promise, state: &W::State) -> bool {
        let known = self.broken.load(Ordering::Relaxed) & promise.bit() != 0;
        if known || !self.world.breaks(state, promise) {
            return true;
        }
        self.broken.fetch_or(promise.bit(), Ordering::Relaxed);
        false
    }
}

impl<W: World> Model for Explored<W> {
    type State = W::State;
    type Action = W::Step;

    fn init_states(&self) -> Vec<W::State> {
        vec![self.world.beginning()]
    }

    fn actions(&self, state: &W::State, actions: &mut Vec<W::Step>) {
        self.world.steps(state, actions);
    }

    fn next_state(&self, state: &W::State, step: W::Step) -> Option<W::State> {
        let mut next = self.world.after(state, step);
        if self.twins == Twins::Merged {
            self.world.merge_twins(&mut next);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        self.world.promises().iter().map(|promise| promise.property()).collect()
    }
}
