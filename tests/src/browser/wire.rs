//! The DevTools protocol: JSON messages, each ended by a NUL byte, over two pipes, one for each direction.
//!
//! Commands are numbered, and answers have the number of their command; events arrive in between. No typed library is
//! used, because the event types of such libraries lag behind the browsers of distributions, and an event that is not
//! understood could be a console error that no test sees.

use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde_json::{Value, json};

use super::complaints::complaint;
use crate::program::DEADLINE;

/// The test's end of the two pipes. The browser ends when this is dropped.
#[derive(Debug)]
pub(super) struct Wire {
    commands: ChildStdin,
    /// In a mutex only so that a browser can be moved to another thread.
    messages: Mutex<Receiver<Value>>,
    session: Option<Value>,
    last_id: u64,
    /// The names of events since the last command that were not yet waited for.
    events: Vec<String>,
    complaints: Vec<String>,
    log: PathBuf,
}

impl Wire {
    /// `log` is where the browser writes its own errors.
    pub(super) fn new(commands: ChildStdin, answers: ChildStdout, log: PathBuf) -> Self {
        let (sender, messages) = channel();
        thread::spawn(move || listen(answers, &sender));
        Self {
            commands,
            messages: Mutex::new(messages),
            session: None,
            last_id: 0,
            events: Vec::new(),
            complaints: Vec::new(),
            log,
        }
    }

    /// From now on commands go to the page of this session instead of the browser.
    pub(super) fn enter(&mut self, session: &Value) {
        self.session = Some(session.clone());
    }

    /// Sends a command and waits for its result.
    #[track_caller]
    pub(super) fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.events.clear();
        let id = self.send(method, parameters);
        loop {
            let mut message = self.receive(method);
            if message["id"] == id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].take();
            }
            self.keep(&message);
        }
    }

    /// Waits until this event has arrived since the last command was sent.
    #[track_caller]
    pub(super) fn wait_for(&mut self, event: &str) {
        while !self.events.iter().any(|name| name == event) {
            let message = self.receive(event);
            self.keep(&message);
        }
    }

    pub(super) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    #[track_caller]
    fn send(&mut self, method: &str, parameters: Value) -> u64 {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.clone();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        if let Err(error) = self.commands.write_all(&bytes) {
            panic!("{method}: the browser is gone: {error}: {}", self.end_of_log());
        }
        self.last_id
    }

    #[track_caller]
    fn receive(&mut self, wanted: &str) -> Value {
        let message = self.messages.get_mut().expect("nobody else has it").recv_timeout(DEADLINE);
        message.unwrap_or_else(|error| panic!("{wanted}: no answer of the browser: {error}: {}", self.end_of_log()))
    }

    #[track_caller]
    fn keep(&mut self, event: &Value) {
        self.complaints.extend(complaint(event));
        let Some(name) = event["method"].as_str() else { return };
        self.events.push(name.to_owned());
        if name == "Page.javascriptDialogOpening" {
            // Otherwise the page would be blocked for ever. The answer is ignored.
            self.send("Page.handleJavaScriptDialog", json!({ "accept": false }));
        }
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join(" | ")
    }
}

/// Forwards messages until the browser ends. The receiver may have been dropped before.
fn listen(answers: ChildStdout, sender: &Sender<Value>) {
    for message in BufReader::new(answers).split(0).map_while(Result::ok) {
        let message = serde_json::from_slice(&message).expect("a browser sends JSON");
        if sender.send(message).is_err() {
            return;
        }
    }
}
