//! Redis itself: unreachable, back empty, back with old data, with other data, hanging, full.

use std::time::Duration;

use super::scene::{Scene, done};
use super::{Fault, PLAIN};
use crate::chaos::{RECOVERY_MS, SERVICES};
use test_support::{RedisServer, Wire};

/// The key by which services identify the data. A copy of it would mislead them.
const DATA_ID: &str = "billing_cache:{database}:data";
/// Copies all keys except that one to the other database.
const COPY_ALL: &str = "
for _, key in ipairs(redis.call('KEYS', '*')) do
  if key ~= KEYS[1] then redis.call('COPY', key, key, 'DB', 1, 'REPLACE') end
end";

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "redis-killed",
        about: "Redis is killed, stays away, and comes back empty",
        inflict: |scene| {
            done(scene.redis().kill());
            scene.hold(700);
            done(scene.redis().restart());
        },
        ..PLAIN
    },
    Fault {
        name: "redis-restarted",
        about: "Redis is killed and is back empty before anybody has noticed, twice",
        inflict: |scene| {
            done(scene.redis().restart());
            scene.hold(500);
            done(scene.redis().restart());
        },
        ..PLAIN
    },
    Fault {
        name: "redis-old-dump",
        about: "Redis is killed and comes back with what it had a second ago",
        forgets: true,
        inflict: |scene| {
            let dump = done(scene.redis().save_dump());
            scene.hold(900);
            done(scene.redis().restart_with(&dump));
        },
        ..PLAIN
    },
    Fault {
        name: "redis-old-dump-slow-peer",
        about: "Redis comes back with old data while one service hears from it late",
        forgets: true,
        inflict: |scene| {
            let slow = scene.any_place();
            let dump = done(scene.redis().save_dump());
            scene.hold(900);
            let delay = Duration::from_millis(80 + scene.below(80));
            scene.fleet.wire(slow).set(Wire::DelayReplies(delay));
            done(scene.redis().restart_with(&dump));
            scene.hold(700);
            scene.fleet.wire(slow).set(Wire::Pass);
        },
        ..PLAIN
    },
    Fault {
        name: "redis-old-dump-one-cut-off",
        about: "Redis comes back with old data while one service cannot know",
        forgets: true,
        inflict: |scene| {
            let place = scene.any_place();
            let dump = done(scene.redis().save_dump());
            scene.hold(600);
            scene.fleet.wire(place).set(Wire::Stall);
            scene.hold(300);
            done(scene.redis().restart_with(&dump));
            scene.hold(500);
            scene.fleet.wire(place).set(Wire::Pass);
        },
        ..PLAIN
    },
    Fault {
        name: "swapdb",
        about: "the data of Redis are exchanged for what they were a second ago, and back again (SWAPDB), under open connections",
        forgets: true,
        unnoticed: true,
        inflict: exchange_and_back,
        ..PLAIN
    },
    Fault {
        name: "redis-failed-over",
        about: "a replica that lags takes over, one service after another follows, and later all go back to the old primary",
        forgets: true,
        inflict: fail_over_and_back,
        ..PLAIN
    },
    Fault {
        name: "redis-failed-over-late-death",
        about: "a service that writes through the old primary after the others have left it dies, and stays dead",
        forgets: true,
        may_fail: true,
        takes_long: true,
        inflict: fail_over_and_lose_the_last,
        ..PLAIN
    },
    Fault {
        name: "redis-paused",
        about: "Redis hangs for two seconds with open connections",
        inflict: |scene| {
            done(scene.redis().pause());
            scene.hold(2_000);
            done(scene.redis().resume());
        },
        ..PLAIN
    },
    Fault {
        name: "redis-hiccups",
        about: "Redis hangs again and again, a little longer or shorter than a command may take",
        inflict: |scene| {
            scene.meanwhile(1_500, |scene| {
                done(scene.redis().pause());
                let hiccup = 20 + scene.below(200);
                scene.hold(hiccup);
                done(scene.redis().resume());
                scene.hold(100);
            });
        },
        ..PLAIN
    },
    Fault {
        name: "redis-evicts",
        about: "Redis is so full that it evicts values and leases (allkeys-lru)",
        inflict: |scene| crowd(scene, "allkeys-lru"),
        ..PLAIN
    },
    Fault {
        name: "redis-full",
        about: "Redis is full and refuses to store (noeviction)",
        inflict: |scene| crowd(scene, "noeviction"),
        ..PLAIN
    },
    Fault {
        name: "redis-flushed",
        about: "somebody empties Redis again and again (FLUSHALL)",
        inflict: |scene| {
            scene.meanwhile(1_200, |scene| {
                done(scene.redis().command::<()>(&["FLUSHALL"]));
                scene.hold(50);
            });
        },
        ..PLAIN
    },
];

