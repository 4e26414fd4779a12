//! The process of a server, and a watchdog that outlives this process.
//!
//! Invariant: the server ends when its value is dropped, and also when this process is interrupted or killed, in which
//! case none of our code runs any more. Without the watchdog, a paused server would survive Ctrl-C for ever.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

const POLL_INTERVAL: Duration = Duration::from_millis(5);
const END_DEADLINE: Duration = Duration::from_secs(10);

/// A child process; ended when dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    end_signal: Signal,
    watchdog: Watchdog,
}

impl ServerProcess {
    /// Starts `command`, whose files are in `directory`. The end signal is sent when the value is dropped; SIGKILL also
    /// ends a paused process.
    ///
    /// # Errors
    /// There is no such program, or no `sh` for the watchdog.
    pub fn spawn(command: &mut Command, directory: &Path, end_signal: Signal) -> Result<Self> {
        let mut child = command.spawn()?;
        match Watchdog::watch(child.id(), directory, end_signal) {
            Ok(watchdog) => Ok(Self { child, end_signal, watchdog }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, if it has ended.
    ///
    /// # Errors
    /// The system refuses to tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("wait for a server")
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// The process has ended.
    pub fn signal(&self, which: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), which).with_context(|| format!("send {which:?} to a server"))
    }

    /// Asks the process to end.
    ///
    /// # Errors
    /// It has not ended after `deadline`, and was killed.
    pub fn terminate(mut self, deadline: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        // A paused server handles the signal only after it continues.
        self.signal(Signal::CONT)?;
        self.wait(deadline)
    }

    fn wait(&mut self, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        while self.ended()?.is_none() {
            if Instant::now() > end {
                bail!("the server did not end within {deadline:?} and was killed");
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }
}

impl Drop for ServerProcess {
    /// Errors are ignored: they mean that the process has ended already.
    fn drop(&mut self) {
        if matches!(self.ended(), Ok(None)) {
            let _ = self.signal(self.end_signal);
        }
        // Before the process id is released, so that the watchdog can never hit another process.
        self.watchdog.stand_down();
        let _ = self.wait(END_DEADLINE);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shell that waits for a word or for the end of its input. The kernel closes the input when this process is gone.
#[derive(Debug)]
struct Watchdog {
    shell: Child,
}

/// A server that does not end at once after its signal has a second.
const WATCH: &str = r#"read -r word; [ "$word" = done ] && exit 0
kill "-$3" "$1"; [ "$3" = 9 ] || sleep 1; kill -9 "$1"; rm -rf -- "$2""#;

impl Watchdog {
    fn watch(id: u32, directory: &Path, end_signal: Signal) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "watchdog", &id.to_string()]).arg(directory);
        command.arg(end_signal.as_raw().to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // In a separate process group, which Ctrl-C does not reach.
        let shell = command.process_group(0).spawn().context("start the watchdog of a server (sh)")?;
        Ok(Self { shell })
    }

    /// An error is ignored: the shell is gone, so it cannot kill anything.
    fn stand_down(&mut self) {
        if let Some(mut input) = self.shell.stdin.take() {
            let _ = input.write_all(b"done\n");
        }
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::test_kill_process;

    use super::*;

    fn start(directory: &Path) -> (ServerProcess, Pid) {
        let process = ServerProcess::spawn(Command::new("sleep").arg("600"), directory, Signal::KILL).unwrap();
        let pid = Pid::from_child(&process.child);
        (process, pid)
    }

    fn wait_until(condition: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(5);
        while !condition() {
            assert!(Instant::now() < end, "not within five seconds");
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    #[test]
    fn the_process_ends_with_its_value_and_the_directory_stays() {
        let directory = tempfile::tempdir().unwrap();
        let (process, pid) = start(directory.path());
        process.signal(Signal::STOP).unwrap();
        drop(process);
        assert!(test_kill_process(pid).is_err());
        assert!(directory.path().exists());
    }

    #[test]
    fn the_watchdog_ends_a_paused_process_and_removes_its_directory_when_the_test_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let (mut process, _) = start(directory.path());
        process.signal(Signal::STOP).unwrap();
        // Simulates what the kernel does with the pipe of a killed process.
        drop(process.watchdog.shell.stdin.take());
        wait_until(|| !directory.path().exists());
        assert!(process.child.wait().unwrap().code().is_none(), "it was not killed");
    }

    #[test]
    fn a_paused_process_can_be_terminated() {
        let directory = tempfile::tempdir().unwrap();
        let (process, pid) = start(directory.path());
        process.signal(Signal::STOP).unwrap();
        process.terminate(Duration::from_secs(5)).unwrap();
        assert!(test_kill_process(pid).is_err());
    }
}
