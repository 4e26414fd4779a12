//! The commands, one per file: arguments, and the way from settings to a report.

pub(crate) mod clear;
pub(crate) mod doctor;
mod ids;
pub(crate) mod inspect;
pub(crate) mod migrate;
pub(crate) mod seed;
pub(crate) mod stats;
pub(crate) mod verify;
pub(crate) mod warmup;
