//! A session: the types to measure, their keys or a recorded log, and the sheets for the numbers.
//!
//! Invariant: [`Session::written`] knows every key that may have been written, however the measurement ends.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use billing_cache::{KeySpace, TypeInfo};
use billing_core::cached::BillingCache;
use billing_core::settings::Settings;
use billing_outbox::registry::Probe;
use cli_support::{Progress, interruption, open};

use crate::arguments::Arguments;
use crate::measurement::Measurement;
use crate::report::{TypeOutcome, WorkloadReport};
use crate::runner::{Runner, Sheets, Stopped, blank_sheets};
use crate::trial_space;
use crate::workload::{Draw, KeySequence, RecordedRequests, Tally, TraceFile, Workload};

/// A measurement, from its preparation to its numbers.
pub(crate) struct Session {
    runner: Runner,
    candidates: Vec<Candidate>,
    source: Source,
    sheets: Sheets,
}

/// A type and the keys to measure it with.
struct Candidate {
    /// With the TTL in force during the measurement.
    info: TypeInfo,
    /// The TTL in production.
    ttl: Duration,
    probe: Arc<dyn Probe>,
}

/// The source of the requests.
enum Source {
    /// Drawn from the keys of the candidates.
    Drawn { draw: Draw, iterations: u64, keys_limit: u64, again: String },
    /// A recorded log from this file.
    Recorded { workload: Arc<Workload>, file: String },
}

impl Session {
    /// Opens the cache in a separate key space, and lists the keys to measure or starts to read the log.
    ///
    /// # Errors
    /// Redis or the database cannot be reached or fails, or the settings cannot work.
    pub(crate) async fn prepare(
        arguments: &Arguments,
        production: &Settings,
        trace: Option<TraceFile>,
    ) -> Result<Self> {
        let cache = open::cache_apart(&trial_space::apart(production.clone())).await?;
        interruption::listen();
        // With a log, the keys come from the log. One key from the database is enough to open the connections.
        let limit = if trace.is_some() { 1 } else { arguments.keys };
        let candidates = candidates(&cache, arguments, production, limit).await.context("list the keys to measure")?;
        let source = match trace {
            Some(trace) => recorded(trace, arguments, &cache, production)?,
            None => drawn(arguments),
        };
        let tasks = usize::try_from(arguments.concurrency).expect("the arguments allow few tasks");
        let runner = Runner { cache, tasks, warm_up: arguments.warmup };
        let sheets = blank_sheets(candidates.len());
        Ok(Self { runner, candidates, source, sheets })
    }

    /// The cache, in the key space of the measurement.
    pub(crate) fn cache(&self) -> &BillingCache {
        &self.runner.cache
    }

    /// Whether there is nothing to request.
    pub(crate) fn has_nothing(&self) -> bool {
        let no_keys = self.candidates.iter().all(|candidate| candidate.probe.is_empty());
        matches!(self.source, Source::Drawn { .. }) && no_keys
    }

    /// Makes all requests. Measurements made before an error are kept.
    pub(crate) async fn measure(&self) -> Result<(), Stopped> {
        match &self.source {
            Source::Drawn { draw, iterations, .. } => self.measure_drawn(*draw, *iterations).await,
            Source::Recorded { workload, file } => self.measure_recorded(workload, file).await,
        }
    }

    /// One type after the other.
    async fn measure_drawn(&self, draw: Draw, iterations: u64) -> Result<(), Stopped> {
        for (index, candidate) in self.candidates.iter().enumerate() {
            let Some(sequence) = KeySequence::new(draw, candidate.probe.len()) else { continue };
            self.runner.open_connections(candidate.probe.as_ref()).await?;
            let requests = self.runner.warm_up + iterations;
            let workload = Arc::new(Workload::drawn(index, Arc::clone(&candidate.probe), sequence, requests));
            let progress = Progress::of(candidate.info.name, requests);
            self.runner.run(&workload, &self.sheets, Arc::new(move || progress.add(1))).await?;
        }
        Ok(())
    }

    /// All types in the order of the log.
    async fn measure_recorded(&self, workload: &Arc<Workload>, file: &str) -> Result<(), Stopped> {
        if let Some(candidate) = self.candidates.iter().find(|candidate| !candidate.probe.is_empty()) {
            self.runner.open_connections(candidate.probe.as_ref()).await?;
        }
        let progress = Progress::open_ended(file);
        self.runner.run(workload, &self.sheets, Arc::new(move || progress.add(1))).await
    }

