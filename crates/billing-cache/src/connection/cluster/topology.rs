//! The slots of each primary, combined from the reports of several nodes of a cluster.
//!
//! If two primaries claim a slot, the one with the higher configuration epoch has it, as among the nodes themselves. So
//! an old primary that comes back, or a node that is behind, does not take slots away.
//!
//! A primary that is about to receive its first slot is already included, because it already has some keys of that
//! slot.
//!
//! Used by `shards` and the slot map.

use std::collections::BTreeMap;

use super::node::{Node, SLOTS, View};

/// In place of a primary: the slot has none.
pub(crate) const NOBODY: u16 = u16::MAX;

/// The primaries with slots, those that are about to receive their first slot, and the primary of each slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topology {
    /// Host and port of each.
    pub(crate) masters: Vec<(String, u16)>,
    /// Another host by which a node may name each of them in a redirection; empty if there is none.
    pub(crate) other_hosts: Vec<String>,
    /// For each slot the index of its primary, or [`NOBODY`].
    pub(crate) slots: Box<[u16]>,
    /// For each primary without slots one slot that migrates to it.
    pub(crate) first_slots: BTreeMap<u16, u16>,
    /// Whether slots migrate from one primary to another.
    pub(crate) is_moving: bool,
    /// The highest epoch. It grows whenever a slot changes its primary, even if the slot then returns.
    pub(crate) epoch: u64,
}

impl Topology {
    /// Combines the reports of these nodes. With `with_names`, primaries are called by the host names that they
    /// announce.
    pub(crate) fn of(views: &[View<'_>], with_names: bool) -> Self {
        let claims: Vec<Node<'_>> =
            views.iter().flat_map(|view| view.nodes(with_names)).filter(|node| node.follows.is_none()).collect();
        let owners = owners(&claims);
        let beginners = beginners(&claims, &owners);
        let known = owners.iter().flatten().copied().chain(beginners.iter().map(|(_, claim)| *claim));
        let known: BTreeMap<(String, u16), &str> =
            known.map(|claim| (claim.address.clone(), claim.other_host)).collect();
        let other_hosts = known.values().map(|host| (*host).to_owned()).collect();
        let masters: Vec<(String, u16)> = known.into_keys().collect();
        let place = |claim: &Node<'_>| {
            let place = masters.binary_search(&claim.address).expect("it is one of them");
            u16::try_from(place).expect("there are no more masters than slots")
        };
        Self {
            slots: owners.iter().map(|owner| owner.map_or(NOBODY, place)).collect(),
            first_slots: beginners.iter().rev().map(|(slot, claim)| (place(claim), *slot)).collect(),
            is_moving: claims.iter().any(|claim| !claim.moving.is_empty()),
            epoch: claims.iter().map(|claim| claim.epoch).max().unwrap_or(0),
            masters,
            other_hosts,
        }
    }

    /// Whether the same primaries have the same slots, and receive the same first slots.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        (&self.masters, &self.slots, &self.first_slots) == (&other.masters, &other.slots, &other.first_slots)
    }

    /// Number of slots without a primary.
    pub(crate) fn uncovered(&self) -> usize {
        self.slots.iter().filter(|place| **place == NOBODY).count()
    }
}

/// The owner of each slot.
fn owners<'a, 'c>(claims: &'a [Node<'c>]) -> Vec<Option<&'a Node<'c>>> {
    let mut owners: Vec<Option<&Node<'_>>> = vec![None; SLOTS];
    for claim in claims {
        for slot in claim.ranges.iter().flat_map(|(first, last)| *first..=*last) {
            let owner = &mut owners[usize::from(slot)];
            // Of equal claims always the same one counts, whatever the order of the answers.
            if owner.is_none_or(|owner| (owner.epoch, owner.id) < (claim.epoch, claim.id)) {
                *owner = Some(claim);
            }
        }
    }
    owners
}

