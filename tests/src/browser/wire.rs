//! The DevTools protocol: JSON messages, each ended by a NUL byte, one way through each of two pipes.
//!
//! Commands are numbered and answered by their number; in between come events. No typed library stands here on purpose:
//! their enumerations of events lag behind the browsers of the distributions, and an event that is not understood would
//! be a console error that no test sees.

use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{ChildStdin, ChildStdout};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use serde_json::{Value, json};

use super::complaints::complaint;
use crate::program::DEADLINE;

/// One end of the two pipes. The browser ends when this is dropped.
#[derive(Debug)]
pub(super) struct Wire {
    commands: ChildStdin,
    /// In a mutex only so that a browser can be given to another thread.
    messages: Mutex<Receiver<Value>>,
    session: Option<Value>,
    last_id: u64,
    /// The names of events that nobody has waited for yet, from the last command on.
    events: Vec<String>,
    complaints: Vec<String>,
    log: PathBuf,
}

impl Wire {
    /// `log` is where the browser says what its own troubles are.
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

    /// From now on commands go to the page of this session, not to the browser.
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

    /// Waits until this event has come since the last command was sent.
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
            // Or the page would stand still for ever. The answer has a number that nobody waits for.
            self.send("Page.handleJavaScriptDialog", json!({ "accept": false }));
        }
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(8)..].join(" | ")
    }
}

/// Passes messages on until the browser ends. Whoever waits for them may have gone before.
fn listen(answers: ChildStdout, sender: &Sender<Value>) {
    for message in BufReader::new(answers).split(0).map_while(Result::ok) {
        let message = serde_json::from_slice(&message).expect("a browser sends JSON");
        if sender.send(message).is_err() {
            return;
        }
    }
}
