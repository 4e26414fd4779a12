//! Three primaries and their replicas: failovers of one of them, and slots that move to another primary.
//!
//! A replica may lag behind the acknowledged writes of its primary, so an automatic failover loses some of them; a
//! manual failover waits for the replica. Each fault affects only the keys of one primary, which is chosen by an
//! invoice that it holds.

use std::collections::BTreeSet;

use test_support::{RedisServer, SlotMove};

use super::scene::{Scene, done};
use super::sentinels::{forget_a_credit, let_hear};
use super::{Fault, PLAIN};
use crate::history::Key;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        name: "cluster-failover",
        about: "an operator lets a replica take over (CLUSTER FAILOVER)",
        inflict: |scene| {
            let (old, _) = a_master(scene);
            scene.hold(300);
            done(scene.cluster().fail_over(old));
            done(scene.cluster().wait_until_whole());
        },
        ..PLAIN
    },
    Fault {
        name: "cluster-failover-back",
        about: "a replica takes over, and soon after the old master again",
        takes_long: true,
        inflict: |scene| {
            let (old, new) = a_master(scene);
            for deposed in [old, new] {
                scene.hold(200);
                done(scene.cluster().fail_over(deposed));
                done(scene.cluster().wait_until_whole());
            }
        },
        ..PLAIN
    },
    Fault {
        name: "cluster-master-killed",
        about: "a master is killed, its replica takes over, and the dead one comes back empty and follows it",
        forgets: true,
        inflict: |scene| {
            let (old, new) = a_master(scene);
            scene.hold(300);
            done(old.kill());
            done(scene.cluster().wait_until_replaced(old, new));
            come_back(scene, old);
        },
        ..PLAIN
    },
    Fault {
        name: "cluster-master-restarted",
        about: "a master is killed and comes back empty before its replica may take over",
        inflict: |scene| {
            let (master, replica) = a_master(scene);
            let set_patience = |value: &str| {
                done(replica.command::<()>(&["CONFIG", "SET", "cluster-replica-no-failover", value]));
            };
            set_patience("yes");
            done(master.kill());
            scene.hold(400);
            come_back(scene, master);
            set_patience("no");
        },
        ..PLAIN
    },
    Fault {
        name: "cluster-all-restarted",
        about: "all masters are killed at once, so that nobody may take over, and come back empty",
        inflict: |scene| {
            let masters = done(scene.cluster().masters());
            masters.iter().for_each(|master| done(master.kill()));
            scene.hold(700);
            masters.iter().for_each(|master| done(master.restart()));
            done(scene.cluster().wait_until_whole());
        },
        ..PLAIN
    },
    Fault {
        name: "cluster-master-hangs",
        about: "a master hangs, its replica takes over, and the old one wakes up and takes itself for the master",
        forgets: true,
        takes_long: true,
        inflict: |scene| {
            let (old, new) = master_of(scene, &scene.quiet_key());
            scene.hold(300);
            done(old.pause());
            done(scene.cluster().wait_until_replaced(old, new));
            scene.hold(500);
            let writer = scene.any_place();
            done(old.resume());
            scene.give_credit_quietly(writer);
            done(scene.cluster().wait_until_whole());
        },
        ..PLAIN
    },
    Fault {
        name: "cluster-replica-lags",
        about: "a replica hears nothing for a while before its master is killed, and takes over with old data",
        forgets: true,
        inflict: |scene| {
            let (old, new) = master_of(scene, &scene.quiet_key());
            forget_a_credit(scene, old, new);
            done(old.kill());
            done(scene.cluster().wait_until_replaced(old, new));
            let_hear(new);
            come_back(scene, old);
        },
        ..PLAIN
    },
    Fault {
        name: "cluster-slots-moved",
        about: "slots of cached keys are moved to another master, again and again; at once where the servers can (Valkey 9)",
        inflict: |scene| {
            scene.meanwhile(2_000, |scene| {
                move_any_slot(scene);
                scene.hold(10);
            });
            done(scene.cluster().wait_until_whole());
        },
        ..PLAIN
    },
    Fault {
        name: "cluster-slots-half-moved",
        about: "slots of cached keys stay half way between two masters for a while",
        inflict: |scene| {
            let slots = slots_of_plan(scene);
            let moves: Vec<_> = slots.into_iter().step_by(2).map(|slot| begin_move(scene, slot)).collect();
            scene.hold(700);
            for half_way in &moves {
                done(half_way.move_keys(1));
            }
            scene.hold(700);
            moves.into_iter().for_each(|half_way| done(half_way.finish()));
            done(scene.cluster().wait_until_whole());
        },
        ..PLAIN
    },
];

/// The primary that holds a random large invoice, and its replica.
fn a_master<'r>(scene: &mut Scene<'r>) -> (&'r RedisServer, &'r RedisServer) {
    let invoice = Key::Invoice(*scene.any_of(&scene.plan.large));
    master_of(scene, &invoice)
}

/// The primary that holds a key, and its replica.
fn master_of<'r>(scene: &Scene<'r>, key: &Key) -> (&'r RedisServer, &'r RedisServer) {
    let master = done(scene.cluster().owner_of(&key.in_redis()));
    (master, done(scene.cluster().replica_of(master)))
}

fn come_back(scene: &Scene<'_>, old: &RedisServer) {
    done(old.restart());
    done(scene.cluster().wait_until_whole());
}

/// Moves a random slot of the round's keys.
fn move_any_slot(scene: &mut Scene<'_>) {
    let slots = slots_of_plan(scene);
    let slot = *scene.any_of(&slots);
    let to = another_owner(scene, slot);
    done(scene.cluster().move_slot(slot, to));
}

fn begin_move<'r>(scene: &mut Scene<'r>, slot: u16) -> SlotMove<'r> {
    let to = another_owner(scene, slot);
    done(scene.cluster().begin_move(slot, to))
}

/// A random primary that does not own the slot.
fn another_owner<'r>(scene: &mut Scene<'r>, slot: u16) -> &'r RedisServer {
    let owner = done(scene.cluster().owner_of_slot(slot));
    let mut others = done(scene.cluster().masters());
    others.retain(|master| master.port() != owner.port());
    scene.any_of::<&RedisServer>(&others)
}

/// The slots of the round's keys, each once.
fn slots_of_plan(scene: &Scene<'_>) -> Vec<u16> {
    let slot_of = |key: &Key| done(scene.cluster().slot_of(&key.in_redis()));
    let slots: BTreeSet<u16> = scene.plan.keys().iter().map(slot_of).collect();
    slots.into_iter().collect()
}
