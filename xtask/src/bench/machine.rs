//! The circumstances of a run: the machine, the versions of programs, the time, the command, and the load average.

use std::process::Command;

use serde::{Deserialize, Serialize};
use test_servers::program::stdout_of;
use test_servers::{postgres, redis};

use crate::workspace::root;

/// Names and their values on this machine, in the order of the report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Facts(Vec<(String, String)>);

impl Facts {
    /// Collects the facts.
    pub(crate) fn here() -> Self {
        let mut facts = Self::default();
        facts.add("revision", revision());
        facts.add("processor", processor());
        facts.add("memory", memory());
        facts.add("system", program("uname", &["-sr"]));
        facts.add("Redis", redis::program().and_then(|path| version(&path.to_string_lossy())));
        facts.add("PostgreSQL", postgres::version());
        facts.add("Rust", program("rustc", &["--version"]));
        facts.add("Python", program("python3", &["--version"]));
        facts.add("Node", program("node", &["--version"]));
        facts
    }

    /// Adds a value if it is known.
    fn add(&mut self, name: &str, value: Option<String>) {
        self.0.extend(value.map(|value| (name.to_owned(), value)));
    }

    /// A table with two columns.
    pub(crate) fn table(&self) -> String {
        let rows = self.0.iter().map(|(name, value)| format!("| {name} | {value} |"));
        ["| | |".to_owned(), "| --- | --- |".to_owned()].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
    }
}

/// The command line of this task, as a person types it.
pub(crate) fn command() -> String {
    typed(std::env::args().skip(1))
}

/// The current date and time, in UTC.
pub(crate) fn now() -> String {
    program("date", &["-u", "+%Y-%m-%d %H:%M"]).unwrap_or_default()
}

/// The load averages over 1, 5 and 15 minutes.
pub(crate) fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

fn typed(arguments: impl Iterator<Item = String>) -> String {
    let words: Vec<String> = ["cargo".to_owned(), "xtask".to_owned()].into_iter().chain(arguments).collect();
    format!("`{}`", words.join(" "))
}

fn program(name: &str, arguments: &[&str]) -> Option<String> {
    stdout_of(Command::new(name).args(arguments)).ok()
}

/// `Redis server v=7.0.15 sha=…` without the text after the version.
fn version(program_path: &str) -> Option<String> {
    let text = program(program_path, &["--version"])?;
    let version = text.split_whitespace().find_map(|word| word.strip_prefix("v="))?;
    Some(version.to_owned())
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "))?.1;
    let cores = std::thread::available_parallelism().ok()?;
    Some(format!("{model}, {cores} cores for us"))
}

fn memory() -> Option<String> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(format!("{} GiB", kib / (1024 * 1024)))
}

/// The commit, and whether the files differ from it.
fn revision() -> Option<String> {
    stdout_of(Command::new("git").args(["describe", "--always", "--dirty"]).current_dir(root())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_left_out() {
        let mut facts = Facts::default();
        facts.add("known", Some("yes".to_owned()));
        facts.add("unknown", None);
        assert_eq!(facts.table(), "| | |\n| --- | --- |\n| known | yes |");
    }

    #[test]
    fn the_command_stands_as_typed() {
        assert_eq!(typed(["bench", "--quick"].map(str::to_owned).into_iter()), "`cargo xtask bench --quick`");
    }
}
