//! What programs are asked for while their settings are hostile: something that needs Redis, the database, or both.

use std::ffi::OsString;

use proptest::prelude::*;
use proptest::sample::select;

use super::trial::Tool;

const USES: &[(Tool, &str)] = &[
    (Tool::Admin, "doctor"),
    (Tool::Admin, "doctor --format json"),
    (Tool::Admin, "stats"),
    (Tool::Admin, "inspect invoice:1"),
    (Tool::Admin, "verify --all"),
    (Tool::Admin, "warmup --type invoices --limit 5"),
    (Tool::Admin, "clear --type all"),
    (Tool::Admin, "migrate"),
    (Tool::Monitor, "--iterations 2 --type invoices"),
    (Tool::Monitor, "dashboard --listen 127.0.0.1:0"),
    (Tool::Service, "--listen 127.0.0.1:0"),
    (Tool::Service, "--listen 127.0.0.1:0"),
];

/// One use of one program.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) tool: Tool,
    pub(super) arguments: Vec<OsString>,
}

pub(super) fn uses() -> impl Strategy<Value = Use> {
    let of =
        |(tool, arguments): (Tool, &str)| Use { tool, arguments: arguments.split(' ').map(OsString::from).collect() };
    select(USES).prop_map(of)
}
