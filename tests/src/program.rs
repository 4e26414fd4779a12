//! Runs a program to its end.
//!
//! Invariant: the environment contains only what the test sets; a program that hangs is killed, and the test fails.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::attempt::Attempt;
use crate::service::Service;

/// A program that takes longer counts as hanging.
pub(crate) const DEADLINE: Duration = Duration::from_secs(120);

/// Variables that a program needs to find other programs and its temporary files.
const INHERITED: [&str; 4] = ["PATH", "HOME", "TMPDIR", "LANG"];

/// A program with its environment. It can be run any number of times.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    first_arguments: Vec<PathBuf>,
    environment: BTreeMap<OsString, OsString>,
    directory: PathBuf,
}

/// How a program ended, and its output.
#[derive(Debug)]
pub struct Run {
    /// The command line.
    pub command: String,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The text of stdout.
    pub stdout: String,
    /// The text of stderr.
    pub stderr: String,
}

impl Program {
    /// A built program of this workspace, by its path below `target/<profile>`.
    pub(crate) fn built(name: &str, directory: &Path) -> Self {
        let tests = std::env::current_exe().expect("a test knows its own path");
        // The test program is target/<profile>/deps/system-0123456789abcdef or target/<profile>/chaos.
        let directories = tests.ancestors().skip(1).take(2);
        let paths = directories.map(|parent| parent.join(name).with_extension(std::env::consts::EXE_EXTENSION));
        let path = paths.into_iter().find(|path| path.is_file());
        let path = path.unwrap_or_else(|| panic!("{name} is not built: run `cargo xtask test`"));
        Self::new(path, Vec::new(), directory)
    }

    /// A script of `tests/python`.
    pub(crate) fn python(script: &str, directory: &Path) -> Self {
        let python = std::env::var_os("BILLING_TEST_PYTHON").filter(|path| !path.is_empty());
        let python =
            python.expect("a Python with redis-py and prometheus-client is needed: set BILLING_TEST_PYTHON, or run `cargo xtask test`");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
        Self::new(python.into(), vec![script], directory).with("PYTHONDONTWRITEBYTECODE", "1").with("PYTHONUTF8", "1")
    }

    fn new(path: PathBuf, first_arguments: Vec<PathBuf>, directory: &Path) -> Self {
        let inherited = INHERITED.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
        let program = Self { path, first_arguments, environment: inherited.collect(), directory: directory.to_owned() };
        // Set because a developer may have it set; a user must never see a backtrace even so.
        program.with("RUST_BACKTRACE", "1")
    }

    /// Sets a variable. The value need not be text.
    #[must_use]
    pub fn with(mut self, variable: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(variable.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// The same program in another working directory.
    #[must_use]
    pub fn in_directory(self, directory: &Path) -> Self {
        Self { directory: directory.to_owned(), ..self }
    }

    /// The same program, which gets an error instead of a signal if a file exceeds its size limit.
    #[must_use]
    pub fn that_survives_its_limits(self) -> Self {
        self.after("trap '' XFSZ")
    }

    /// The same program with this limit on open files.
    #[must_use]
    pub fn with_open_files(self, most: u32) -> Self {
        self.after(&format!("ulimit -n {most}"))
    }

    /// The same program, started by a shell after this command.
    fn after(mut self, first: &str) -> Self {
        let program = std::mem::replace(&mut self.path, "sh".into());
        let before = ["-c".into(), format!("{first}; exec \"$0\" \"$@\"").into(), program];
        self.first_arguments.splice(0..0, before);
        self
    }

    /// Runs the program to its end; the arguments are separated by blanks.
    #[track_caller]
    pub fn run(&self, arguments: &str) -> Run {
        self.run_with_input(arguments, "")
    }

    /// Like [`Program::run`], with this text on stdin.
    #[track_caller]
    pub fn run_with_input(&self, arguments: &str, input: &str) -> Run {
        let mut command = self.command();
        command.args(arguments.split_whitespace()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let name = format!("{} {arguments}", self.path.display());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {name}: {error}"));
        let id = Pid::from_child(&child);
        // A program that does not read its input may have ended already.
        let _ = child.stdin.take().expect("stdin is a pipe").write_all(input.as_bytes());
        let (sender, ended) = mpsc::channel();
        thread::spawn(move || sender.send(child.wait_with_output()));
        match ended.recv_timeout(DEADLINE) {
            Ok(output) => Run::new(name, &output.expect("the output of a child can be read")),
            Err(_) => {
                let _ = kill_process(id, Signal::KILL);
                panic!("{name} did not end within {DEADLINE:?} and was killed");
            }
        }
    }

    /// Runs the program with arbitrary arguments and a time limit. Never fails.
    #[must_use]
    pub fn attempt(&self, arguments: &[OsString], longest: Duration) -> Attempt {
        let mut command = self.command();
        command.args(arguments);
        Attempt::make(command, longest)
    }

    /// Starts the program as a service on a free port, and waits until it prints its address.
    #[track_caller]
    #[must_use]
    pub fn serve(&self) -> Service {
        Service::start(self.command())
    }

    /// Like `serve`, for a program that serves by a command, such as `dashboard`.
    #[track_caller]
    #[must_use]
    pub fn serve_by(&self, command_line: &str) -> Service {
        let mut command = self.command();
        command.args(command_line.split_whitespace());
        Service::start(command)
    }

    /// Like `serve`, for a program that may die before it listens.
    ///
    /// # Errors
    /// Its output until then.
    pub fn try_serve(&self) -> Result<Service, String> {
        Service::try_start(self.command())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.first_arguments).env_clear().envs(&self.environment).current_dir(&self.directory);
        command
    }
}

impl Run {
    fn new(command: String, output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("programs write UTF-8");
        Self { command, code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Its stdout, if it succeeded.
    #[track_caller]
    pub fn fine(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        assert!(!self.stderr.contains("error"), "{self:#?}");
        self.stdout
    }

    /// The JSON on its stdout, if it succeeded.
    #[track_caller]
    pub fn json(self) -> Value {
        let command = self.command.clone();
        let text = self.fine();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{command} printed no JSON: {error}: {text}"))
    }

    /// The single line on stderr of a program that failed with this exit code and printed nothing on stdout.
    #[track_caller]
    pub fn sentence(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        let sentence = self.stderr.strip_prefix("error: ").unwrap_or_else(|| panic!("no error is told: {self:#?}"));
        assert_eq!(sentence.trim_end().lines().count(), 1, "more than one line: {self:#?}");
        sentence.trim_end().to_owned()
    }

    /// The message of the command-line parser about wrong usage.
    #[track_caller]
    pub fn wrong_usage(self) -> String {
        assert_eq!(self.code, Some(2), "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        assert!(self.stderr.starts_with("error: ") && !self.stderr.contains("panicked"), "{self:#?}");
        self.stderr
    }
}
