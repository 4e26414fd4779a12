//! The knowledge of one node about its cluster, from `CLUSTER NODES`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use anyhow::{Context, Result, ensure};

use crate::RedisServer;

pub(super) const SLOTS: u16 = 16_384;

/// The nodes by port.
#[derive(Debug)]
pub(super) struct View {
    nodes: BTreeMap<u16, Node>,
}

#[derive(Debug)]
struct Node {
    id: String,
    /// The id of its primary, if it is a replica.
    master: Option<String>,
    /// Whether it is reachable and has been introduced.
    is_well: bool,
    slots: Vec<RangeInclusive<u16>>,
    /// Whether the queried node gives a slot to another node or gets one.
    has_open_slots: bool,
}

impl View {
    pub(super) fn of(server: &RedisServer) -> Result<Self> {
        Self::parse(&server.command::<String>(&["CLUSTER", "NODES"])?)
    }

    fn parse(text: &str) -> Result<Self> {
        let node = |line: &str| Node::parse(line).with_context(|| format!("read a line of CLUSTER NODES: {line}"));
        let nodes = text.lines().map(node).collect::<Result<_>>()?;
        Ok(Self { nodes })
    }

    /// The primaries that own slots, by port.
    pub(super) fn owners(&self) -> BTreeMap<u16, Vec<RangeInclusive<u16>>> {
        let owners = self.nodes.iter().filter(|(_, node)| !node.slots.is_empty());
        owners.map(|(port, node)| (*port, node.slots.clone())).collect()
    }

    pub(super) fn owner_of(&self, slot: u16) -> Option<u16> {
        let owns = |node: &Node| node.slots.iter().any(|range| range.contains(&slot));
        self.nodes.iter().find(|(_, node)| owns(node)).map(|(port, _)| *port)
    }

    pub(super) fn replicas_of(&self, master: u16) -> impl Iterator<Item = u16> {
        let id = self.nodes.get(&master).map(|node| &node.id);
        self.nodes.iter().filter(move |(_, node)| id.is_some() && node.master.as_ref() == id).map(|(port, _)| *port)
    }

    pub(super) fn has_same_roles(&self, other: &Self) -> bool {
        let roles = |view: &Self| -> BTreeMap<u16, Option<String>> {
            view.nodes.iter().map(|(port, node)| (*port, node.master.clone())).collect()
        };
        roles(self) == roles(other)
    }

    pub(super) fn well_nodes(&self) -> usize {
        self.nodes.values().filter(|node| node.is_well).count()
    }

    pub(super) fn has_open_slots(&self) -> bool {
        self.nodes.values().any(|node| node.has_open_slots)
    }

    pub(super) fn check_covers_all_slots(&self) -> Result<()> {
        let owned: usize = self.nodes.values().flat_map(|node| &node.slots).map(ExactSizeIterator::len).sum();
        ensure!(owned == usize::from(SLOTS), "{owned} slots have an owner");
        Ok(())
    }
}

impl Node {
    /// `ID 127.0.0.1:PORT@BUS[,…] FLAGS MASTER|- PING PONG EPOCH LINK [SLOTS…]`
    fn parse(line: &str) -> Option<(u16, Self)> {
        let fields: Vec<&str> = line.split(' ').collect();
        let [id, address, flags, master, _, _, _, _, slots @ ..] = fields.as_slice() else { return None };
        let port = address.split('@').next()?.rsplit(':').next()?.parse().ok()?;
        let is_ill = |flag: &str| ["fail", "fail?", "handshake", "noaddr"].contains(&flag);
        let (open, owned): (Vec<&str>, Vec<&str>) = slots.iter().partition(|slot| slot.starts_with('['));
        let node = Self {
            id: (*id).to_owned(),
            master: (*master != "-").then(|| (*master).to_owned()),
            is_well: !flags.split(',').any(is_ill),
            slots: owned.into_iter().map(range).collect::<Option<_>>()?,
            has_open_slots: !open.is_empty(),
        };
        Some((port, node))
    }
}

/// `7` or `0-5460`.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
aa 127.0.0.1:20001@30001 myself,master - 0 0 1 connected 0-5460 9000 [93-<-bb]
bb 127.0.0.1:20002@30002,host,shard-id=x master,fail? - 1 2 2 disconnected 5461-8999
cc 127.0.0.1:20003@30003 slave bb 0 3 2 connected
";

    #[test]
    fn roles_slots_and_troubles_are_read() {
        let view = View::parse(TEXT).unwrap();
        assert_eq!(view.owners(), BTreeMap::from([(20_001, vec![0..=5460, 9000..=9000]), (20_002, vec![5461..=8999])]));
        assert_eq!((view.owner_of(9000), view.owner_of(9001)), (Some(20_001), None));
        assert_eq!(view.replicas_of(20_002).collect::<Vec<_>>(), [20_003]);
        assert_eq!(view.replicas_of(20_001).count(), 0);
        assert_eq!(view.well_nodes(), 2);
        assert!(view.has_open_slots());
        assert_eq!(view.check_covers_all_slots().unwrap_err().to_string(), "9001 slots have an owner");
    }

    #[test]
    fn what_is_no_line_of_a_node_is_told() {
        assert!(View::parse("what is this").unwrap_err().to_string().contains("what is this"));
    }
}
