//! The process of a test server, and a watchdog that outlives the test.
//!
//! Invariant: the process ends when this value is dropped, and also when the test process is interrupted or killed, in
//! which case none of our code runs any more. Without the watchdog, a paused process would survive Ctrl-C for ever.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// A child process; killed when dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    watchdog: Watchdog,
}

impl ServerProcess {
    /// Starts `command`, whose files are in `directory`.
    pub(crate) fn spawn(command: &mut Command, directory: &Path) -> Result<Self> {
        let mut child = command.spawn()?;
        match Watchdog::watch(child.id(), directory) {
            Ok(watchdog) => Ok(Self { child, watchdog }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error)
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("wait for a server")
    }

    pub(crate) fn signal(&self, which: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), which).with_context(|| format!("send {which:?} to a server"))
    }

    /// Asks the process to end. If it has not ended after `deadline`, it is killed, and an error is returned.
    pub(crate) fn terminate(mut self, deadline: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        // A paused server handles the signal only after it continues.
        self.signal(Signal::CONT)?;
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
    /// SIGKILL also ends a paused process. An error is ignored: it means that the process has ended already.
    fn drop(&mut self) {
        let _ = self.child.kill();
        // Before `wait` releases the process id, so that the watchdog can never hit another process.
        self.watchdog.stand_down();
        let _ = self.child.wait();
    }
}

/// A shell that waits for a word or for the end of its input. The kernel closes the input when the test process is
/// gone.
#[derive(Debug)]
struct Watchdog {
    shell: Child,
}

const WATCH: &str = r#"read -r word; [ "$word" = done ] && exit 0; kill -9 "$1"; rm -rf -- "$2""#;

impl Watchdog {
    fn watch(id: u32, directory: &Path) -> Result<Self> {
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "watchdog", &id.to_string()]).arg(directory);
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
        let process = ServerProcess::spawn(Command::new("sleep").arg("600"), directory).unwrap();
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
