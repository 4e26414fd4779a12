//! A primary, its replica and their sentinels: failovers, with and without a death.
//!
//! A replica may lag behind what the primary acknowledged, so all of these forget. Until the old primary follows the
//! new one, or is left, there are two, and a service at one of them hears late of what was told to the other: so long
//! the fault goes on.

use std::thread;
use std::time::Duration;

use test_support::RedisServer;

use super::scene::{Scene, done};
use super::{Fault, PLAIN};

/// By then every service has left a primary that is deposed, however busy the machine is.
const LEFT_BY_ALL: Duration = Duration::from_secs(4);

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "sentinel-failover",
        about: "an operator lets the replica take over (SENTINEL FAILOVER)",
        forgets: true,
        inflict: |scene| {
            let (_, new) = done(scene.group().roles());
            scene.hold(300);
            fail_over_to(scene, new);
            done(scene.group().wait_until_whole());
        },
        ..PLAIN
    },
    Fault {
        name: "sentinel-failover-back",
        about: "the replica takes over, and soon after the old primary again",
        forgets: true,
        takes_long: true,
        inflict: |scene| {
            let (old, new) = done(scene.group().roles());
            for next in [new, old] {
                scene.hold(200);
                fail_over_to(scene, next);
                done(scene.group().wait_until_whole());
            }
        },
        ..PLAIN
    },
    Fault {
        name: "sentinel-primary-killed",
        about: "the primary is killed, the replica takes over, and the dead one comes back empty and follows it",
        forgets: true,
        inflict: |scene| {
            let (old, new) = done(scene.group().roles());
            scene.hold(300);
            done(old.kill());
            done(scene.group().wait_until_primary(new));
            done(old.restart());
            follow(old, new);
            done(scene.group().wait_until_whole());
        },
        ..PLAIN
    },
    Fault {
        name: "sentinel-primary-hangs",
        about: "the primary hangs, the replica takes over, and the old one wakes up and takes itself for the primary",
        forgets: true,
        takes_long: true,
        inflict: |scene| {
            let (old, new) = done(scene.group().roles());
            scene.hold(300);
            done(old.pause());
            done(scene.group().wait_until_primary(new));
            scene.hold(500);
            done(old.resume());
            // Services ask the sentinels once a second. The sentinels tell the old primary only after ten.
            thread::sleep(LEFT_BY_ALL);
            scene.is_over();
            done(scene.group().wait_until_whole());
        },
        ..PLAIN
    },
    Fault {
        name: "sentinel-replica-lags",
        about: "the replica hears nothing for a while before the primary is killed, and takes over with old data",
        forgets: true,
        inflict: |scene| {
            let (old, new) = done(scene.group().roles());
            forget_a_credit(scene, old, new);
            done(old.kill());
            done(scene.group().wait_until_primary(new));
            let_hear(new);
            done(old.restart());
            follow(old, new);
            done(scene.group().wait_until_whole());
        },
        ..PLAIN
    },
];

fn fail_over_to(scene: &Scene<'_>, new: &RedisServer) {
    done(scene.group().fail_over());
    done(scene.group().wait_until_primary(new));
}

/// A replica hears nothing any more when its primary is told of a credit note, so that only the relay knows of that
/// later.
pub(super) fn forget_a_credit(scene: &mut Scene<'_>, primary: &RedisServer, replica: &RedisServer) {
    let (reader, writer) = (scene.any_place(), scene.any_place());
    scene.read_quietly(reader);
    scene.hold(100);
    deafen(replica, primary);
    scene.give_credit_quietly(writer);
    scene.hold(300);
}

/// From now on a replica stays one and hears nothing of its primary.
fn deafen(replica: &RedisServer, primary: &RedisServer) {
    set_login(replica, "nobody", "without a right");
    done(primary.command::<()>(&["CLIENT", "KILL", "TYPE", "REPLICA"]));
}

/// Undoes [`deafen`].
pub(super) fn let_hear(replica: &RedisServer) {
    set_login(replica, "", "");
}

/// What a replica says to its primary when it connects.
fn set_login(replica: &RedisServer, user: &str, password: &str) {
    done(replica.command::<()>(&["CONFIG", "SET", "masteruser", user, "masterauth", password]));
}

fn follow(old: &RedisServer, new: &RedisServer) {
    done(old.command::<()>(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]));
}
