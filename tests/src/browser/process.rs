//! The process of a browser.
//!
//! It is controlled through two pipes (`--remote-debugging-pipe`) and not through a port, so that no other program can
//! reach it. It ends when the test closes its end, or when the system closes it for a killed test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::wire::Wire;

const VARIABLE: &str = "BILLING_TEST_CHROMIUM";
const END_DEADLINE: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The browser reads commands from descriptor 3 and writes answers to descriptor 4.
const ON_PIPES: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >&2"#;

const OPTIONS: &[&str] = &[
    "--headless",
    "--remote-debugging-pipe",
    // Root and many containers cannot have a sandbox. The browser opens only our pages.
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    // Containers have only 64 MiB there.
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--password-store=basic",
    "--use-mock-keychain",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    // For equal screenshots on every machine.
    "--lang=en-US",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
];

/// A running browser.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Removed when this value is dropped.
    _directory: TempDir,
}

impl Process {
    /// The browser, and the wire that controls it and keeps it alive.
    #[track_caller]
    pub(super) fn start() -> (Self, Wire) {
        let directory = tempfile::Builder::new().prefix("billing-browser-").tempdir();
        let directory = directory.expect("a temporary directory can be made");
        let mut child = command(directory.path()).spawn().expect("a shell can be started");
        let commands = child.stdin.take().expect("stdin is a pipe");
        let answers = child.stdout.take().expect("stdout is a pipe");
        let log = log_of(directory.path());
        (Self { child, _directory: directory }, Wire::new(commands, answers, log))
    }
}

fn command(directory: &Path) -> Command {
    let program = std::env::var_os(VARIABLE).filter(|path| !path.is_empty());
    let program = program.expect("a Chromium is needed: set BILLING_TEST_CHROMIUM, or run `cargo xtask test`");
    let log = File::create(log_of(directory)).expect("a file can be made in a temporary directory");
    let mut command = Command::new("sh");
    command.args(["-c", ON_PIPES, "browser"]).arg(program).args(OPTIONS);
    command.arg(format!("--user-data-dir={}", directory.join("profile").display()));
    // User data of the browser goes into the directory too.
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.env("HOME", directory).env("TMPDIR", directory).env("TZ", "UTC").current_dir(directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    command
}

fn log_of(directory: &Path) -> PathBuf {
    directory.join("browser.log")
}

impl Process {
    /// How the browser ended, if it ended before the deadline.
    fn ended(&mut self) -> Option<ExitStatus> {
        let end = Instant::now() + END_DEADLINE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        None
    }
}

impl Drop for Process {
    /// The wire is closed already, so the browser and its helper processes are about to end by themselves.
    fn drop(&mut self) {
        if self.ended().is_none() {
            // An error means that it has ended meanwhile.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_browser_ends_by_itself_with_its_wire_and_leaves_no_file() {
        let (mut process, mut wire) = Process::start();
        wire.call("Browser.getVersion", json!({}));
        let directory = process._directory.path().to_owned();
        assert!(directory.join("profile").exists());
        drop(wire);
        assert!(process.ended().is_some_and(|status| status.success()));
        drop(process);
        assert!(!directory.exists());
    }
}