/// Primaries that have no slots yet and receive one from its owner, with that slot.
fn beginners<'a, 'c>(claims: &'a [Node<'c>], owners: &[Option<&Node<'_>>]) -> Vec<(u16, &'a Node<'c>)> {
    let is_owner =
        |slot: u16, of: &Node<'_>| owners[usize::from(slot)].is_some_and(|owner| owner.address == of.address);
    let given = claims.iter().flat_map(|from| from.gives.iter().map(move |(slot, to)| (from, *slot, *to)));
    let to_whom = |id: &str| claims.iter().find(|claim| claim.id == id);
    let has_slots = |claim: &Node<'_>| owners.iter().flatten().any(|owner| owner.address == claim.address);
    given
        .filter(|(from, slot, _)| is_owner(*slot, from))
        .filter_map(|(_, slot, to)| Some((slot, to_whom(to)?)))
        .filter(|(_, claim)| !has_slots(claim))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
07c3 127.0.0.1:30004@31004,host-4 slave e7d1 0 1426238317239 4 connected
67ed 127.0.0.1:30002@31002,host-2 master - 0 1426238316232 2 connected 5461-10922
292f :30003@31003 myself,master - 0 1426238318243 3 connected 10923-16383 [93-<-67ed]
e7d1 127.0.0.1:30001@31001,,shard-id=1 master,fail - 0 0 1 connected 0-92 94-5460
6ec2 :0@0 master,noaddr - 0 0 9 disconnected 93
";

    fn topology(texts: &[&str]) -> Topology {
        let views: Vec<View<'_>> = texts.iter().map(|text| View { host: "asked", text }).collect();
        Topology::of(&views, false)
    }

    fn owner(topology: &Topology, slot: usize) -> Option<u16> {
        topology.masters.get(usize::from(topology.slots[slot])).map(|(_, port)| *port)
    }

    #[test]
    fn masters_have_the_slots_that_the_nodes_say() {
        let topology = topology(&[NODES]);
        let owners = [0, 92, 93, 94, 5461, 16383].map(|slot| owner(&topology, slot));
        assert_eq!(owners, [Some(30_001), Some(30_001), None, Some(30_001), Some(30_002), Some(30_003)]);
        assert_eq!((topology.uncovered(), topology.epoch, topology.is_moving), (1, 3, true));
        assert!(topology.masters.contains(&("asked".to_owned(), 30_003)), "a node that does not know its own host");
    }

    #[test]
    fn names_are_taken_where_they_are_wanted() {
        let view = View { host: "asked", text: NODES };
        let mut masters = Topology::of(&[view], true).masters;
        masters.sort_by_key(|(_, port)| *port);
        let hosts: Vec<&str> = masters.iter().map(|(host, _)| host.as_str()).collect();
        assert_eq!(hosts, ["127.0.0.1", "host-2", "asked"]);
        for (with_names, other) in [(true, "127.0.0.1"), (false, "host-2")] {
            let topology = Topology::of(&[View { host: "asked", text: NODES }], with_names);
            let place = topology.masters.iter().position(|(_, port)| *port == 30_002).unwrap();
            assert_eq!(topology.other_hosts[place], other, "nodes may send one there by this");
        }
    }

    #[test]
    fn of_two_claims_the_newer_one_counts_whoever_is_asked_first() {
        let old = "a 10.0.0.1:1@2 myself,master - 0 0 4 connected 0-100";
        let new = "a 10.0.0.1:1@2 slave b 0 0 7 connected\nb 10.0.0.2:1@2 myself,master - 0 0 7 connected 0-100";
        for texts in [[old, new], [new, old]] {
            let topology = topology(&texts);
            assert_eq!(topology.masters, [("10.0.0.2".to_owned(), 1)]);
            assert_eq!(topology.slots[100], 0);
        }
    }

    #[test]
    fn a_master_that_is_about_to_get_its_first_slot_is_one_of_the_masters() {
        let giving = "\
a 10.0.0.1:1@2 myself,master - 0 0 4 connected 0-100 [7->-b] [8->-nobody] [9-<-b]
b 10.0.0.2:1@2 master - 0 0 0 connected
c 10.0.0.3:1@2 master - 0 0 0 connected";
        let giving = topology(&[giving]);
        assert_eq!(giving.masters, [("10.0.0.1".to_owned(), 1), ("10.0.0.2".to_owned(), 1)]);
        assert_eq!((giving.slots[7], giving.first_slots.clone()), (0, BTreeMap::from([(1, 7)])));
        assert!(!giving.is_as(&topology(&["a 10.0.0.1:1@2 myself,master - 0 0 4 connected 0-100"])));
        let deposed = "a 10.0.0.1:1@2 myself,master - 0 0 4 connected 0-100 [7->-b]";
        let new = "d 10.0.0.4:1@2 myself,master - 0 0 5 connected 0-100\nb 10.0.0.2:1@2 master - 0 0 0 connected";
        assert!(topology(&[deposed, new]).first_slots.is_empty(), "it has nothing to give any more");
    }

    #[test]
    fn a_slot_that_went_away_and_came_back_leaves_another_epoch() {
        let before = topology(&["a h:1@2 master - 0 0 4 connected 0-9\nb h:2@3 master - 0 0 5 connected 10"]);
        let after = topology(&["a h:1@2 master - 0 0 7 connected 0-9\nb h:2@3 master - 0 0 6 connected 10"]);
        assert!(before.is_as(&after) && before != after);
    }

    #[test]
    fn what_is_no_such_line_is_passed_over() {
        let topology = topology(&[
            "",
            "rubbish",
            "a b master - 0 0 x connected 0-3",
            "a h:1@2 master - 0 0 1 connected 7-3 20000 x-y",
        ]);
        assert_eq!(topology.masters, []);
        assert_eq!(topology.uncovered(), SLOTS);
    }
}
