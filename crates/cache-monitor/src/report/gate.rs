//! `--fail-under`: whether the cache is still worth what it should be, for continuous integration.
//!
//! The figure is the median over pairs of a hit and a load of the same key at the same moment: a machine that is slow today
//! is slow for both. What counts is the better end of its confidence interval, so that a gate closes on a change for the worse and
//! not on noise; few samples make a wide interval, and so a lenient gate.

use anyhow::Result;
use cli_support::usage;
use serde::Serialize;

use super::build::rounded;
use super::{MonitorReport, PairedGain, TypeReport};
use crate::baseline::Baseline;

/// What was asked for, and whether it is so.
#[derive(Debug, Serialize)]
pub(crate) struct Gate {
    /// The percentage of the command line.
    pub(crate) fail_under_percent: f64,
    /// What was compared with; `None` if the percentage stands for itself.
    pub(crate) baseline: Option<BaselineReport>,
    /// Whether every type passed.
    pub(crate) passed: bool,
    /// Each type that could be judged.
    pub(crate) verdicts: Vec<Verdict>,
    /// The types that could not be: they have no rows, or had too few hits in the baseline.
    pub(crate) not_judged: Vec<String>,
}

/// The earlier report.
#[derive(Debug, Serialize)]
pub(crate) struct BaselineReport {
    /// Where it stands.
    pub(crate) file: String,
    /// When it was measured.
    pub(crate) measured_at: String,
}

/// One type under the gate.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Verdict {
    /// The name of the type.
    pub(crate) name: String,
    /// What is judged.
    pub(crate) figure: Figure,
    /// The least that passes.
    pub(crate) required: f64,
    /// The median.
    pub(crate) measured: f64,
    /// The better end of its interval: what is judged.
    pub(crate) measured_high: f64,
    /// Whether it is enough.
    pub(crate) passed: bool,
}

/// What is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    /// How many times as fast as a load a hit is.
    SpeedUp,
    /// How many percent of a load a hit saves.
    SavedPercent,
}

/// Judges the report.
///
/// # Errors
/// A usage error: a type has too few hits to be judged, or there is none.
pub(crate) fn judge(report: &MonitorReport, baseline: Option<&Baseline>, percent: f64) -> Result<Gate> {
    let verdicts = match baseline {
        Some(baseline) => against_baseline(report, baseline, percent)?,
        None => against_percent(report, percent)?,
    };
    if verdicts.is_empty() {
        return Err(usage("--fail-under: no type has hits to judge; see the notes of the report"));
    }
    Ok(Gate {
        fail_under_percent: percent,
        baseline: baseline
            .map(|baseline| BaselineReport { file: baseline.file.clone(), measured_at: baseline.measured_at.clone() }),
        passed: verdicts.iter().all(|verdict| verdict.passed),
        not_judged: not_judged(report, &verdicts),
        verdicts,
    })
}

fn not_judged(report: &MonitorReport, verdicts: &[Verdict]) -> Vec<String> {
    let judged = |name: &str| verdicts.iter().any(|verdict| verdict.name == name);
    report.types.iter().filter(|of_type| !judged(&of_type.name)).map(|of_type| of_type.name.clone()).collect()
}

fn against_baseline(report: &MonitorReport, baseline: &Baseline, percent: f64) -> Result<Vec<Verdict>> {
    let before = baseline.speed_ups.iter().filter_map(|(name, factor)| Some((name, (*factor)?)));
    let known = before.filter_map(|(name, before)| Some((report.of_type(name)?, before)));
    known
        .map(|(of_type, before)| {
            let gain = gain_of(of_type)?;
            let figures = (before * percent / 100.0, gain.median.factor, gain.high.factor);
            Ok(Verdict::of(&of_type.name, Figure::SpeedUp, figures))
        })
        .collect()
}

fn against_percent(report: &MonitorReport, percent: f64) -> Result<Vec<Verdict>> {
    let measured = report.types.iter().filter(|of_type| of_type.measured.is_some());
    measured
        .map(|of_type| {
            let gain = gain_of(of_type)?;
            let figures = (percent, gain.median.percent, gain.high.percent);
            Ok(Verdict::of(&of_type.name, Figure::SavedPercent, figures))
        })
        .collect()
}

fn gain_of(of_type: &TypeReport) -> Result<PairedGain> {
    let gain = of_type.measured.as_ref().and_then(|measured| measured.improvement);
    let name = &of_type.name;
    gain.ok_or_else(|| usage(format!("--fail-under: {name} has too few hits to be judged; ask for more --iterations")))
}

impl Verdict {
    fn of(name: &str, figure: Figure, (required, measured, measured_high): (f64, f64, f64)) -> Self {
        let required = rounded(required);
        Self { name: name.to_owned(), figure, required, measured, measured_high, passed: measured_high >= required }
    }
}

impl MonitorReport {
    fn of_type(&self, name: &str) -> Option<&TypeReport> {
        self.types.iter().find(|of_type| of_type.name == name)
    }
}

#[cfg(test)]
mod tests {
    use cli_support::{Code, exit};

    use super::super::sample;
    use super::*;

    fn baseline(factor: f64) -> Baseline {
        Baseline {
            file: "main.json".to_owned(),
            measured_at: "then".to_owned(),
            speed_ups: vec![(sample::INVOICES.to_owned(), Some(factor)), (sample::EMPTY.to_owned(), None)],
        }
    }

    #[test]
    fn a_speed_up_may_fall_to_the_percentage_of_the_baseline() {
        let report = sample::report();
        let found = report.of_type(sample::INVOICES).and_then(|t| t.measured.as_ref()?.improvement).unwrap();
        for (before, passed) in
            [(1.0, 1.0 <= found.high.factor), (found.high.factor * 1.2, true), (found.high.factor * 1.3, false)]
        {
            let gate = judge(&report, Some(&baseline(before)), 80.0).unwrap();
            assert_eq!((gate.passed, gate.verdicts.len()), (passed, 1), "{gate:?}");
            assert_eq!(gate.not_judged, [sample::EMPTY]);
        }
    }

    #[test]
    fn without_a_baseline_the_percentage_is_of_the_time_of_a_load() {
        let report = sample::report();
        assert!(judge(&report, None, 50.0).unwrap().passed);
        let gate = judge(&report, None, 100.0).unwrap();
        assert!(!gate.passed && gate.verdicts.iter().all(|verdict| verdict.figure == Figure::SavedPercent), "{gate:?}");
    }

    #[test]
    fn too_few_hits_cannot_be_judged() {
        let mut report = sample::report();
        report.types.iter_mut().filter_map(|t| t.measured.as_mut()).for_each(|measured| measured.improvement = None);
        for found in [judge(&report, None, 50.0), judge(&report, Some(&baseline(2.0)), 50.0)] {
            assert_eq!(exit::code_of(&found.unwrap_err()), Code::Usage);
        }
        report.types.clear();
        assert_eq!(exit::code_of(&judge(&report, None, 50.0).unwrap_err()), Code::Usage);
    }
}
