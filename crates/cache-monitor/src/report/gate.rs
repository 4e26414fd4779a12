//! `--fail-under`: whether the cache still gives the required benefit, for continuous integration.
//!
//! The figure is the median over pairs of a hit and a load of the same key at the same time, because a slow machine
//! slows both. A type passes if its whole confidence interval is at or above the required value, and fails if none of
//! it is. Otherwise the result is unknown, as it is for a type with too few hits. An unknown result does not pass,
//! since otherwise the gate would be useless.

use super::baseline::Baseline;
use super::model::{
    BaselineReport, Figure, Gate, Judgement, MonitorReport, NotJudged, Outcome, PairedGain, TypeReport, rounded,
};

/// Judges the report.
pub(crate) fn judge(report: &MonitorReport, baseline: Option<&Baseline>, percent: f64) -> Gate {
    let (mut verdicts, mut not_judged) = (Vec::new(), Vec::new());
    for of_type in &report.types {
        match verdict(of_type, baseline, percent) {
            Ok(verdict) => verdicts.push(verdict),
            Err(why) => not_judged.push(NotJudged { name: of_type.name.clone(), why }),
        }
    }
    Gate {
        fail_under_percent: percent,
        baseline: baseline
            .map(|baseline| BaselineReport { file: baseline.file.clone(), measured_at: baseline.measured_at.clone() }),
        outcome: Outcome::of(&verdicts, &not_judged),
        verdicts,
        not_judged,
    }
}

/// The result for a type, or why there is none.
fn verdict(of_type: &TypeReport, baseline: Option<&Baseline>, percent: f64) -> Result<Judgement, &'static str> {
    let measured = of_type.measured.as_ref().ok_or("no rows, or no request")?;
    let PairedGain { median, low, high, .. } = measured.improvement.ok_or("too few hits: ask for more --iterations")?;
    let Some(baseline) = baseline else {
        let figures = [median, low, high].map(|gain| gain.percent);
        return Ok(Judgement::of(of_type, Figure::SavedPercent, percent, figures));
    };
    let before = baseline.speed_ups.iter().find(|(name, _)| *name == of_type.name).and_then(|(_, factor)| *factor);
    let before = before.ok_or("too few hits in the baseline: measure it again with more --iterations")?;
    let figures = [median, low, high].map(|gain| gain.factor);
    Ok(Judgement::of(of_type, Figure::SpeedUp, before * percent / 100.0, figures))
}

impl Outcome {
    /// The gate fails if one type fails.
    fn of(verdicts: &[Judgement], not_judged: &[NotJudged]) -> Self {
        let any = |outcome| verdicts.iter().any(|verdict| verdict.outcome == outcome);
        if any(Self::Failed) {
            Self::Failed
        } else if any(Self::Unknown) || !not_judged.is_empty() || verdicts.is_empty() {
            Self::Unknown
        } else {
            Self::Passed
        }
    }
}

impl Judgement {
    fn of(of_type: &TypeReport, figure: Figure, required: f64, [measured, low, high]: [f64; 3]) -> Self {
        let required = rounded(required);
        let outcome = match (low >= required, high >= required) {
            (true, _) => Outcome::Passed,
            (false, true) => Outcome::Unknown,
            (false, false) => Outcome::Failed,
        };
        let name = of_type.name.clone();
        Self { name, figure, required, measured, measured_low: low, measured_high: high, outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn baseline(factor: Option<f64>) -> Baseline {
        Baseline {
            file: "main.json".to_owned(),
            measured_at: "then".to_owned(),
            speed_ups: vec![(sample::INVOICES.to_owned(), factor), (sample::EMPTY.to_owned(), None)],
        }
    }

    /// The sample report, without the type that has no rows.
    fn report() -> MonitorReport {
        let mut report = sample::report();
        report.types.retain(|of_type| of_type.name == sample::INVOICES);
        report
    }

    fn gain(report: &MonitorReport) -> PairedGain {
        report.types.last().and_then(|of_type| of_type.measured.as_ref()?.improvement).unwrap()
    }

    #[test]
    fn a_speed_up_passes_or_fails_only_if_that_is_certain() {
        let report = report();
        let PairedGain { low, median, high, .. } = gain(&report);
        assert!(low.factor < median.factor && median.factor < high.factor);
        for (required, outcome) in [
            (low.factor * 0.99, Outcome::Passed),
            (median.factor, Outcome::Unknown),
            (high.factor * 1.01, Outcome::Failed),
        ] {
            let gate = judge(&report, Some(&baseline(Some(required / 0.8))), 80.0);
            assert_eq!((gate.outcome, gate.verdicts[0].outcome), (outcome, outcome), "{gate:?}");
            assert_eq!(gate.verdicts[0].figure, Figure::SpeedUp);
        }
    }

    #[test]
    fn without_a_baseline_the_percentage_is_of_the_time_of_a_load() {
        assert_eq!(judge(&report(), None, 50.0).outcome, Outcome::Passed);
        let gate = judge(&report(), None, 100.0);
        assert_eq!((gate.outcome, gate.verdicts[0].figure), (Outcome::Failed, Figure::SavedPercent), "{gate:?}");
    }

    #[test]
    fn a_type_of_which_nothing_can_be_told_is_not_passed() {
        let mut report = sample::report();
        let gate = judge(&report, None, 50.0);
        assert_eq!((gate.outcome, gate.not_judged[0].name.as_str()), (Outcome::Unknown, sample::EMPTY));
        assert_eq!(judge(&report, None, 100.0).outcome, Outcome::Failed, "what fails, fails");
        assert_eq!(judge(&self::report(), Some(&baseline(None)), 50.0).outcome, Outcome::Unknown);
        report.types.iter_mut().filter_map(|t| t.measured.as_mut()).for_each(|measured| measured.improvement = None);
        assert_eq!(judge(&report, None, 0.0).outcome, Outcome::Unknown);
        report.types.clear();
        assert_eq!(judge(&report, None, 0.0).outcome, Outcome::Unknown);
    }
}
