//! `cargo xtask bench`: one suite, one page. Everything runs against servers that this task or a benchmark starts.
//!
//! A full run writes `docs/benchmarks.md`; a quick run or a single part never does. The figures of every run are kept
//! in `target/xtask/bench`, and `--from` builds the page from them again.

mod compare;
mod costs;
mod curve;
mod goal;
mod goals;
mod growth;
mod machine;
mod memory;
mod options;
mod peer;
mod program;
mod record;
mod report;
mod results;
mod side;
mod start_up;
mod suite;
mod table;
mod usage;
mod works;

use anyhow::Result;

pub(crate) use options::Options;

pub(crate) fn run(options: &Options) -> Result<()> {
    match (&options.from, options.part) {
        (Some(figures), _) => suite::report_again(figures, options.report.as_deref()),
        (None, Some(part)) => suite::run_part(part, options.depth()),
        (None, None) => suite::run(options),
    }
}
