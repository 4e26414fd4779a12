//! What the nodes of a cluster report about it, for people.
//!
//! Used by the health check of a cluster.

use std::collections::BTreeSet;

use super::node::View;
use super::topology::Topology;
use crate::connection::error::L2Error;

/// A cluster as its nodes know it.
#[derive(Debug)]
#[non_exhaustive]
pub struct ClusterFacts {
    /// The primaries with slots, in the order of their addresses; never empty.
    pub masters: Vec<MasterFacts>,
    /// Slots without a primary.
    pub uncovered_slots: usize,
    /// Slots that migrate from one primary to another.
    pub moving_slots: usize,
    /// Why nodes in the settings do not answer, or not as nodes of a cluster.
    pub silent: Vec<L2Error>,
}

/// A primary with slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterFacts {
    /// Host and port.
    pub address: (String, u16),
    /// Whether no node that was asked reaches it.
    pub is_down: bool,
    /// The addresses of its replicas that some node reaches.
    pub replicas: Vec<(String, u16)>,
}

impl ClusterFacts {
    /// The combined reports of these nodes; see [`Topology::of`].
    pub(super) fn of(views: &[View<'_>], with_names: bool, silent: Vec<L2Error>) -> Self {
        let topology = Topology::of(views, with_names);
        let nodes = views.iter().flat_map(|view| view.nodes(with_names));
        let moving: BTreeSet<u16> = nodes.flat_map(|node| node.moving).collect();
        Self {
            uncovered_slots: topology.uncovered(),
            moving_slots: moving.len(),
            masters: topology.masters.into_iter().map(|master| MasterFacts::of(master, views, with_names)).collect(),
            silent,
        }
    }
}

impl MasterFacts {
    fn of(address: (String, u16), views: &[View<'_>], with_names: bool) -> Self {
        let (mut is_down, mut replicas) = (true, BTreeSet::new());
        for view in views {
            let Some(master) = view.nodes(with_names).find(|node| node.address == address) else { continue };
            is_down &= master.is_down;
            let followers = view.nodes(with_names).filter(|node| node.follows == Some(master.id) && !node.is_down);
            replicas.extend(followers.map(|node| node.address));
        }
        Self { address, is_down, replicas: replicas.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_A: &str = "\
a 10.0.0.1:1@2 myself,master - 0 0 1 connected 0-99 101-8191 [93->-b] [101-<-b]
b 10.0.0.2:1@2 master,fail? - 0 0 2 disconnected 8192-16383
c 10.0.0.3:1@2 slave a 0 0 1 connected
d 10.0.0.4:1@2 slave b 0 0 2 connected
e 10.0.0.5:1@2 slave,fail a 0 0 1 disconnected
";
    const OF_B: &str = "\
a 10.0.0.1:1@2 master,fail - 0 0 1 connected 0-99 101-8191
b 10.0.0.2:1@2 myself,master - 0 0 2 connected 8192-16383 [93-<-a] [101->-a]
d 10.0.0.4:1@2 slave,fail b 0 0 2 disconnected
";

    fn master(number: u16, replicas: &[u16], is_down: bool) -> MasterFacts {
        let address = |number: &u16| (format!("10.0.0.{number}"), 1);
        MasterFacts { address: address(&number), is_down, replicas: replicas.iter().map(address).collect() }
    }

    fn facts(texts: &[&str]) -> ClusterFacts {
        let views: Vec<View<'_>> = texts.iter().map(|text| View { host: "asked", text }).collect();
        ClusterFacts::of(&views, false, Vec::new())
    }

    #[test]
    fn what_one_of_them_reaches_is_not_down() {
        assert_eq!(facts(&[OF_A, OF_B]).masters, [master(1, &[3], false), master(2, &[4], false)]);
        assert_eq!(facts(&[OF_A]).masters, [master(1, &[3], false), master(2, &[4], true)]);
        assert_eq!(facts(&[OF_B]).masters, [master(1, &[], true), master(2, &[], false)]);
    }

    #[test]
    fn a_slot_on_its_way_is_counted_once_though_two_masters_tell_of_it() {
        let facts = facts(&[OF_A, OF_B]);
        assert_eq!((facts.uncovered_slots, facts.moving_slots), (1, 2));
    }
}
