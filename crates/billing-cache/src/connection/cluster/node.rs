//! The lines of what a node of a cluster answers to `CLUSTER NODES`.

/// Slots of a cluster.
pub(crate) const SLOTS: usize = 16_384;

/// What one node answers to `CLUSTER NODES`.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// Where it was asked: a node may not know its own host.
    pub(crate) host: &'a str,
    pub(crate) text: &'a str,
}

/// A node as one of them knows it; never one without an address.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) id: &'a str,
    /// Host and port.
    pub(crate) address: (String, u16),
    /// By what other host a node may call it when it sends somebody there; empty if by none.
    pub(crate) other_host: &'a str,
    /// The id of the master that it follows; none of a master.
    pub(crate) follows: Option<&'a str>,
    /// Whoever was asked does not reach it.
    pub(crate) is_down: bool,
    pub(crate) epoch: u64,
    /// First and last slot of each range.
    pub(crate) ranges: Vec<(u16, u16)>,
    /// Slots on their way to it or from it. Only of itself does a node say so.
    pub(crate) moving: Vec<u16>,
    /// Those of them that it gives away, each with the id of who gets it.
    pub(crate) gives: Vec<(u16, &'a str)>,
}

impl<'a> Node<'a> {
    /// A line: id, address, flags, its own master, two times, epoch, link, slots. `asked_host` is where the node was
    /// asked, which may not know its own host. `with_names`: nodes are called by their host names, where they announce
    /// any.
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
    /// The nodes it knows.
    pub(crate) fn nodes(&self, with_names: bool) -> impl Iterator<Item = Node<'a>> {
        let host = self.host;
        self.text.lines().filter_map(move |line| Node::of(line, host, with_names))
    }
}

/// `host:port@bus-port,name`, of which all but the port may be absent; and its other host, if it has two.
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

/// `5461-10922` or `93`.
fn range(slots: &str) -> Option<(u16, u16)> {
    let (first, last) = slots.split_once('-').unwrap_or((slots, slots));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last && usize::from(last) < SLOTS).then_some((first, last))
}

/// `[93-<-id]` or `[93->-id]`.
fn moving(slots: &str) -> Option<u16> {
    slots.strip_prefix('[')?.split('-').next()?.parse().ok()
}

/// `[93->-id]`.
fn given(slots: &str) -> Option<(u16, &str)> {
    let (slot, to) = slots.strip_prefix('[')?.strip_suffix(']')?.split_once("->-")?;
    Some((slot.parse().ok().filter(|slot| usize::from(*slot) < SLOTS)?, to))
}
