//! The slot map: the primary of each slot, and the link to it.
//!
//! Used by `shards`, the tracking connections and the relay's look at the primaries.

use std::collections::BTreeMap;
use std::sync::Arc;

use crc::{CRC_16_XMODEM, Crc};

use super::cluster::node::SLOTS;
use super::cluster::topology::Topology;
use super::link::{Link, LinkId};

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
/// Number of texts among which tags are searched. The chance that a slot has none of them is one in e^64.
const MOST_TAGS: u32 = 1 << 20;

/// A link, and the indexes of the keys of its shard in a list.
pub(super) type Group = (Arc<Link>, Vec<usize>);

/// The slot map; see the module.
pub(crate) struct Layout {
    /// Different for each slot map of this process.
    number: u64,
    links: Vec<Arc<Link>>,
    /// For each link a tag: with it in braces, a key belongs to that primary, or migrates there.
    tags: Vec<String>,
    /// Its primaries are in the order of the links; `None` for a single server.
    topology: Option<Topology>,
}

impl Layout {
    /// A single server for all keys.
    pub(super) fn one(link: Arc<Link>) -> Self {
        Self { number: 1, links: vec![link], tags: vec!["0".to_owned()], topology: None }
    }

    /// No primary is known yet.
    pub(super) fn empty() -> Self {
        Self::of(0, Topology::of(&[], false), Vec::new())
    }

    /// The primaries of a cluster, with a link to each.
    pub(super) fn of(number: u64, topology: Topology, links: Vec<Arc<Link>>) -> Self {
        Self { number, tags: tags(&topology), links, topology: Some(topology) }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn links(&self) -> &[Arc<Link>] {
        &self.links
    }

    /// The links that L1 needs before it counts: every primary and, in a cluster, the confirmation that there are no
    /// others.
    pub(crate) fn ears(&self) -> Vec<LinkId> {
        let of_layout = self.topology.as_ref().map(|_| LinkId::LAYOUT);
        self.links.iter().map(|link| link.id()).chain(of_layout).collect()
    }

    /// Each link with its tag. A primary that is about to receive its first slot is left out.
    pub(crate) fn tagged(&self) -> impl Iterator<Item = (&Arc<Link>, &str)> {
        let is_beginner = |place: usize| {
            let place = u16::try_from(place).ok();
            let topology = self.topology.as_ref().zip(place);
            topology.is_some_and(|(topology, place)| topology.first_slots.contains_key(&place))
        };
        let tagged = self.links.iter().zip(self.tags.iter().map(String::as_str)).enumerate();
        tagged.filter(move |(place, _)| !is_beginner(*place)).map(|(_, tagged)| tagged)
    }

    /// The tag that puts a key on this link, or on a slot that migrates there.
    pub(crate) fn tag_of(&self, link: LinkId) -> Option<&str> {
        let place = self.links.iter().position(|of| of.id() == link)?;
        self.tags.get(place).map(String::as_str)
    }

    /// Whether every slot has a primary.
    pub(crate) fn is_covered(&self) -> bool {
        self.topology.as_ref().is_none_or(|topology| topology.uncovered() == 0)
    }

    /// Whether it equals what the nodes report.
    pub(super) fn is(&self, topology: &Topology) -> bool {
        self.topology.as_ref().is_some_and(|ours| ours.is_as(topology))
    }

    /// The hosts of the primaries, with their links.
    pub(super) fn masters(&self) -> Vec<(&str, &Link)> {
        let hosts = self.topology.iter().flat_map(|topology| &topology.masters).map(|(host, _)| host.as_str());
        hosts.zip(self.links.iter().map(AsRef::as_ref)).collect()
    }

    /// The link to the shard of a key; `None` if its slot has no primary.
    pub(crate) fn link_of(&self, key: &str) -> Option<&Arc<Link>> {
        self.links.get(self.place_of(key))
    }

    /// The link to the primary at this address, under either of its hosts.
    pub(super) fn link_at(&self, host: &str, port: u16) -> Option<&Arc<Link>> {
        let topology = self.topology.as_ref()?;
        let mut masters = topology.masters.iter().zip(&topology.other_hosts).zip(&self.links);
        let found = masters.find(|((master, other), _)| master.1 == port && (master.0 == host || *other == host));
        found.map(|(_, link)| link)
    }

    /// The indexes of the keys of each link, and whether some keys have no primary.
    pub(super) fn by_link(&self, keys: &[String]) -> (Vec<Group>, bool) {
        if let (None, [link]) = (&self.topology, self.links.as_slice()) {
            return (vec![(Arc::clone(link), (0..keys.len()).collect())], false);
        }
        let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, key) in keys.iter().enumerate() {
            places.entry(self.place_of(key)).or_default().push(place);
        }
        let homeless = places.keys().any(|of_link| *of_link >= self.links.len());
        let of_link = |(at, places)| Some((Arc::clone(self.links.get(at)?), places));
        (places.into_iter().filter_map(of_link).collect(), homeless)
    }

