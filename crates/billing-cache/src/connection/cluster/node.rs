//! The lines of the answer of a cluster node to `CLUSTER NODES`.
//!
//! Used by `topology` and `facts`.

/// Number of slots of a cluster.
pub(crate) const SLOTS: usize = 16_384;

/// The answer of one node to `CLUSTER NODES`.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// The host under which it was asked, because a node may not know its own host.
    pub(crate) host: &'a str,
    pub(crate) text: &'a str,
}

/// A node as another node knows it; nodes without an address are left out.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) id: &'a str,
    /// Host and port.
    pub(crate) address: (String, u16),
    /// Another host by which a node may name it in a redirection; empty if there is none.
    pub(crate) other_host: &'a str,
    /// The id of the primary that it follows; `None` for a primary.
    pub(crate) follows: Option<&'a str>,
    /// Whether the node that was asked does not reach it.
    pub(crate) is_down: bool,
    pub(crate) epoch: u64,
    /// First and last slot of each range.
    pub(crate) ranges: Vec<(u16, u16)>,
    /// Slots that migrate to it or from it. A node reports this only of itself.
    pub(crate) moving: Vec<u16>,
    /// The slots among them that it gives away, each with the id of the receiver.
    pub(crate) gives: Vec<(u16, &'a str)>,
}

impl<'a> Node<'a> {
    /// Parses a line: id, address, flags, the id of its primary, two times, epoch, link, slots. `asked_host` is the
    /// host under which the node was asked, because it may not know its own. With `with_names`, nodes are called by the
    /// host names that they announce.
    pub(crate) fn of(line: &'a str, asked_host: &str, with_names: bool) -> Option<Self> {
        let mut fields = line.split(' ');
        let (id, written, flags) = (fields.next()?, fields.next()?, fields.next()?);
        let is = |wanted: &str| flags.split(',').any(|flag| flag == wanted);
        if is("noaddr") || is("handshake") {
            return None;
        }
        let follows = fields.next().filter(|_| !is("master"));
        let (_ping, _pong) = (fields.next()?, fields.next()?);
        let epoch = fields.next()?.parse().ok()?;
        let _link = fields.next()?;
        let slots: Vec<&str> = fields.collect();
        let (address, other_host) = address(asked_host, written, with_names)?;
        Some(Self {
            id,
            address,
            other_host,
            follows,
            is_down: is("fail") || is("fail?"),
            epoch,
            ranges: slots.iter().filter_map(|slots| range(slots)).collect(),
            moving: slots.iter().filter_map(|slots| moving(slots)).collect(),
            gives: slots.iter().filter_map(|slots| given(slots)).collect(),
        })
    }
}

impl<'a> View<'a> {
    /// The nodes in the answer.
    pub(crate) fn nodes(&self, with_names: bool) -> impl Iterator<Item = Node<'a>> {
        let host = self.host;
        self.text.lines().filter_map(move |line| Node::of(line, host, with_names))
    }
}

/// Parses `host:port@bus-port,name`, in which only the port is mandatory. Also gives the other host, if there are two.
fn address<'a>(asked_host: &str, written: &'a str, with_names: bool) -> Option<((String, u16), &'a str)> {
    let mut parts = written.split(',');
    let (host, port) = parts.next()?.split('@').next()?.rsplit_once(':')?;
    let name = parts.next().filter(|name| !name.is_empty() && !name.contains('='));
    let (host, other_host) = match name {
        Some(name) if with_names => (name, host),
        name => (if host.is_empty() { asked_host } else { host }, name.unwrap_or_default()),
    };
    Some(((host.to_owned(), port.parse().ok()?), other_host))
}

/// Parses `5461-10922` or `93`.
fn range(slots: &str) -> Option<(u16, u16)> {
    let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && usize::from(last) < SLOTS).then_some((first, last))
}

/// Parses `[93-<-id]` or `[93->-id]`.
fn moving(slots: &str) -> Option<u16> {
    slots.strip_prefix('[')?.split('-').next()?.parse().ok()
}

/// Parses `[93->-id]`.
fn given(slots: &str) -> Option<(u16, &str)> {
    let (slot, to) = slots.strip_prefix('[')?.strip_suffix(']')?.split_once("->-")?;
    Some((slot.parse().ok().filter(|slot| usize::from(*slot) < SLOTS)?, to))
}
