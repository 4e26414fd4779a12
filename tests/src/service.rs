//! A running service process.
//!
//! Invariant: the process ends when this value is dropped. Its stderr is kept, and printed if a test fails.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

use crate::http::Client;
use crate::program::DEADLINE;

/// The text before the address in the output of services and of the dashboard.
pub(crate) const ADDRESS_LINES: [&str; 2] = ["listening on ", "dashboard at "];
const POLL_INTERVAL: std::time::Duration = std::time::Duration::from_millis(5);

/// A billing service over HTTP; killed when dropped. Derefs to its [`Client`].
#[derive(Debug)]
pub struct Service {
    child: Child,
    client: Client,
    /// In a mutex only so that threads can share the service.
    said: Mutex<Receiver<String>>,
}

impl Service {
    #[track_caller]
    pub(crate) fn start(command: Command) -> Self {
        Self::try_start(command).unwrap_or_else(|said| panic!("the service does not listen; it said: {said}"))
    }

    /// The service, or its output if it does not listen.
    #[track_caller]
    pub(crate) fn try_start(mut command: Command) -> Result<Self, String> {
        command.args(["--listen", "127.0.0.1:0"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let (sender, said) = channel();
        let stderr = child.stderr.take().expect("stderr is a pipe");
        thread::spawn(move || listen(stderr, &sender));
        // Created before it is known whether the process works, so that it is ended in any case.
        let mut service = Self { child, client: Client::new(String::new()), said: Mutex::new(said) };
        service.client = Client::new(service.wait_for_address()?);
        Ok(service)
    }

    fn wait_for_address(&mut self) -> Result<String, String> {
        let said = self.said.get_mut().expect("nobody else has it");
        let mut before = Vec::new();
        loop {
            match said.recv_timeout(DEADLINE) {
                Ok(line) => match ADDRESS_LINES.iter().find_map(|before| line.strip_prefix(before)) {
                    Some(address) => return Ok(address.trim_end_matches('/').to_owned()),
                    None => before.push(line),
                },
                Err(_) => return Err(before.join("\n")),
            }
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process has ended by itself.
    #[track_caller]
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    /// Stops the process without ending it (SIGSTOP).
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Continues a paused process (SIGCONT).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Limits the size of files that the process writes; `None` removes the limit.
    #[cfg(target_os = "linux")]
    pub fn let_files_grow_to(&self, current: Option<u64>) {
        use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
        let maximum = getrlimit(Resource::Fsize).maximum;
        let limit = Rlimit { current: current.or(maximum), maximum };
        // An error means that the process has ended meanwhile.
        let _ = prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit);
    }

    /// An error is ignored: it means that the process has ended meanwhile.
    fn signal(&self, which: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), which);
    }

    /// The output of the process since the last call.
    #[must_use]
    pub fn said(&self) -> Vec<String> {
        self.said.lock().expect("nobody panics while he listens").try_iter().collect()
    }

    /// Asks the process to end (SIGTERM) and waits until it has ended. The exit code must be 0.
    #[track_caller]
    pub fn terminate(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("the service runs");
        let end = Instant::now() + DEADLINE;
        let status = loop {
            match self.child.try_wait().expect("a child can be waited for") {
                Some(status) => break status,
                None => assert!(Instant::now() < end, "the service did not end within {DEADLINE:?}"),
            }
            thread::sleep(POLL_INTERVAL);
        };
        assert!(status.success(), "the service ended with {status}");
    }
}

impl std::ops::Deref for Service {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for Service {
    /// An error is ignored: it means that the process has ended already.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking()
            && let Ok(said) = self.said.get_mut()
        {
            let said: Vec<_> = said.iter().collect();
            eprintln!("the service at {} said: {}", self.client.base(), said.join("\n"));
        }
    }
}

/// Forwards lines until the process ends. The receiver may have been dropped before.
fn listen(stderr: ChildStderr, sender: &Sender<String>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let _ = sender.send(line);
    }
}
