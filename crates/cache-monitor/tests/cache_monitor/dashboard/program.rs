//! A running dashboard, and what it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::read::GzDecoder;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use test_support::eventually;
use ureq::Agent;
use ureq::http::Request;

use crate::fixture::Stage;

/// Longer than anything takes on a slow machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A dashboard; killed when dropped.
pub(crate) struct Dashboard {
    child: Child,
    /// Address and port.
    pub(crate) host: String,
    said: Arc<Mutex<String>>,
    agent: Agent,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: ureq::http::HeaderMap,
    /// As it was sent, perhaps compressed.
    pub(crate) body: Vec<u8>,
    pub(crate) text: String,
}

impl Answer {
    /// Empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Dashboard {
    /// One that looks at this stage, on any port.
    pub(crate) fn over(stage: &Stage, arguments: &[&str]) -> Self {
        Self::start(stage.monitor(&[&["dashboard", "--listen", "127.0.0.1:0"], arguments].concat()))
    }

    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let (mut logged, mut first) = (String::new(), String::new());
        // What is away may be logged before the address is.
        while !first.starts_with("dashboard at ") {
            logged.push_str(&first);
            first.clear();
            assert_ne!(lines.read_line(&mut first).unwrap(), 0, "it ended without its address: {logged}");
        }
        let host = first.trim().strip_prefix("dashboard at http://").and_then(|url| url.strip_suffix('/'));
        let host = host.unwrap_or_else(|| panic!("it said {first:?}")).to_owned();
        let said = Arc::new(Mutex::new(logged));
        let hears = Arc::clone(&said);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                println!("dashboard: {line}");
                hears.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0);
        let config = config.timeout_global(Some(DEADLINE)).proxy(None);
        Self { child, host, said, agent: config.build().into() }
    }

    /// What it wrote on stderr, but for the line of its address.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.host));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        let body = response.body_mut().read_to_vec().unwrap();
        let text = match response.headers().get("content-encoding") {
            Some(encoding) if encoding == "gzip" => std::io::read_to_string(GzDecoder::new(&body[..])).unwrap(),
            _ => String::from_utf8(body.clone()).unwrap(),
        };
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), body, text }
    }

    /// The status of an answer to these lines as they are; for what no client would send.
    pub(crate) fn raw(&self, head: &str) -> u16 {
        let answer = self.raw_from("127.0.0.1", head, "");
        answer.split(' ').nth(1).unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap()
    }

    /// The answer to these lines of a client with this address, which is one of this machine.
    pub(crate) fn raw_from(&self, address: &str, head: &str, body: &str) -> String {
        let mut stream = self.connect_from(address);
        stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// So many clients that ask once and stay; those that were answered.
    pub(crate) fn keep_alive(&self, address: &str, clients: usize) -> Vec<TcpStream> {
        let asked = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        let answered = |mut client: TcpStream| {
            // One that is closed at once may be closed before it has asked.
            let is_asked = client.write_all(asked.as_bytes()).is_ok();
            (is_asked && client.read(&mut [0; 1]).is_ok_and(|read| read == 1)).then_some(client)
        };
        (0..clients).filter_map(|_| answered(self.connect_from(address))).collect()
    }

    fn connect_from(&self, address: &str) -> TcpStream {
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &SocketAddrV4::new(address.parse().unwrap(), 0)).unwrap();
        connect(&socket, &self.host.parse::<SocketAddrV4>().unwrap()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    pub(crate) fn live(&self) -> Stream {
        self.live_with(&[])
    }

    pub(crate) fn live_with(&self, headers: &[(&str, &str)]) -> Stream {
        let mut request = self.agent.get(format!("http://{}/api/live", self.host));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.call().unwrap();
        let status = response.status().as_u16();
        Stream { status, lines: BufReader::new(Box::new(response.into_body().into_reader())) }
    }

    /// The first snapshot that is as wanted.
    pub(crate) fn snapshot(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.live().until(wanted)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The exit code with which it ended by itself.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        let status = eventually(DEADLINE, || std::future::ready(self.child.try_wait().unwrap())).await.unwrap();
        status.code()
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Server-sent events.
pub(crate) struct Stream {
    pub(crate) status: u16,
    lines: BufReader<Box<dyn Read>>,
}

impl Stream {
    /// The next snapshot; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
        }
    }

    /// The next snapshot that is as wanted.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        while let Some(snapshot) = self.next() {
            if wanted(&snapshot) {
                return snapshot;
            }
            last = snapshot;
        }
        panic!("the stream ended with {last:#}");
    }
}
