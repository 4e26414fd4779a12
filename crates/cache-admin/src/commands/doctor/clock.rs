//! Clocks: L1 and the relay compare times of this machine with times written by other machines.

use billing_cache::ClockOffset;
use billing_core::settings::Settings;

use crate::reports::doctor::{Finding, Subject};

/// Above this difference, events that depend on a time visibly happen earlier or later than on other machines.
const NOTE_ABOVE_MS: u64 = 1_000;

const REMEDY: &str = "synchronise the clocks (NTP, chrony) of this machine and of the server";

pub(super) fn judge(subject: Subject, offset: ClockOffset, settings: &Settings) -> Finding {
    let least_ms = offset.at_least_ms();
    if least_ms <= NOTE_ABOVE_MS {
        let most_ms = offset.offset_ms.unsigned_abs() + offset.uncertainty_ms;
        return subject.ok("clock", format!("within {} ms of this machine's", most_ms.max(1)));
    }
    let found = describe(offset);
    let margin_seconds = settings.relay.retention_margin_seconds;
    if subject == Subject::Database && least_ms >= margin_seconds.saturating_mul(1_000) {
        let found = format!("{found}: more than relay.retention_margin_seconds, so a replay may miss invalidations");
        return subject.problem("clock", found, REMEDY);
    }
    subject.note("clock", found, REMEDY)
}

fn describe(offset: ClockOffset) -> String {
    let ClockOffset { offset_ms, uncertainty_ms } = offset;
    let direction = if offset_ms < 0 { "behind" } else { "ahead of" };
    format!("{} ms {direction} this machine's, give or take {uncertainty_ms} ms", offset_ms.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::doctor::Level;

    #[test]
    fn a_difference_counts_only_beyond_its_uncertainty() {
        let settings = Settings::defaults();
        for (subject, offset_ms, uncertainty_ms, level) in [
            (Subject::Redis, 900, 0, Level::Ok),
            (Subject::Redis, -1_400, 500, Level::Ok),
            (Subject::Redis, -1_400, 100, Level::Note),
            (Subject::Database, 899_000, 0, Level::Note),
            (Subject::Database, -900_001, 1, Level::Problem),
            (Subject::Redis, 2_000_000, 0, Level::Note),
        ] {
            let finding = judge(subject, ClockOffset { offset_ms, uncertainty_ms }, &settings);
            assert_eq!(finding.level, level, "{finding:?}");
        }
    }
}
