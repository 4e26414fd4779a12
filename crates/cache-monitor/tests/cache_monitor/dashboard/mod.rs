//! `cache-monitor dashboard`: the program, asked over HTTP as browsers and machines ask it.

mod access;
mod gauges;
mod numbers;
mod outages;
pub(crate) mod program;
