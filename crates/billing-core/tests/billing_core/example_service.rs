//! The example service as a process of its own, and the questions tests ask it over HTTP.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use test_support::eventually;
use ureq::Agent;
use ureq::http::Request;

use crate::world::{DEADLINE, World};

/// A running example; killed when dropped.
#[derive(Debug)]
pub(crate) struct ExampleService {
    child: Child,
    pub(crate) address: String,
    agent: Agent,
    /// What it said on stderr besides its address.
    said: Arc<Mutex<String>>,
    /// The working directory, in which there is no `.env`.
    _directory: TempDir,
}

/// What the service answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `X-Cache`, or nothing.
    pub(crate) cache: String,
    /// `X-Invalidation`, or nothing.
    pub(crate) invalidation: String,
    pub(crate) retry_after: String,
    pub(crate) text: String,
}

/// `cargo test` builds the examples beside the tests.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/billing-service");
    assert!(program.exists(), "there is no {}; run `cargo build -p billing-core --examples`", program.display());
    program
}

/// Over the servers of the world.
fn set_up(command: &mut Command, world: &World, directory: &Path, listen: &str, variables: &[(&str, &str)]) {
    command.args(["--listen", listen]).current_dir(directory).env_clear();
    command.env("DATABASE_URL", &world.url).env("REDIS_HOST", "127.0.0.1");
    command.env("REDIS_PORT", world.redis.port().to_string());
    command.envs(SETTINGS).envs(variables.iter().copied()).stdin(Stdio::null()).stdout(Stdio::null());
}

impl ExampleService {
    /// One over the servers of the world, with limits that a slow machine keeps and without L1.
    pub(crate) fn over(world: &World) -> Self {
        Self::with(world, &[])
    }

    /// The same with some variables more.
    pub(crate) fn with(world: &World, variables: &[(&str, &str)]) -> Self {
        Self::start(Command::new(program()), world, variables)
    }

    /// The same, or what it said instead of listening.
    pub(crate) fn try_with(world: &World, variables: &[(&str, &str)]) -> Result<Self, String> {
        Self::try_start(Command::new(program()), world, variables)
    }

    /// One that gets an error, and not a signal, where a file must not grow.
    #[cfg(target_os = "linux")]
    pub(crate) fn that_survives_its_limits(world: &World) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(program());
        Self::start(command, world, &[])
    }

    /// How large its files may become; any size without a limit.
    #[cfg(target_os = "linux")]
    pub(crate) fn let_files_grow_to(&self, current: Option<u64>) {
        use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
        let maximum = getrlimit(Resource::Fsize).maximum;
        let limit = Rlimit { current: current.or(maximum), maximum };
        prlimit(Some(Pid::from_child(&self.child)), Resource::Fsize, limit).unwrap();
    }

    /// Ends it at once (SIGKILL).
    #[cfg(target_os = "linux")]
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn start(command: Command, world: &World, variables: &[(&str, &str)]) -> Self {
        Self::try_start(command, world, variables).unwrap_or_else(|said| panic!("it said {said:?}"))
    }

    fn try_start(mut command: Command, world: &World, variables: &[(&str, &str)]) -> Result<Self, String> {
        let directory = tempfile::tempdir().unwrap();
        set_up(&mut command, world, directory.path(), "127.0.0.1:0", variables);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut before = String::new();
        let address = lines.by_ref().find_map(|line| match line.strip_prefix("listening on ") {
            Some(address) => Some(address.to_owned()),
            None => {
                before.push_str(&format!("{line}\n"));
                None
            }
        });
        let Some(address) = address else {
            child.wait().unwrap();
            return Err(before);
        };
        let service = Self::of(child, address, directory);
        service.said.lock().unwrap().push_str(&before);
        // Its later words are read, so that it never waits for a reader, and shown by a test that fails.
        let said = Arc::clone(&service.said);
        std::thread::spawn(move || {
            for line in lines {
                println!("service: {line}");
                said.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Ok(service)
    }

    /// One that says what it says to this file.
    pub(crate) async fn silent(world: &World, stderr: Stdio, variables: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // It cannot say which port it took; one that was free a moment ago is.
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut command = Command::new(program());
        set_up(&mut command, world, directory.path(), &listen, variables);
        let child = command.stderr(stderr).spawn().unwrap();
        let service = Self::of(child, format!("http://{listen}"), directory);
        eventually(DEADLINE, || async { TcpStream::connect(&listen) }).await.unwrap();
        service
    }

    fn of(child: Child, address: String, directory: TempDir) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).proxy(None);
        Self { child, address, agent: config.build().into(), said: Arc::default(), _directory: directory }
    }

    /// What it said on stderr besides its address.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, body)
    }

    /// Paths are below `/api/billing`, but for those that begin with two slashes.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let path = path
            .strip_prefix('/')
            .filter(|rest| rest.starts_with('/'))
            .map_or(format!("/api/billing{path}"), str::to_owned);
        let request = Request::builder().method(method).uri(format!("{}{path}", self.address));
        let request = request.header("content-type", "application/json").body(body.to_owned()).unwrap();
        let mut response = self.agent.run(request).unwrap();
        let header = |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (cache, invalidation, retry_after) = (header("x-cache"), header("x-invalidation"), header("retry-after"));
        let text = response.body_mut().read_to_string().unwrap();
        Answer { status: response.status().as_u16(), cache, invalidation, retry_after, text }
    }

    pub(crate) fn signal(&self, which: Signal) {
        kill_process(Pid::from_child(&self.child), which).unwrap();
    }

    /// Waits until the process has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let child = std::cell::RefCell::new(&mut self.child);
        eventually(DEADLINE, || async { child.borrow_mut().try_wait().unwrap() }).await.unwrap()
    }
}

