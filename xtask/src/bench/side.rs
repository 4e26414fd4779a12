//! A side of the comparison: a process that is told works on stdin and answers on stdout, a JSON line each.

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

/// No work takes longer; ten million keys take a minute.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a work took; or what keeps the side from it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Answer {
    /// The version, once.
    ready: Option<String>,
    pub(crate) seconds: f64,
    /// How often the database was asked.
    pub(crate) loads: u32,
    /// Races after which the cache was not what the database says.
    pub(crate) stale: u32,
    pub(crate) lacks: Option<String>,
    error: Option<String>,
}

/// A side that runs; ended when dropped.
pub(crate) struct Side {
    /// What tables call it.
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

    /// Tells it a work.
    pub(crate) fn ask(&mut self, work: &Value) -> Result<()> {
        writeln!(self.stdin, "{work}")
            .and_then(|()| self.stdin.flush())
            .with_context(|| format!("tell {} its work", self.name))
    }

    /// Waits for what it says.
    pub(crate) fn answer(&mut self) -> Result<Answer> {
        let line = self.answers.recv_timeout(PATIENCE).with_context(|| format!("wait for {}", self.name))?;
        let answer: Answer = serde_json::from_str(&line).with_context(|| format!("{} said {line}", self.name))?;
        match answer.error {
            Some(error) => bail!("{}: {error}", self.name),
            None => Ok(answer),
        }
    }

    /// A work and its answer.
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
