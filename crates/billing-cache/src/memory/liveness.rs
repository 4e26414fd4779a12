//! Liveness: until when the invalidation messages received so far can be relied on.
//!
//! For one tracking connection this is the send time of the newest heartbeat that is proven, plus the bound. Redis
//! sends the messages of a cycle of its event loop prefix by prefix, so an echo may arrive before a change of its own
//! cycle. It proves only the heartbeats of earlier echoes: it comes from a later cycle, so all messages up to them
//! have arrived.
//!
//! There is one tracking connection for each primary. In a cluster the newest refresh that found the slot map
//! unchanged counts as one more. The earliest of all these times counts.
//!
//! Used by `guard`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::epoch::Stamps;
use crate::clock::Moment;
use crate::connection::link::LinkId;
use crate::mutation::keeps;

/// The liveness; see the module.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    until_monotonic_ms: AtomicU64,
    until_wall_ms: AtomicU64,
    ears: Mutex<Vec<Ear>>,
}

/// One tracking connection.
#[derive(Debug)]
struct Ear {
    link: LinkId,
    /// The send time of the newest heartbeat whose echo has arrived; the next echo proves it.
    echoed: Moment,
    until: Moment,
}

impl Liveness {
    #[inline]
    pub(crate) fn is_live(&self, now: Moment) -> bool {
        now.is_before(self.until())
    }

    /// From now on the messages of these primaries are needed; none have been received yet.
    pub(crate) fn expect(&self, links: Vec<LinkId>) {
        let mut ears = self.lock();
        *ears = links.into_iter().map(Ear::silent).collect();
        self.store(Moment::default());
    }

    /// A message of this primary has the echo of a heartbeat that was sent at this moment, and of none that was sent
    /// later.
    pub(crate) fn echoed(&self, link: LinkId, sent: Moment, bound_ms: u64, stamps: &Stamps) {
        let earlier = self.lock().iter_mut().find(|ear| ear.link == link).map(|ear| {
            // A heartbeat that was sent first may come back last.
            let newest = ear.echoed.max(sent);
            std::mem::replace(&mut ear.echoed, newest)
        });
        if let Some(proven) = earlier {
            self.heard(link, proven, bound_ms, stamps);
        }
    }

    /// All messages that this primary sent up to this moment have arrived. If L1 was not live, messages were missed:
    /// then every epoch advances before anything counts again.
    pub(crate) fn heard(&self, link: LinkId, moment: Moment, bound_ms: u64, stamps: &Stamps) {
        let until = moment.at_most_after_ms(bound_ms);
        let now = Moment::now();
        if !now.is_before(until) {
            return;
        }
        let mut ears = self.lock();
        let Some(ear) = ears.iter_mut().find(|ear| ear.link == link) else { return };
        ear.until = ear.until.max(until);
        let Some(worst) = ears.iter().map(|ear| ear.until).reduce(Moment::earlier) else { return };
        if !now.is_before(worst) {
            return;
        }
        if !self.is_live(now) && keeps("bump-on-resubscription") {
            stamps.bump_all();
        }
        self.store(worst);
    }

    /// Messages of this primary are no longer received.
    pub(crate) fn end(&self, link: LinkId) {
        let mut ears = self.lock();
        if let Some(ear) = ears.iter_mut().find(|ear| ear.link == link) {
            *ear = Ear::silent(link);
            self.store(Moment::default());
        }
    }

    /// Whether the messages of this primary alone can be relied on.
    pub(crate) fn is_heard(&self, link: LinkId, now: Moment) -> bool {
        self.lock().iter().any(|ear| ear.link == link && now.is_before(ear.until))
    }

