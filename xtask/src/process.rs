//! The programs that a task runs: in the foreground as a step, or in the background as a server.
//!
//! Invariant: a child is signalled and waited for through its own handle, under a lock, so that no other process is
//! ever hit. It ends with its guard or with the task (`cleanup.rs`).

use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use test_servers::program::shown;

use crate::cleanup::AtEnd;
use crate::failure::StepFailed;

const POLL_INTERVAL: Duration = Duration::from_millis(10);
const END_DEADLINE: Duration = Duration::from_secs(10);

/// Prints a message on stderr. Data goes to stdout instead.
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

/// A child process of this task; ended when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Arc<Mutex<Child>>,
    id: u32,
    _end: AtEnd,
}

impl Running {
    /// Starts `command`; `end_signal` is the signal for a normal end.
    pub(crate) fn spawn(command: &mut Command, end_signal: Signal) -> Result<Self> {
        let shown = shown(command);
        let child = command.spawn().with_context(|| format!("start {shown}"))?;
        let id = child.id();
        let child = Arc::new(Mutex::new(child));
        let at_end = Arc::clone(&child);
        Ok(Self { child, id, _end: AtEnd::new(move || end(&at_end, end_signal)) })
    }

    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Its stdin and stdout, if they are pipes. Returned once.
    pub(crate) fn pipes(&self) -> Option<(ChildStdin, ChildStdout)> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        Some((child.stdin.take()?, child.stdout.take()?))
    }

    /// The exit status, if it has ended.
    pub(crate) fn ended(&self) -> Result<Option<ExitStatus>> {
        try_wait(&self.child)
    }

    fn wait(&self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

fn try_wait(child: &Mutex<Child>) -> Result<Option<ExitStatus>> {
    child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().context("wait for a child")
}

/// Sends the signal, waits, and then kills. Errors mean that the child has ended already.
fn end(child: &Mutex<Child>, signal: Signal) {
    let deadline = Instant::now() + END_DEADLINE;
    if matches!(try_wait(child), Ok(None)) {
        let child = child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = kill_process(Pid::from_child(&child), signal);
    }
    while matches!(try_wait(child), Ok(None)) {
        if Instant::now() > deadline {
            let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = child.kill();
            let _ = child.wait();
            return;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Runs a step to its end with the terminal of the task; a failure becomes [`StepFailed`].
pub(crate) fn run(step: &str, command: &mut Command) -> Result<()> {
    let status = Running::spawn(command, Signal::TERM).with_context(|| step.to_owned())?.wait()?;
    if status.success() {
        return Ok(());
    }
    Err(StepFailed { step: step.to_owned(), code: status.code() }.into())
}

/// Like [`run`], after printing the command as a person would type it.
pub(crate) fn step(name: &str, command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let short = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
    say(&format!("$ {}", shown(command).replacen(&program, &short, 1)));
    run(name, command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_step_keeps_its_exit_code() {
        let error = run("the step", Command::new("sh").args(["-c", "exit 7"])).unwrap_err();
        assert_eq!(error.downcast_ref::<StepFailed>().unwrap().code, Some(7));
        assert_eq!(error.to_string(), "the step failed with exit code 7");
    }

    #[test]
    fn a_server_ends_with_its_guard() {
        let running = Running::spawn(Command::new("sleep").arg("600"), Signal::TERM).unwrap();
        let pid = Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
        assert!(running.ended().unwrap().is_none());
        drop(running);
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
