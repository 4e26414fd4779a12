//! The sides: our cache, the limit, and the alternatives that a user could choose, each from its registry in a pinned
//! version.
//!
//! The peers are in `benches/peers`, outside the workspace. A side that is not available on this machine is shown as a
//! dash.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use test_servers::program::{find_program, shown};
use test_servers::{PostgresServer, RedisServer};

use super::record::Record;
use super::side::{OURS, Side};
use crate::environment::without_ours;
use crate::install::{self, Need};
use crate::process::{run, say};
use crate::python;
use crate::workspace::{cargo, root, target_directory};

pub(crate) const SECTION: &str = "peers";
/// The name of the limit: GET on one connection, plus decoding.
pub(crate) const RAW: &str = "raw GET + decode";
const FRED: &str = "fred GET + decode";
/// The sides that only read what our side has cached.
pub(crate) const ONLY_READERS: [&str; 2] = [RAW, FRED];

/// The sides, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Ours,
    Raw,
    Fred,
    Cached,
    Moka,
    MultiTier,
    PlatformModule,
    Cashews,
    CashewsLocked,
    Bentocache,
}

impl Peer {
    pub(crate) const ALL: [Self; 10] = [
        Self::Ours,
        Self::Raw,
        Self::Fred,
        Self::Cached,
        Self::Moka,
        Self::MultiTier,
        Self::PlatformModule,
        Self::Cashews,
        Self::CashewsLocked,
        Self::Bentocache,
    ];

    pub(crate) fn name(self) -> &'static str {
        self.facts().0
    }

    /// Its name, its program, and the argument that selects it there.
    fn facts(self) -> (&'static str, Language, &'static str) {
        match self {
            Self::Ours => (OURS, Language::Rust, "ours"),
            Self::Raw => (RAW, Language::Rust, "raw"),
            Self::Fred => (FRED, Language::Rust, "fred"),
            Self::Cached => ("cached (Redis)", Language::Rust, "cached"),
            Self::Moka => ("moka", Language::Rust, "moka"),
            Self::MultiTier => ("multi-tier-cache", Language::Rust, "multi-tier"),
            Self::PlatformModule => ("Python module", Language::Python, "module"),
            Self::Cashews => ("cashews", Language::Python, "cashews"),
            Self::CashewsLocked => ("cashews, lock", Language::Python, "cashews-lock"),
            Self::Bentocache => ("bentocache", Language::Node, "bentocache"),
        }
    }
}

/// There is one program of sides in each.
enum Language {
    Rust,
    Python,
    Node,
}

/// The servers of a comparison, with equal data, and the programs of the sides.
pub(crate) struct Site {
    programs: Programs,
    pub(crate) redis: RedisServer,
    pub(crate) with_triggers: PostgresServer,
    without_triggers: PostgresServer,
}

/// The programs that run the sides.
pub(crate) struct Programs {
    rust: PathBuf,
    python: Option<PathBuf>,
    node: Option<Node>,
}

struct Node {
    program: PathBuf,
    script: PathBuf,
}

impl Site {
    /// Builds and installs the sides, starts the servers, and fills the databases.
    pub(crate) fn start() -> Result<Self> {
        install::ensure(&[Need::Redis, Need::Postgres])?;
        let programs = Programs::get()?;
        let site = Self {
            programs,
            redis: RedisServer::start()?,
            with_triggers: PostgresServer::start()?,
            without_triggers: PostgresServer::start()?,
        };
        run("fill the database", site.command(Peer::Ours, &site.programs.rust).arg("seed"))?;
        let without_triggers = &mut site.command(Peer::Cached, &site.programs.rust);
        run("fill the database of the peers", without_triggers.args(["seed", "without-triggers"]))?;
        Ok(site)
    }

    /// Starts a process of a side; `None` if it cannot run on this machine.
    pub(crate) fn side(&self, peer: Peer) -> Result<Option<Side>> {
        self.program_of(peer).map(|mut command| Side::start(peer.name(), &mut command)).transpose()
    }

