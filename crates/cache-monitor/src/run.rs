//! One run: open, measure, clear, judge, show.
//!
//! Invariant: the clear always runs between the first request and the end of the process, whether the measurement
//! succeeded, failed or was interrupted.

use anyhow::{Result, anyhow};
use billing_cache::RedisUnreachable;
use billing_core::settings::Settings;
use chrono::{SecondsFormat, Utc};
use cli_support::{Code, Ending, exit, usage};

use crate::arguments::Arguments;
use crate::outputs::Outputs;
use crate::report::{self, Baseline, Conditions, Expected, Gate, MonitorReport, Outcome};
use crate::runner::Stopped;
use crate::session::Session;
use crate::workload::TraceFile;
use crate::{trial_space, usage as counters};

/// Runs the measurement that the command line describes.
pub(crate) async fn run(arguments: &Arguments) -> Result<Code> {
    let outputs = Outputs::prepare(arguments)?;
    let baseline = read_baseline(arguments)?;
    let trace = arguments.trace.as_deref().map(TraceFile::open).transpose()?;
    let settings = arguments.common.settings()?;
    let session = Session::prepare(arguments, &settings, trace).await?;
    if session.has_nothing() {
        exit::print_error(&nothing_to_measure(&session));
        return Ok(Code::Unreachable);
    }
    let measured = session.measure().await;
    let cleared = clear(&session).await;
    let ended = match measured {
        Ok(()) => Ending::Complete,
        Err(Stopped::Interrupted) => Ending::Interrupted,
        Err(stopped) => return Err(stopped.into()),
    };
    cleared?;
    Conclusion { arguments, session, settings, baseline, outputs }.draw(ended).await
}

fn read_baseline(arguments: &Arguments) -> Result<Option<Baseline>> {
    let types = arguments.types().iter().map(|cached| cached.info().name).collect();
    let expected = Expected { types, concurrency: arguments.concurrency };
    arguments.baseline.as_deref().map(|path| Baseline::read(path, &expected)).transpose()
}

fn nothing_to_measure(session: &Session) -> anyhow::Error {
    let database = session.cache().source().describe();
    anyhow!("there is nothing to measure: {database} has no rows; fill it, for example with `cache-admin seed`")
}

/// A failed clear is reported at once, with the consequence for the keys, because the caller may have a more important
/// error.
async fn clear(session: &Session) -> Result<(), RedisUnreachable> {
    let cleared = trial_space::clear(session.cache(), session.written()).await;
    if cleared.is_err() {
        let (space, seconds) = (session.cache().space().prefix(), trial_space::LONGEST_TTL.as_secs());
        exit::say(format_args!("what was cached under {space} could not be removed; it expires within {seconds} s"));
    }
    cleared
}

/// The steps that follow a measurement.
struct Conclusion<'a> {
    arguments: &'a Arguments,
    session: Session,
    settings: Settings,
    baseline: Option<Baseline>,
    outputs: Outputs,
}

impl Conclusion<'_> {
    /// Reports the measurements, and returns the exit code.
    async fn draw(self, ended: Ending) -> Result<Code> {
        let outcomes = self.session.outcomes();
        if outcomes.iter().all(|outcome| outcome.measurement.count() == 0) {
            return no_request(&self.session, ended);
        }
        let mut report = report::build(self.conditions(ended).await, &outcomes);
        report.gate = self.judge(&report);
        self.outputs.show(&report, self.arguments.common.format)?;
        if let Some(again) = self.session.the_same_again() {
            exit::say(format_args!("the same requests again: {again}"));
        }
        Ok(code_of(&report, self.arguments))
    }

    /// A partial measurement is not judged.
    fn judge(&self, report: &MonitorReport) -> Option<Gate> {
        let wanted = self.arguments.fail_under.filter(|_| !report.interrupted);
        wanted.map(|percent| report::judge(report, self.baseline.as_ref(), percent))
    }

    async fn conditions(&self, ended: Ending) -> Conditions {
        let cache = self.session.cache();
        Conditions {
            measured_at: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            database: cache.source().describe().to_owned(),
            redis: cache.endpoint().to_owned(),
            workload: self.session.workload_report(),
            concurrency: self.arguments.concurrency,
            warmup: self.arguments.warmup,
            ended,
            is_embedded: cache.source().is_embedded(),
            usage: counters::of_production(self.settings.clone()).await.map_err(|error| exit::sentence(&error)),
            notes: self.session.notes(),
        }
    }
}

fn no_request(session: &Session, ended: Ending) -> Result<Code> {
    match ended {
        Ending::Interrupted => {
            exit::print_error(&anyhow!("interrupted before the first request was measured"));
            Ok(Code::Interrupted)
        }
        Ending::Complete => Err(usage(session.why_no_request())),
    }
}

fn code_of(report: &MonitorReport, arguments: &Arguments) -> Code {
    if report.interrupted {
        exit::print_error(&anyhow!(
            "interrupted: shown is what was measured until then; nothing of it is left in Redis"
        ));
        return Code::Interrupted;
    }
    match report.gate.as_ref().map(|gate| gate.outcome) {
        Some(Outcome::Failed) => Code::No,
        Some(Outcome::Unknown) if !arguments.allow_unknown => {
            exit::print_error(&anyhow!(
                "--fail-under: some types cannot be judged; ask for more --iterations, choose types with --type, or give \
                 --allow-unknown"
            ));
            Code::Usage
        }
        Some(Outcome::Passed | Outcome::Unknown) | None => Code::Fine,
    }
}