const SETTINGS: [(&str, &str); 11] = [
    ("BILLING__REDIS__COMMAND_TIMEOUT_MS", "2000"),
    ("BILLING__REDIS__BATCH_TIMEOUT_MS", "5000"),
    ("BILLING__REDIS__RECONNECT_MAX_MS", "100"),
    ("BILLING__CACHE__LOAD_DEADLINE_MS", "20000"),
    ("BILLING__CACHE__LEASE_TTL_MS", "30000"),
    ("BILLING__CACHE__PATIENCE_MS", "20000"),
    ("BILLING__CACHE__INVALIDATION_DEADLINE_MS", "500"),
    ("BILLING__DATABASE__ACQUIRE_TIMEOUT_MS", "30000"),
    ("BILLING__DATABASE__BUSY_TIMEOUT_MS", "30000"),
    ("BILLING__CACHE__TYPES__TAX_RATES__L1", "false"),
    ("BILLING__CACHE__TYPES__ACTIVE_DISCOUNTS__L1", "false"),
];

impl Drop for ExampleService {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    /// The body of an answer with this status and this `X-Cache`.
    #[track_caller]
    pub(crate) fn read(self, status: u16, cache: &str) -> Value {
        assert_eq!((self.status, self.cache.as_str()), (status, cache), "{self:?}");
        self.json()
    }

    /// The body of a write with this status that Redis was told of.
    #[track_caller]
    pub(crate) fn written(self, status: u16) -> Value {
        assert_eq!((self.status, self.invalidation.as_str()), (status, "done"), "{self:?}");
        self.json()
    }

    /// The status and code of an error, which has a sentence and nothing else.
    #[track_caller]
    pub(crate) fn error(&self) -> (u16, String) {
        let body = self.json();
        let error = &body["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        assert_eq!((body.as_object().unwrap().len(), error.as_object().unwrap().len()), (1, 2), "{self:?}");
        (self.status, error["code"].as_str().unwrap().to_owned())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Asks until the answer is as wanted.
pub(crate) async fn ask_until(ask: impl Fn() -> Answer, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let asked = || async {
        let answer = ask();
        if wanted(&answer) { Ok(answer) } else { Err(format!("{answer:?}")) }
    };
    eventually(DEADLINE + Duration::from_secs(1), asked).await.unwrap()
}
