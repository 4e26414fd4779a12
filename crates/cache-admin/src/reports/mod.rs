//! The results of the commands, rendered as text and as JSON. Nothing is computed here.

pub(crate) mod clear;
pub(crate) mod doctor;
mod fields;
pub(crate) mod inspect;
pub(crate) mod key_list;
pub(crate) mod migrate;
pub(crate) mod seed;
pub(crate) mod stats;
pub(crate) mod verify;
pub(crate) mod warmup;
