//! Which master has which slots, as several nodes of a cluster tell it.
//!
//! Of two masters that claim a slot the one with the higher configuration epoch has it, as the nodes decide it among
//! themselves. So an old master that comes back, or a node that is behind, does not take slots away.

/// Slots of a cluster.
pub(crate) const SLOTS: usize = 16_384;
/// In place of a master: nobody has the slot.
pub(crate) const NOBODY: u16 = u16::MAX;

/// The masters with slots, and who has which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Topology {
    /// Host and port of each.
    pub(crate) masters: Vec<(String, u16)>,
    /// By slot the place of its master, or [`NOBODY`].
    pub(crate) slots: Box<[u16]>,
    /// Whether slots are on their way from one master to another.
    pub(crate) is_moving: bool,
}

/// What one node answers to `CLUSTER NODES`.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// Where it was asked: a node may not know its own host.
    pub(crate) host: &'a str,
    pub(crate) text: &'a str,
}

/// A master as a node knows it.
struct Claim {
    master: (String, u16),
    epoch: u64,
    /// First and last slot of each range.
    ranges: Vec<(u16, u16)>,
    is_moving: bool,
}

impl Topology {
    /// What these nodes say together. `with_names`: masters are called by their host names, where they announce any.
    pub(crate) fn of(views: &[View<'_>], with_names: bool) -> Self {
        let claims: Vec<Claim> = views
            .iter()
            .flat_map(|view| view.text.lines().filter_map(|line| claim(view.host, line, with_names)))
            .collect();
        let mut owners: Vec<Option<&Claim>> = vec![None; SLOTS];
        for claim in &claims {
            for slot in claim.ranges.iter().flat_map(|(first, last)| *first..=*last) {
                let owner = &mut owners[usize::from(slot)];
                if owner.is_none_or(|owner| owner.epoch < claim.epoch) {
                    *owner = Some(claim);
                }
            }
        }
        let mut masters: Vec<(String, u16)> = owners.iter().flatten().map(|claim| claim.master.clone()).collect();
        masters.sort_unstable();
        masters.dedup();
        let place = |owner: Option<&Claim>| owner.and_then(|claim| masters.binary_search(&claim.master).ok());
        let slots =
            owners.into_iter().map(|owner| place(owner).and_then(|at| u16::try_from(at).ok()).unwrap_or(NOBODY));
        Self { slots: slots.collect(), is_moving: claims.iter().any(|claim| claim.is_moving), masters }
    }

    /// Slots that nobody has.
    pub(crate) fn uncovered(&self) -> usize {
        self.slots.iter().filter(|place| **place == NOBODY).count()
    }
}

/// The master of one line: id, address, flags, its own master, two times, epoch, link, slots.
fn claim(asked_host: &str, line: &str, with_names: bool) -> Option<Claim> {
    let mut fields = line.split(' ');
    let (_id, address, flags) = (fields.next()?, fields.next()?, fields.next()?);
    let is = |wanted: &str| flags.split(',').any(|flag| flag == wanted);
    if !is("master") || is("noaddr") || is("handshake") {
        return None;
    }
    let (_master, _ping, _pong) = (fields.next()?, fields.next()?, fields.next()?);
    let epoch = fields.next()?.parse().ok()?;
    let _link = fields.next()?;
    let slots: Vec<&str> = fields.collect();
    let ranges = slots.iter().filter_map(|slots| range(slots)).collect();
    // Only of itself does a node say which slots move: `[93-<-id]`.
    let is_moving = slots.iter().any(|slots| slots.starts_with('['));
    Some(Claim { master: master(asked_host, address, with_names)?, epoch, ranges, is_moving })
}

/// `host:port@bus-port,name`, of which all but the port may be absent.
fn master(asked_host: &str, address: &str, with_names: bool) -> Option<(String, u16)> {
    let mut parts = address.split(',');
    let (host, port) = parts.next()?.split('@').next()?.rsplit_once(':')?;
    let name = parts.next().filter(|name| with_names && !name.is_empty() && !name.contains('='));
    let host = name.unwrap_or(if host.is_empty() { asked_host } else { host });
    Some((host.to_owned(), port.parse().ok()?))
}

/// `5461-10922` or `93`.
fn range(slots: &str) -> Option<(u16, u16)> {
    let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && usize::from(last) < SLOTS).then_some((first, last))
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
        assert_eq!((topology.uncovered(), topology.is_moving), (1, true));
        assert!(topology.masters.contains(&("asked".to_owned(), 30_003)), "a node that does not know its own host");
    }

    #[test]
    fn names_are_taken_where_they_are_wanted() {
        let view = View { host: "asked", text: NODES };
        let mut masters = Topology::of(&[view], true).masters;
        masters.sort_by_key(|(_, port)| *port);
        let hosts: Vec<&str> = masters.iter().map(|(host, _)| host.as_str()).collect();
        assert_eq!(hosts, ["127.0.0.1", "host-2", "asked"]);
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
