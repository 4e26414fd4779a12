//! The lines of what a node of a cluster answers to `CLUSTER NODES`, as far as people want to know them; who has which slots is
//! worked out in [`super::topology`].

use super::topology::View;

/// A node as one of them knows it; never one without an address.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) id: &'a str,
    /// Host and port.
    pub(crate) address: (String, u16),
    /// The id of the master that it follows; none of a master.
    pub(crate) follows: Option<&'a str>,
    /// Whoever was asked does not reach it.
    pub(crate) is_down: bool,
    /// Slots on their way to it or from it. Only of itself does a node say so.
    pub(crate) moving: Vec<u16>,
}

impl<'a> Node<'a> {
    /// A line: id, address, flags, its own master, two times, epoch, link, slots. `asked_host` is where the node was asked,
    /// which may not know its own host. `with_names`: nodes are called by their host names, where they announce any.
    pub(crate) fn of(line: &'a str, asked_host: &str, with_names: bool) -> Option<Self> {
        let mut fields = line.split(' ');
        let (id, written, flags) = (fields.next()?, fields.next()?, fields.next()?);
        let is = |wanted: &str| flags.split(',').any(|flag| flag == wanted);
        if is("noaddr") || is("handshake") {
            return None;
        }
        let follows = fields.next().filter(|_| !is("master"));
        let [_ping, _pong, _epoch, _link] = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
        Some(Self {
            id,
            address: address(asked_host, written, with_names)?,
            follows,
            is_down: is("fail") || is("fail?"),
            moving: fields.filter_map(moving).collect(),
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

/// `host:port@bus-port,name`, of which all but the port may be absent.
fn address(asked_host: &str, written: &str, with_names: bool) -> Option<(String, u16)> {
    let mut parts = written.split(',');
    let (host, port) = parts.next()?.split('@').next()?.rsplit_once(':')?;
    let name = parts.next().filter(|name| with_names && !name.is_empty() && !name.contains('='));
    let host = name.unwrap_or(if host.is_empty() { asked_host } else { host });
    Some((host.to_owned(), port.parse().ok()?))
}

/// `[93-<-id]` or `[93->-id]`.
fn moving(slots: &str) -> Option<u16> {
    slots.strip_prefix('[')?.split('-').next()?.parse().ok()
}
