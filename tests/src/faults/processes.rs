//! The services: killed at a critical point, killed at any time, frozen.

use super::scene::Scene;
use super::{Fault, outside};

const FAILPOINT: &str = "BILLING_FAILPOINT";

/// Requests to a dead or frozen service get no answer.
const PLAIN: Fault = Fault { may_fail: true, ..super::PLAIN };

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "crash-after-commit",
        about: "a service dies after a commit, before Redis is told, and the relay leaves the writer much time to do it",
        settings: &[("BILLING__RELAY__GRACE_MS", "300")],
        inflict: |scene| crash(scene, "after_commit", write_quietly),
        ..PLAIN
    },
    Fault {
        name: "crash-after-invalidation",
        about: "a service dies after Redis was told, before it answers and marks",
        inflict: |scene| crash(scene, "after_invalidation", write_quietly),
        ..PLAIN
    },
    Fault {
        name: "crash-before-mark",
        about: "a service dies in its relay, after Redis was told and before that is marked",
        inflict: |scene| crash(scene, "relay_before_mark", |scene, _| outside::import(scene)),
        ..PLAIN
    },
    Fault {
        name: "killed",
        about: "one service after another is killed at any moment and started again",
        inflict: |scene| {
            for _ in 0..3 {
                let place = scene.any_place();
                scene.fleet.kill(place);
                scene.hold(200);
                scene.fleet.restart(place, &[]);
                scene.hold(300);
            }
        },
        ..PLAIN
    },
    Fault {
        name: "frozen",
        about: "one service after another is frozen for longer than a lease lives",
        settings: &[("BILLING__CACHE__LOAD_DEADLINE_MS", "300"), ("BILLING__CACHE__LEASE_TTL_MS", "350")],
        inflict: |scene| {
            for _ in 0..3 {
                let place = scene.any_place();
                scene.fleet.pause(place);
                scene.hold(700);
                scene.fleet.resume(place);
                scene.hold(200);
            }
        },
        ..PLAIN
    },
];

/// No client writes there later, so only the relay can repair the result of the crash.
fn write_quietly(scene: &mut Scene<'_>, place: usize) {
    scene.give_credit_quietly(place);
}

/// Two services, one after the other, die at a named failpoint while `provoke` runs, and are started again.
fn crash(scene: &mut Scene<'_>, point: &str, provoke: fn(&mut Scene<'_>, usize)) {
    for _ in 0..2 {
        crash_one(scene, point, provoke);
    }
}

fn crash_one(scene: &mut Scene<'_>, point: &str, provoke: fn(&mut Scene<'_>, usize)) {
    let place = scene.any_place();
    scene.fleet.restart(place, &[(FAILPOINT, point)]);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !scene.fleet.has_died(place) {
        assert!(std::time::Instant::now() < end, "nobody came by {point}: build with billing-core/failpoints");
        provoke(scene, place);
        scene.hold(10);
    }
    scene.hold(300);
    scene.fleet.restart(place, &[]);
}
