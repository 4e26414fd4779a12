//! The findings of the checks of one server, and the checks that could not be made.

use cli_support::Code;

use crate::reports::doctor::{Finding, Level, Subject};

/// The remedy for checks that were not made because the server cannot be reached.
pub(super) const RECONNECT: &str = "repair the connection first";

/// The findings of the checks of one server.
pub(super) struct Checked {
    pub(super) findings: Vec<Finding>,
    /// `Code::Fine`, or the code for a server that cannot be reached or is not ready.
    pub(super) code: Code,
}

impl Checked {
    pub(super) fn fine(findings: Vec<Finding>) -> Self {
        debug_assert!(findings.iter().all(|finding| (finding.level == Level::Ok) == finding.remedy.is_none()));
        Self { findings, code: Code::Fine }
    }
}

/// Findings for checks that could not be made.
pub(super) fn not_checked(subject: Subject, checks: &[&'static str], why: &str, remedy: &str) -> Vec<Finding> {
    checks.iter().map(|check| subject.not_checked(check, why, remedy)).collect()
}
