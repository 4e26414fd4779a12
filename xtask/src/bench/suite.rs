//! The parts of the suite in their order, their figures, and the page built from them.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::options::{Backend, DatabaseOptions, GrowthOptions, Options, Part, ToolsOptions};
use super::peer::Programs;
use super::program::{self, Depth, HOT_PATH, SERVICE, TOOLS, Target, WARM_UP};
use super::record::{Record, Records};
use super::results::{PartRun, Results};
use super::side::OURS;
use super::{compare, costs, growth, report, start_up, table};
use crate::install::{self, Need};
use crate::instructions::{self, Count};
use crate::process::say;
use crate::workspace::{root, target_directory};

/// Runs all parts. A part that fails leaves a gap in the page and makes the run fail; the others still run.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (depth, mut failed) = (options.depth(), Vec::new());
    let mut results = Results::new(depth);
    for part in parts(options) {
        say(&format!("== {}", part.name()));
        if let Err(error) = PartRun::of(&part.name(), || part.run(depth)).and_then(|run| keep(run, &mut results)) {
            say(&format!("{}: {error:#}", part.name()));
            failed.push(part.name());
        }
    }
    let report = options.report.clone().map_or_else(|| usual_report(depth), Ok)?;
    write_page(&results, &report)?;
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

/// Runs one part, and adds its results to the stored ones.
pub(crate) fn run_part(part: Part, depth: Depth) -> Result<()> {
    let run = PartRun::of(&part.name(), || part.run(depth))?;
    if !run.1.is_empty() {
        println!("{}", table::sections(&Records(run.1.clone())));
        // Read only now, because another part may have been measured meanwhile.
        keep(run, &mut Results::kept(&kept(depth)?, depth)?)?;
    }
    Ok(())
}

/// Builds everything, so that no compiler runs between the parts.
fn build() -> Result<()> {
    install::ensure(&[Need::Redis, Need::Postgres])?;
    for target in [HOT_PATH, SERVICE, TOOLS, WARM_UP] {
        target.build()?;
    }
    start_up::build()?;
    Programs::get().map(drop)
}

/// Builds the page from stored figures.
pub(crate) fn report_again(figures: &Path, report: Option<&Path>) -> Result<()> {
    let results = Results::read(figures)?;
    let report = report.map_or_else(|| usual_report(results.depth), |report| Ok(report.to_owned()))?;
    write_page(&results, &report)
}

/// The measurements of hits and of the tools at a million keys come first, because a run may be cut short.
fn parts(options: &Options) -> Vec<Part> {
    let database = DatabaseOptions { database: options.database };
    let growth = GrowthOptions { most_keys: options.most_keys };
    let tools = |keys| Part::Tools(ToolsOptions { keys, foreign: keys / 5, rounds: 3 });
    match options.depth() {
        Depth::Full => vec![
            Part::Build,
            Part::HotPath,
            Part::Instructions,
            Part::Service(database),
            tools(1_000_000),
            Part::Peers,
            Part::Growth(growth),
            Part::Costs,
            Part::StartUp,
            tools(100_000),
            Part::WarmUp(database),
        ],
        // The warm-up part is left out, because its compressed time cannot be shortened.
        Depth::Quick => vec![
            Part::Build,
            Part::HotPath,
            Part::Service(database),
            tools(20_000),
            Part::Peers,
            Part::Growth(growth),
            Part::Costs,
            Part::StartUp,
        ],
    }
}

fn keep((run, records): (PartRun, Vec<Record>), results: &mut Results) -> Result<()> {
    results.add(run, &records);
    results.write(&kept(results.depth)?)
}

fn directory() -> Result<PathBuf> {
    Ok(target_directory()?.join("xtask").join("bench"))
}

fn kept(depth: Depth) -> Result<PathBuf> {
    Ok(directory()?.join(match depth {
        Depth::Full => "results.json",
        Depth::Quick => "quick.json",
    }))
}

fn usual_report(depth: Depth) -> Result<PathBuf> {
    Ok(match depth {
        Depth::Full => root().join("docs").join("benchmarks.md"),
        Depth::Quick => directory()?.join("benchmarks.md"),
    })
}

fn write_page(results: &Results, report: &Path) -> Result<()> {
    report::write_page(results, report)?;
    say(&format!("written: {}", report.display()));
    Ok(())
}

impl Part {
    fn name(self) -> String {
        match self {
            Self::Build => "build".to_owned(),
            Self::HotPath => "hot-path".to_owned(),
            Self::Instructions => "instructions".to_owned(),
            Self::Peers => "peers".to_owned(),
            Self::Growth(_) => "growth".to_owned(),
            Self::Costs => "costs".to_owned(),
            Self::Service(_) => "service".to_owned(),
            Self::WarmUp(_) => "warm-up".to_owned(),
            Self::Tools(options) => format!("tools --keys {}", options.keys),
            Self::StartUp => "start-up".to_owned(),
        }
    }

    fn run(self, depth: Depth) -> Result<Vec<Record>> {
        match self {
            Self::Build => build().map(|()| Vec::new()),
            Self::HotPath => hot_path(depth),
            Self::Instructions => Ok(instructions::within_bounds()?.iter().map(counted).collect()),
            Self::Peers => compare::run(depth),
            Self::Growth(options) => growth::run(depth, options.most_keys),
            Self::Costs => costs::run(depth),
            Self::Service(options) => on_databases(SERVICE, options.database, depth, "service"),
            Self::WarmUp(options) => on_databases(WARM_UP, options.database, depth, "warm-up"),
            Self::Tools(options) => tools(options, depth),
            Self::StartUp => start_up::run(depth),
        }
    }
}

fn hot_path(depth: Depth) -> Result<Vec<Record>> {
    install::ensure(&[Need::Redis])?;
    program::alone(HOT_PATH, &[], depth, "hot-path")
}

fn counted(count: &Count) -> Record {
    let rounds = vec![count.instructions];
    Record { rounds, ..Record::new("instructions", count.operation, OURS, "instructions", "") }
}

/// The benchmark starts its Redis itself, because it measures the effect on a client of that server.
fn tools(options: ToolsOptions, depth: Depth) -> Result<Vec<Record>> {
    install::ensure(&[Need::Redis])?;
    let numbers = [("--keys", options.keys), ("--foreign", options.foreign), ("--rounds", u64::from(options.rounds))];
    let arguments: Vec<String> =
        numbers.iter().flat_map(|(name, number)| [(*name).to_owned(), number.to_string()]).collect();
    program::alone(TOOLS, &arguments, depth, &format!("tools/{}", options.keys))
}

/// Runs a benchmark that needs a Redis and a database.
fn on_databases(target: Target, only: Option<Backend>, depth: Depth, section: &str) -> Result<Vec<Record>> {
    let wanted = |backend: Backend| only.is_none_or(|only| only == backend);
    let mut records = Vec::new();
    install::ensure(&[Need::Redis])?;
    if wanted(Backend::Sqlite) {
        records.extend(program::on_sqlite(target, depth, &format!("{section}/sqlite"))?);
    }
    if wanted(Backend::Postgres) {
        install::ensure(&[Need::Postgres])?;
        records.extend(program::on_postgres(target, depth, &format!("{section}/postgres"))?);
    }
    Ok(records)
}
