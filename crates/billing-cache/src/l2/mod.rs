//! L2: Redis, as the cache uses it. The only folder of the workspace's libraries that speaks to a server.
//!
//! [`address`] says where it is, with [`sentinel`] and [`tls`] where they are wanted, [`link`] keeps the shared connection,
//! [`store`] states the commands of the protocol, [`admin`] holds what walks over many keys, [`examination`] and [`rights`]
//! look at the server itself, [`history`] says which life of the server answered, [`orphan`] gives back leases that nobody
//! waits for.

mod address;
pub(crate) mod admin;
pub(crate) mod ear;
pub(crate) mod error;
pub(crate) mod examination;
pub(crate) mod history;
pub(crate) mod link;
mod orphan;
pub(crate) mod rights;
pub(crate) mod sentinel;
pub(crate) mod store;
pub(crate) mod tls;
