//! A primary, its replica and their sentinels: failovers, with and without a death.
//!
//! A replica may lag behind the acknowledged writes of its primary, so all these faults lose some of them. There are
//! two primaries until the old one follows the new one or all services have left it. A service at one of them learns
//! late about invalidations at the other, so the fault lasts until then.

use std::thread;
use std::time::Duration;

use test_support::RedisServer;

use super::scene::{Scene, done};
use super::{Fault, PLAIN};

/// After this time every service has left a deposed primary, even on a busy machine.
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
            // Services query the sentinels every second. The sentinels reconfigure the old primary only after ten
            // seconds.
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

/// Cuts a replica off before its primary gets the invalidation of a credit note, so that later only the relay knows
/// about it.
pub(super) fn forget_a_credit(scene: &mut Scene<'_>, primary: &RedisServer, replica: &RedisServer) {
    let (reader, writer) = (scene.any_place(), scene.any_place());
    scene.read_quietly(reader);
    scene.hold(100);
    deafen(replica, primary);
    scene.give_credit_quietly(writer);
    scene.hold(300);
}

/// From now on the server remains a replica, but receives nothing from its primary.
fn deafen(replica: &RedisServer, primary: &RedisServer) {
    set_login(replica, "nobody", "without a right");
    done(primary.command::<()>(&["CLIENT", "KILL", "TYPE", "REPLICA"]));
}

/// Undoes [`deafen`].
pub(super) fn let_hear(replica: &RedisServer) {
    set_login(replica, "", "");
}

/// Sets the login of a replica at its primary.
fn set_login(replica: &RedisServer, user: &str, password: &str) {
    done(replica.command::<()>(&["CONFIG", "SET", "masteruser", user, "masterauth", password]));
}

fn follow(old: &RedisServer, new: &RedisServer) {
    done(old.command::<()>(&["REPLICAOF", "127.0.0.1", &new.port().to_string()]));
}
