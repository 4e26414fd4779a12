//! The connections to Redis: where the servers are, one link to each, and which of them has which key. The lowest floor
//! that speaks to a server.
//!
//! [`address`] says where one is, with [`sentinel`], [`cluster`] and [`tls`] where they are wanted; [`link`] keeps the
//! shared connection to one server, with a [`breaker`] around it; [`shards`] has the links to all, and [`following`]
//! keeps their [`slot_map`] up to date. [`data_id`] and [`which_data`] tell the data of a server from those that were
//! there before.

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
