//! The connections to Redis: the addresses of the servers, one link to each, and the server of each key. The lowest
//! floor that talks to a server.
//!
//! [`address`] has the address of a server, with [`sentinel`], [`cluster`] and [`tls`] if they are configured. [`link`]
//! keeps the shared connection to one server, with a [`breaker`] around it. [`shards`] has the links to all servers,
//! and [`following`] keeps their [`slot_map`] up to date. [`data_id`] and [`which_data`] tell the current data of a
//! server from those it had before.

mod address;
mod address_list;
pub(crate) mod breaker;
pub(crate) mod cluster;
pub(crate) mod data_id;
pub(crate) mod error;
pub(crate) mod following;
pub(crate) mod info;
pub(crate) mod link;
pub(crate) mod redirect;
pub(crate) mod sentinel;
pub(crate) mod shards;
pub(crate) mod slot_map;
pub(crate) mod tls;
pub(crate) mod which_data;