    /// The keys that may have been written.
    pub(crate) fn written(&self) -> Box<dyn Iterator<Item = String> + Send + '_> {
        match &self.source {
            Source::Drawn { .. } => {
                let probes = self.candidates.iter().map(|candidate| &candidate.probe);
                Box::new(probes.flat_map(|probe| (0..probe.len()).map(|place| probe.key_text(place))))
            }
            Source::Recorded { workload, .. } => Box::new(log_of(workload).written().into_iter()),
        }
    }

    /// The numbers of each type. They are removed, so a second call returns none.
    pub(crate) fn outcomes(&self) -> Vec<TypeOutcome> {
        let types = self.candidates.iter().zip(self.sheets.iter());
        let outcome = |(candidate, sheet): (&Candidate, &std::sync::Mutex<Measurement>)| TypeOutcome {
            info: candidate.info,
            ttl: candidate.ttl,
            keys: matches!(self.source, Source::Drawn { .. }).then(|| candidate.probe.len() as u64),
            measurement: std::mem::replace(
                &mut *sheet.lock().unwrap_or_else(PoisonError::into_inner),
                Measurement::new(),
            ),
        };
        types.map(outcome).collect()
    }

    /// The workload.
    pub(crate) fn workload_report(&self) -> WorkloadReport {
        match &self.source {
            Source::Drawn { draw, iterations, keys_limit, .. } => WorkloadReport::Zipf {
                iterations: *iterations,
                keys_limit: *keys_limit,
                zipf_exponent: draw.exponent,
                seed: draw.seed,
            },
            Source::Recorded { workload, file } => {
                let Tally { lines, replayed, other_types, foreign, .. } = log_of(workload).tally();
                WorkloadReport::Trace { file: file.clone(), lines, replayed, other_types, foreign }
            }
        }
    }

    /// Notes about the log for a reader of the report.
    pub(crate) fn notes(&self) -> Vec<String> {
        let Source::Recorded { workload, file } = &self.source else { return Vec::new() };
        let Tally { lines, foreign, first_foreign, .. } = log_of(workload).tally();
        let mut notes = vec![format!("{file}: replayed in its order, without the pauses between the accesses")];
        if foreign > 0 {
            let first: Vec<String> = first_foreign.iter().map(u64::to_string).collect();
            let and_more = if foreign > first.len() as u64 { ", …" } else { "" };
            let first = first.join(", ");
            notes.push(format!(
                "{file}: {foreign} of {lines} lines are no keys of ours, and were left out: line {first}{and_more}"
            ));
        }
        notes
    }

    /// Why a completed measurement made no request.
    pub(crate) fn why_no_request(&self) -> String {
        let Source::Recorded { workload, file } = &self.source else { return "no request was made".to_owned() };
        let Tally { lines, replayed, first_foreign, .. } = log_of(workload).tally();
        let warmup = self.runner.warm_up;
        match first_foreign.first() {
            _ if replayed > 0 => format!("--trace {file}: all of its {replayed} requests are within --warmup {warmup}"),
            Some(first) => format!(
                "--trace {file}: none of its {lines} lines is a key of the types that are measured, such as {}; see line {first}",
                self.candidates.iter().map(|candidate| candidate.info.pattern()).collect::<Vec<_>>().join(" or ")
            ),
            None if lines > 0 => format!("--trace {file}: none of its {lines} lines is a key of the chosen --type"),
            None => format!("--trace {file}: is empty"),
        }
    }

    /// The command that requests the same keys again; `None` for a log.
    pub(crate) fn the_same_again(&self) -> Option<String> {
        match &self.source {
            Source::Drawn { again, .. } => Some(again.clone()),
            Source::Recorded { .. } => None,
        }
    }
}

async fn candidates(
    cache: &BillingCache,
    arguments: &Arguments,
    production: &Settings,
    limit: u64,
) -> Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    for cached in arguments.types() {
        let declared = cached.info();
        let set = production.cache.types.get(declared.name).and_then(|set| set.ttl_seconds);
        // The cache knows the TTLs of the measurement.
        let info = *cache.types().find(|info| info.name == declared.name).expect("every type is in the cache");
        let ttl = set.map_or(declared.ttl, Duration::from_secs);
        candidates.push(Candidate { info, ttl, probe: cached.probe(cache, limit).await? });
    }
    Ok(candidates)
}

fn drawn(arguments: &Arguments) -> Source {
    let draw = arguments.draw();
    let again = arguments.again(draw);
    Source::Drawn { draw, iterations: arguments.iterations, keys_limit: arguments.keys, again }
}

fn recorded(trace: TraceFile, arguments: &Arguments, cache: &BillingCache, production: &Settings) -> Result<Source> {
    let file = arguments.trace.as_deref().map(|path| path.display().to_string()).unwrap_or_default();
    let space = KeySpace::with_prefix(production.cache.key_space.clone());
    let workload = Arc::new(Workload::Recorded(trace.read(cache, space, &arguments.types())?));
    Ok(Source::Recorded { workload, file })
}

fn log_of(workload: &Workload) -> &RecordedRequests {
    match workload {
        Workload::Recorded(requests) => requests,
        Workload::Drawn(_) => unreachable!("a recorded source has a recorded workload"),
    }
}