/// While one set of data is away, it misses the invalidations that the other set gets.
fn exchange_and_back(scene: &mut Scene<'_>) {
    let redis = scene.redis();
    done(redis.command::<redis::Value>(&["EVAL", COPY_ALL, "1", DATA_ID]));
    scene.hold(900);
    for _ in 0..2 {
        done(redis.command::<()>(&["SWAPDB", "0", "1"]));
        scene.hold(900);
    }
}

/// The replica misses everything that happened after it was cut off, and the old primary everything that happened
/// since.
fn fail_over_and_back(scene: &mut Scene<'_>) {
    let primary = scene.redis().port();
    let replica = done(RedisServer::options().config("replicaof", &format!("127.0.0.1 {primary}")).start());
    let is_in_sync = || replica.info("replication").is_ok_and(|info| info["master_link_status"] == "up");
    scene.until("the replica is in sync", is_in_sync);
    done(replica.command::<()>(&["REPLICAOF", "NO", "ONE"]));
    scene.hold(500);
    for server in [replica.port(), primary] {
        for wire in scene.fleet.wires() {
            wire.lead_to(server);
            wire.reset();
            scene.hold(120);
        }
        scene.hold(400);
    }
}

/// The last service invalidated on the old primary only, and its outbox row says that the invalidation was
/// acknowledged.
fn fail_over_and_lose_the_last(scene: &mut Scene<'_>) {
    let primary = scene.redis().port();
    let replica = done(RedisServer::options().config("replicaof", &format!("127.0.0.1 {primary}")).start());
    let is_in_sync = || replica.info("replication").is_ok_and(|info| info["master_link_status"] == "up");
    scene.until("the replica is in sync", is_in_sync);
    done(replica.command::<()>(&["REPLICAOF", "NO", "ONE"]));
    let last = scene.any_place();
    for place in (0..SERVICES).filter(|place| *place != last) {
        scene.fleet.wire(place).lead_to(replica.port());
        scene.fleet.wire(place).reset();
    }
    scene.hold(600);
    scene.give_credit_quietly(last);
    scene.hold(200);
    scene.fleet.kill(last);
    scene.is_over();
    std::thread::sleep(Duration::from_millis(RECOVERY_MS + 500));
    // Empty, so that going back restores no old data.
    done(scene.redis().restart());
    for wire in scene.fleet.wires() {
        wire.lead_to(primary);
        wire.reset();
    }
    scene.fleet.restart(last, &[]);
}

/// Uses memory until the limit is reached, and frees it again.
fn crowd(scene: &mut Scene<'_>, policy: &str) {
    const ROOM_BYTES: u64 = 50_000;
    let redis = scene.redis();
    let set = |name: &str, value: &str| done(redis.command::<()>(&["CONFIG", "SET", name, value]));
    let used: u64 = done(redis.info("memory"))["used_memory"].parse().expect("used_memory is a number");
    set("maxmemory-policy", policy);
    set("maxmemory", &(used + ROOM_BYTES).to_string());
    let junk = "x".repeat(2_000);
    let mut number = 0_u32;
    scene.meanwhile(1_200, |scene| {
        number += 1;
        // Refused if nothing is evicted: then the limit is reached.
        let _ = redis.command::<()>(&["SET", &format!("junk:{}", number % 200), &junk, "PX", "3000"]);
        if number.is_multiple_of(50) {
            scene.hold(20);
        }
    });
    set("maxmemory", "0");
    (0..200).for_each(|number| done(redis.command::<()>(&["DEL", &format!("junk:{number}")])));
}
