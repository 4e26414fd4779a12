//! The connections between the services and Redis: slow, cut, broken.

use std::time::Duration;

use super::scene::{Scene, done};
use super::{Fault, PLAIN};
use test_support::Wire;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "slow-30ms",
        about: "every answer of Redis is 30 ms late, less than a command may take",
        inflict: |scene| everywhere(scene, Wire::DelayReplies(Duration::from_millis(30)), 1_500),
        ..PLAIN
    },
    Fault {
        name: "slow-200ms",
        about: "every answer of Redis is 200 ms late, longer than a command may take",
        inflict: |scene| everywhere(scene, Wire::DelayReplies(Duration::from_millis(200)), 1_500),
        ..PLAIN
    },
    Fault {
        name: "one-slow",
        about: "the answers of Redis to one service are late, now more and now less than it waits",
        inflict: |scene| {
            let place = scene.any_place();
            scene.meanwhile(1_800, |scene| {
                let delay = Duration::from_millis(scene.below(120));
                scene.fleet.wire(place).set(Wire::DelayReplies(delay));
                scene.hold(150);
            });
            scene.fleet.wire(place).set(Wire::Pass);
        },
        ..PLAIN
    },
    Fault {
        name: "one-cut-off",
        about: "one service and Redis hear nothing of each other; what was sent arrives later",
        inflict: |scene| {
            let place = scene.any_place();
            scene.fleet.wire(place).set(Wire::Stall);
            scene.hold(1_000);
            scene.give_credit_quietly(place);
            scene.hold(500);
            scene.fleet.wire(place).set(Wire::Pass);
        },
        ..PLAIN
    },
    Fault {
        name: "one-refused",
        about: "one service loses its connections to Redis and gets no new ones",
        inflict: |scene| {
            let wire = scene.any_place();
            let wire = scene.fleet.wire(wire);
            wire.set(Wire::Refuse);
            wire.reset();
            scene.hold(1_200);
            wire.set(Wire::Pass);
        },
        ..PLAIN
    },
    Fault {
        name: "resets",
        about: "all connections to Redis break again and again",
        inflict: |scene| {
            scene.meanwhile(1_500, |scene| {
                let place = scene.any_place();
                scene.fleet.wire(place).reset();
                scene.hold(60);
            });
        },
        ..PLAIN
    },
    Fault {
        name: "tracking-killed",
        about: "Redis closes the connections on which it announces changes, again and again",
        inflict: |scene| scene.meanwhile(1_500, kill_tracking),
        ..PLAIN
    },
    Fault {
        name: "tracking-stalled",
        about: "the announcements of Redis do not arrive, and all else does",
        inflict: |scene| everywhere(scene, Wire::StallTracking, 2_000),
        ..PLAIN
    },
];

fn everywhere(scene: &mut Scene<'_>, wire: Wire, millis: u64) {
    scene.fleet.wires().for_each(|way| way.set(wire));
    scene.hold(millis);
    scene.fleet.wires().for_each(|way| way.set(Wire::Pass));
}

fn kill_tracking(scene: &mut Scene<'_>) {
    let clients: String = done(scene.redis().command(&["CLIENT", "LIST"]));
    for client in clients.lines() {
        let field = |name: &str| client.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        if field("flags").is_some_and(|flags| flags.contains('t'))
            && let Some(id) = field("id")
        {
            // The connection may have been closed meanwhile.
            let _ = scene.redis().command::<u8>(&["CLIENT", "KILL", "ID", id]);
        }
    }
    scene.hold(200);
}
