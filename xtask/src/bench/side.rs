//! A side of the comparison: a process that receives works on stdin and answers on stdout, with one JSON line each.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde::Deserialize;
use serde_json::Value;

use crate::process::Running;

/// The name of our side.
pub(super) const OURS: &str = "billing cache";

/// Maximum duration of a work. Ten million keys take a minute.
const PATIENCE: Duration = Duration::from_secs(600);

/// The duration of a work, or the reason why the side cannot do it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Answer {
    /// The version. It is sent once.
    ready: Option<String>,
    pub(crate) seconds: f64,
    /// Number of database queries.
    pub(crate) loads: u32,
    /// Number of races after which the cache differed from the database.
    pub(crate) stale: u32,
    pub(crate) lacks: Option<String>,
    error: Option<String>,
}

/// A running side; ended when dropped.
pub(crate) struct Side {
    /// Its name in tables.
    pub(crate) name: &'static str,
    pub(crate) version: String,
    stdin: ChildStdin,
    answers: Receiver<String>,
    running: Running,
}

impl Side {
    /// Starts the process, and waits until it has its connections.
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let running = Running::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()), Signal::TERM)?;
        let (stdin, stdout) = running.pipes().context("the process has no pipes")?;
        let (sender, answers) = mpsc::channel();
        // Ends with the process.
        std::thread::spawn(move || {
            BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut side = Self { name, version: String::new(), stdin, answers, running };
        side.version = side.answer()?.ready.context("the process did not say that it is ready")?;
        Ok(side)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.running.id()
    }

    /// Sends a work.
    pub(crate) fn ask(&mut self, work: &Value) -> Result<()> {
        writeln!(self.stdin, "{work}")
            .and_then(|()| self.stdin.flush())
            .with_context(|| format!("tell {} its work", self.name))
    }

    /// Waits for the answer.
    pub(crate) fn answer(&mut self) -> Result<Answer> {
        let line = self.answers.recv_timeout(PATIENCE).with_context(|| format!("wait for {}", self.name))?;
        let answer: Answer = serde_json::from_str(&line).with_context(|| format!("{} said {line}", self.name))?;
        match answer.error {
            Some(error) => bail!("{}: {error}", self.name),
            None => Ok(answer),
        }
    }

    /// Sends a work, and returns its answer.
    pub(crate) fn run(&mut self, work: &Value) -> Result<Answer> {
        self.ask(work)?;
        self.answer().with_context(|| format!("the work {work}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn talker(script: &str) -> Result<Side> {
        Side::start("talker", Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn a_side_says_its_version_and_answers_in_turn() {
        let mut side =
            talker(r#"echo '{"ready":"1"}'; while read line; do echo '{"seconds":2.5,"loads":3}'; done"#).unwrap();
        assert_eq!(side.version, "1");
        let answer = side.run(&json!({ "work": "hit" })).unwrap();
        assert_eq!((answer.seconds, answer.loads, answer.lacks), (2.5, 3, None));
    }

    #[test]
    fn an_error_of_a_side_names_it() {
        let mut side = talker(r#"echo '{"ready":"1"}'; read line; echo '{"error":"no Redis"}'"#).unwrap();
        let error = side.run(&json!({ "work": "hit" })).unwrap_err();
        assert!(format!("{error:#}").contains("talker: no Redis"), "{error:#}");
        assert!(talker("exit 1").is_err());
    }
}
