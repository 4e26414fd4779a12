//! The programs that a task runs: in the foreground as a step, or in the background as a server.
//!
//! Invariant: a child is signalled and waited for through its own handle, under a lock, so that no other process is
//! ever hit. It ends with its guard or with the task (`cleanup.rs`).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

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
    fn ended(&self) -> Result<Option<ExitStatus>> {
        try_wait(&self.child)
    }

    pub(crate) fn has_ended(&self) -> Result<bool> {
        Ok(self.ended()?.is_some())
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

/// Runs a step whose output only matters if it fails.
pub(crate) fn run_quietly(step: &str, command: &mut Command, log: &Path) -> Result<()> {
    to_log(command, log)?;
    run(step, command).with_context(|| format!("{}: {}", log.display(), end_of(log)))
}

/// Whether the program exists and succeeds. Its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The stdout of a program, without the last line end.
pub(crate) fn stdout_of(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {shown}"))?;
    anyhow::ensure!(
        output.status.success(),
        "run {shown}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout).with_context(|| format!("read what {shown} printed"))?.trim_end().to_owned())
}

/// Appends all output of a program to `log`, and gives it no input.
pub(crate) fn to_log<'command>(command: &'command mut Command, log: &Path) -> Result<&'command mut Command> {
    let file = File::options().create(true).append(true).open(log);
    let file = file.with_context(|| format!("open {}", log.display()))?;
    Ok(command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file))
}

/// The last lines of a log, for an error message.
pub(crate) fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(6)..].join(" | ")
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// A word, quoted for a shell if necessary.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_=./:@%+,".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Searches a program in `PATH`, then in `more`.
pub(crate) fn find_program(name: &str, more: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<_> = std::env::split_paths(&path).collect();
    directories.extend_from_slice(more);
    directories.into_iter().map(|directory| directory.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("psql");
        command.args(["-c", "SELECT 'x'", "", "a=b"]);
        assert_eq!(shown(&command), r"psql -c 'SELECT '\''x'\''' '' a=b");
    }

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

    #[test]
    fn programs_are_found_in_path_and_in_other_directories() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("no-such-program-in-path"), "").unwrap();
        assert!(find_program("sh", &[]).is_some());
        assert_eq!(find_program("no-such-program-in-path", &[]), None);
        assert!(find_program("no-such-program-in-path", &[directory.path().to_owned()]).is_some());
    }
}
