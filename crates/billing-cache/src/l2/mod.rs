//! L2: Redis, as the cache uses it. The only folder of the workspace's libraries that speaks to a server.
//!
//! [`address`] says where it is, with [`sentinel`], [`cluster`] and [`tls`] where they are wanted, [`link`] keeps the
//! shared connection to one server and [`shards`] the links to all. [`lookup`], [`acquire`], [`fill`], [`release`] and
//! [`removal`] are the commands of the protocol, [`history`] says which life of a server answered, [`data_id`] and
//! [`which_data`] which data it has, [`orphan`] gives back leases that nobody waits for, [`ear`] hears what changes.
//! [`admin`] holds what walks over many keys, [`examination`] and [`rights`] look at the server itself.

pub(crate) mod acquire;
mod address;
pub(crate) mod admin;
pub(crate) mod cluster;
mod data_id;
pub(crate) mod ear;
pub(crate) mod error;
pub(crate) mod examination;
pub(crate) mod fill;
pub(crate) mod following;
pub(crate) mod history;
pub(crate) mod info;
pub(crate) mod lease;
pub(crate) mod link;
pub(crate) mod lookup;
mod orphan;
pub(crate) mod oversize;
pub(crate) mod redirect;
pub(crate) mod release;
pub(crate) mod removal;
pub(crate) mod rights;
pub(crate) mod scan;
mod script;
pub(crate) mod sentinel;
pub(crate) mod shards;
pub(crate) mod tls;
mod which_data;
pub(crate) mod written;