    /// Both clocks must agree, so between the two stores L1 is never live longer than before or after both.
    fn store(&self, until: Moment) {
        self.until_wall_ms.store(until.wall_ms, Ordering::SeqCst);
        self.until_monotonic_ms.store(until.monotonic_ms, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Ear>> {
        self.ears.lock().expect("no panic while the ears are locked")
    }

    #[inline]
    fn until(&self) -> Moment {
        Moment {
            monotonic_ms: self.until_monotonic_ms.load(Ordering::SeqCst),
            wall_ms: self.until_wall_ms.load(Ordering::SeqCst),
        }
    }
}

impl Ear {
    /// Nothing has been received.
    fn silent(link: LinkId) -> Self {
        Self { link, echoed: Moment::default(), until: Moment::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: LinkId = LinkId::of_test(1);
    const OTHER: LinkId = LinkId::of_test(2);

    fn of(links: &[LinkId]) -> Liveness {
        let liveness = Liveness::default();
        liveness.expect(links.to_vec());
        liveness
    }

    fn after_ms(moment: Moment, millis: u64) -> Moment {
        Moment { monotonic_ms: moment.monotonic_ms + millis, wall_ms: moment.wall_ms + millis }
    }

    #[test]
    fn a_heartbeat_makes_live_for_its_bound_and_silence_ends_it() {
        let (liveness, stamps) = (of(&[ONE]), Stamps::new());
        let sent = Moment::now();
        assert!(!liveness.is_live(sent));
        liveness.heard(ONE, sent, 60_000, &stamps);
        assert!(liveness.is_live(after_ms(sent, 59_000)));
        assert!(!liveness.is_live(after_ms(sent, 59_990)), "a tick earlier, because the clock may be a tick late");
        liveness.end(ONE);
        assert!(!liveness.is_live(sent));
    }

    #[test]
    fn either_clock_can_end_it() {
        let (liveness, stamps) = (of(&[ONE]), Stamps::new());
        let sent = Moment::now();
        liveness.heard(ONE, sent, 60_000, &stamps);
        let suspended = Moment { wall_ms: sent.wall_ms + 60_000, ..sent };
        assert!(!liveness.is_live(suspended));
        let set_back = Moment { monotonic_ms: sent.monotonic_ms + 60_000, ..sent };
        assert!(!liveness.is_live(set_back));
    }

    #[test]
    fn becoming_live_again_makes_everything_heard_before_dead() {
        let (liveness, stamps) = (of(&[ONE]), Stamps::new());
        liveness.heard(ONE, Moment::now(), 60_000, &stamps);
        let before = stamps.current("tax_rate:GB:default");
        liveness.heard(ONE, Moment::now(), 60_000, &stamps);
        assert!(stamps.is_current(before), "a heartbeat while live moves nothing");
        liveness.end(ONE);
        liveness.heard(ONE, Moment::now(), 60_000, &stamps);
        assert!(!stamps.is_current(before));
    }

    #[test]
    fn of_several_primaries_each_has_to_be_heard_and_so_has_a_new_one() {
        let (liveness, stamps) = (of(&[ONE, OTHER]), Stamps::new());
        let now = Moment::now();
        liveness.heard(ONE, now, 60_000, &stamps);
        assert!(!liveness.is_live(now));
        assert!(liveness.is_heard(ONE, now) && !liveness.is_heard(OTHER, now));
        liveness.heard(OTHER, now, 30_000, &stamps);
        assert!(liveness.is_live(after_ms(now, 29_000)) && !liveness.is_live(after_ms(now, 31_000)));
        let before = stamps.current("tax_rate:GB:default");
        liveness.end(ONE);
        assert!(!liveness.is_live(now));
        liveness.heard(ONE, now, 60_000, &stamps);
        assert!(liveness.is_live(now) && !stamps.is_current(before));
        liveness.expect(vec![OTHER]);
        assert!(!liveness.is_live(now));
        liveness.heard(ONE, now, 60_000, &stamps);
        assert!(!liveness.is_live(now), "one that is none any more");
    }

    #[test]
    fn an_echo_proves_the_heartbeats_of_earlier_echoes() {
        let (liveness, stamps) = (of(&[ONE]), Stamps::new());
        let sent = Moment::now();
        let echoed = |sent| liveness.echoed(ONE, sent, 60_000, &stamps);
        echoed(sent);
        assert!(!liveness.is_live(sent), "a change of the same cycle may still be on the way");
        echoed(after_ms(sent, 5_000));
        assert!(liveness.is_live(after_ms(sent, 59_000)) && !liveness.is_live(after_ms(sent, 60_000)));
        echoed(after_ms(sent, 1_000));
        assert!(liveness.is_live(after_ms(sent, 64_000)) && !liveness.is_live(after_ms(sent, 65_000)));
        echoed(after_ms(sent, 1_000));
        assert!(!liveness.is_live(after_ms(sent, 65_000)), "a heartbeat that was sent first came back last");
    }

    #[test]
    fn an_echo_on_a_lost_connection_is_proven_by_none_on_the_next() {
        let (liveness, stamps) = (of(&[ONE, OTHER]), Stamps::new());
        let sent = Moment::now();
        liveness.heard(OTHER, sent, 60_000, &stamps);
        let echoed = || liveness.echoed(ONE, sent, 60_000, &stamps);
        echoed();
        liveness.end(ONE);
        echoed();
        assert!(!liveness.is_live(sent));
        echoed();
        assert!(liveness.is_live(sent));
    }

    #[test]
    fn a_heartbeat_that_comes_back_too_late_is_none() {
        let (liveness, stamps) = (of(&[ONE]), Stamps::new());
        liveness.heard(ONE, Moment::default(), 1_000, &stamps);
        assert!(!liveness.is_live(Moment::now()));
    }
}
