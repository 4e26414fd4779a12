//! What the checks of one server found, and what could not be checked.

use cli_support::Code;

use crate::reports::doctor::{Finding, Level, Subject};

/// The remedy for what was not checked because its server is away.
pub(super) const RECONNECT: &str = "repair the connection first";

/// What the checks of one server found.
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    /// That of an unreachable or unready server.
    pub(super) code: Code,
}

impl Checked {
    pub(super) fn fine(findings: Vec<Finding>) -> Self {
        debug_assert!(findings.iter().all(|finding| (finding.level == Level::Ok) == finding.remedy.is_none()));
        Self { findings, code: Code::Fine }
    }
}

/// The checks that a server could not be asked for.
pub(super) fn not_checked(subject: Subject, checks: &[&'static str], why: &str, remedy: &str) -> Vec<Finding> {
    checks.iter().map(|check| subject.not_checked(check, why, remedy)).collect()
}
