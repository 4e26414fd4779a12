//! How long the tools take from start to end when they have almost nothing to do.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use test_servers::RedisServer;

use super::program::Depth;
use super::record::Record;
use crate::environment::only_neutral;
use crate::process;
use crate::workspace::{cargo, target_directory};

const TOOLS: [&str; 2] = ["cache-admin", "cache-monitor"];
const CALLS: [(&str, &[&str]); 3] =
    [("cache-admin", &["--version"]), ("cache-monitor", &["--version"]), ("cache-admin", &["stats"])];

pub(crate) fn run(depth: Depth) -> Result<Vec<Record>> {
    let rounds = if depth == Depth::Full { 30 } else { 5 };
    build()?;
    let redis = RedisServer::start()?;
    let programs = target_directory()?.join("release");
    let mut records: Vec<Record> = CALLS
        .iter()
        .map(|(tool, arguments)| Record::new("start-up", &arguments.join(" "), tool, "time", "ms"))
        .collect();
    for round in 0..=rounds {
        for (record, (tool, arguments)) in records.iter_mut().zip(CALLS) {
            let took = milliseconds(&programs.join(tool), arguments, redis.port())?;
            if round > 0 {
                record.rounds.push(took);
            }
        }
    }
    Ok(records)
}

/// Builds both tools in release mode.
pub(crate) fn build() -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--release"]).args(TOOLS.iter().flat_map(|tool| ["--package", tool]));
    process::run("the build of the tools", &mut build)
}

fn milliseconds(tool: &Path, arguments: &[&str], redis_port: u16) -> Result<f64> {
    let mut command = Command::new(tool);
    only_neutral(&mut command).args(arguments).env("REDIS_HOST", "127.0.0.1").env("REDIS_PORT", redis_port.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status().with_context(|| format!("run {}", tool.display()))?;
    let took = started.elapsed();
    ensure!(status.success(), "{} {arguments:?}: {status}", tool.display());
    Ok(took.as_secs_f64() * 1e3)
}