    /// The index of the link of a key; beyond the last link if its slot has no primary.
    pub(crate) fn place_of(&self, key: &str) -> usize {
        match &self.topology {
            None => 0,
            Some(topology) => usize::from(topology.slots[slot_of(key)]),
        }
    }
}

/// The slot of a key by the rule of Redis Cluster: the first text in braces is hashed, or else the whole key.
pub(crate) fn slot_of(key: &str) -> usize {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    let hashed = tag.filter(|tag| !tag.is_empty()).unwrap_or(key);
    usize::from(CRC.checksum(hashed.as_bytes())) % SLOTS
}

fn tags(topology: &Topology) -> Vec<String> {
    let mut tags = vec![String::new(); topology.masters.len()];
    let mut missing = tags.len();
    for tag in (0..MOST_TAGS).map(|number| number.to_string()) {
        if missing == 0 {
            break;
        }
        let slot = slot_of(&tag);
        let beginners = topology.first_slots.iter().filter(|(_, first)| usize::from(**first) == slot);
        for place in beginners.map(|(place, _)| *place).chain([topology.slots[slot]]) {
            if let Some(empty) = tags.get_mut(usize::from(place)).filter(|tag| tag.is_empty()) {
                empty.clone_from(&tag);
                missing -= 1;
            }
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::cluster::node::View;
    use crate::declaration::key::lease_of;

    #[test]
    fn slots_are_those_of_redis() {
        // From CLUSTER KEYSLOT of a server.
        for (key, slot) in [("123456789", 12_739), ("foo", 12_182), ("{foo}bar", 12_182), ("foo{}{bar}", 8_363)] {
            assert_eq!(slot_of(key), slot, "{key}");
        }
    }

    #[test]
    fn a_lease_is_in_the_slot_of_its_key() {
        for key in ["invoice:42", "tax_rate:GB:default", "active_discounts"] {
            assert_eq!(slot_of(&lease_of(key)), slot_of(key));
        }
    }

    #[test]
    fn a_master_that_is_about_to_get_its_first_slot_has_a_tag_of_that() {
        let text = "a h:1@2 myself,master - 0 0 1 connected 0-16383 [93->-b]\nb h:2@3 master - 0 0 2 connected";
        let tags = tags(&Topology::of(&[View { host: "h", text }], false));
        assert_eq!((slot_of(&tags[1]), tags.len()), (93, 2));
    }

    #[test]
    fn every_master_has_a_tag_even_one_with_a_single_slot() {
        let text = "a h:1@2 master - 0 0 1 connected 0-16382\nb h:2@3 master - 0 0 2 connected 16383";
        let topology = Topology::of(&[View { host: "h", text }], false);
        let owners: Vec<u16> = tags(&topology).iter().map(|tag| topology.slots[slot_of(tag)]).collect();
        assert_eq!(owners, [0, 1]);
    }
}