    /// Like [`side`](Self::side), but our own side also keeps invoices in its memory.
    pub(crate) fn holding_side(&self, peer: Peer) -> Result<Option<Side>> {
        let start = |mut command: Command| Side::start(peer.name(), command.env("BENCH_HOLD", "1"));
        self.program_of(peer).map(start).transpose()
    }

    fn program_of(&self, peer: Peer) -> Option<Command> {
        let Programs { rust, python, node } = &self.programs;
        let (_, language, side) = peer.facts();
        let script = sources().join("python").join("side.py");
        let (program, arguments) = match language {
            Language::Rust => (rust, vec![]),
            Language::Python => (python.as_ref()?, vec![Path::new("-B"), &script]),
            Language::Node => node.as_ref().map(|node| (&node.program, vec![node.script.as_path()]))?,
        };
        let mut command = self.command(peer, program);
        command.args(arguments).arg(side);
        Some(command)
    }

    /// The triggers belong to our cache. The other sides write to a database without them.
    fn command(&self, peer: Peer, program: &Path) -> Command {
        let server = if peer == Peer::Ours { &self.with_triggers } else { &self.without_triggers };
        let mut command = Command::new(program);
        without_ours(&mut command)
            .env("BENCH_REDIS_PORT", self.redis.port().to_string())
            .env("BENCH_DATABASE_URL", server.url());
        command
    }
}

impl Programs {
    /// Builds and installs them, unless that was done before.
    pub(crate) fn get() -> Result<Self> {
        let target = target_directory()?;
        Ok(Self { rust: build(&target)?, python: python(&target), node: node(&target) })
    }
}

fn sources() -> PathBuf {
    root().join("benches").join("peers")
}

/// Builds in the target directory of the workspace, to share compiled dependencies that are the same.
fn build(target: &Path) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--release", "--manifest-path"]).arg(sources().join("Cargo.toml"));
    command.arg("--target-dir").arg(target);
    say(&format!("$ {}", shown(&command)));
    run("the build of the peers", &mut command)?;
    Ok(target.join("release").join("peers"))
}

fn python(target: &Path) -> Option<PathBuf> {
    let requirements = sources().join("python").join("requirements.txt");
    let environment = target.join("xtask").join("peers-venv");
    let made = install::ensure(&[Need::PythonVenv])
        .and_then(|()| python::with_requirements(&environment, &requirements, "to compare with"));
    made.inspect_err(|error| say(&format!("no sides in Python: {error:#}"))).ok()
}

/// Node is not installed for this. If it is present, npm is too.
fn node(target: &Path) -> Option<Node> {
    let found = find_program("node", &[]).zip(find_program("npm", &[])).context("there is no node and npm");
    let made = found.and_then(|(program, npm)| {
        let script = packages(&npm, &target.join("xtask").join("peers-node"))?;
        Ok(Node { program, script })
    });
    made.inspect_err(|error| say(&format!("no side in Node: {error:#}"))).ok()
}

/// Installs the packages of the lock file into `directory`, beside a copy of the script, and returns the path of the
/// script.
fn packages(npm: &Path, directory: &Path) -> Result<PathBuf> {
    let locked = |directory: &Path| fs::read(directory.join("package-lock.json")).ok();
    let sources = sources().join("node");
    let is_installed = directory.join("node_modules").is_dir() && locked(directory) == locked(&sources);
    fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    for file in ["package.json", "package-lock.json", "side.mjs"] {
        fs::copy(sources.join(file), directory.join(file)).with_context(|| format!("copy {file}"))?;
    }
    if !is_installed {
        let mut command = Command::new(npm);
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(directory);
        say(&format!("$ {}", shown(&command)));
        run("npm ci", command.stdout(std::io::stderr()))?;
    }
    Ok(directory.join("side.mjs"))
}

/// Our own side and the limit come from this repository; a peer has a version.
pub(crate) fn figure(work: &str, side: &Side, figure: &str, unit: &str) -> Record {
    let name = match side.name {
        own @ (OURS | RAW) => own.to_owned(),
        peer => format!("{peer} {}", side.version),
    };
    Record::new(SECTION, work, &name, figure, unit)
}
