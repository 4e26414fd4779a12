//! Runs a program with arbitrary arguments, variables and files, and records the complete result.
//!
//! Invariant: it ends. A program that exceeds its time limit is interrupted, then killed, and the result says so; a
//! service is asked to end as soon as it prints its address. None of that is a failure here: the caller judges the
//! result.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::service::ADDRESS_LINES;

const POLL_INTERVAL: Duration = Duration::from_millis(2);
/// Time for an interrupted program to end.
const GRACE: Duration = Duration::from_secs(20);
/// Maximum number of bytes kept of each stream. The rest is read and dropped, because a full pipe would block the
/// program.
const KEPT_BYTES: usize = 8 << 20;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself.
    Itself,
    /// It is a service that printed its address, and was asked to end.
    Asked,
    /// It exceeded its time limit, and ended after an interruption.
    Interrupted,
    /// It exceeded its time limit, and did not react to the interruption.
    Killed,
}

/// How a program ended, and its complete output.
#[derive(Debug)]
pub struct Attempt {
    /// How it ended.
    pub end: End,
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The bytes of stdout.
    pub stdout: Vec<u8>,
    /// The bytes of stderr.
    pub stderr: Vec<u8>,
}

impl Attempt {
    pub(crate) fn make(mut command: Command, longest: Duration) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        let id = Pid::from_child(&child);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let stdout = thread::spawn(move || stdout.map(read_all).unwrap_or_default());
        let stderr = thread::spawn(move || stderr.map(|stderr| listen(stderr, id)).unwrap_or_default());
        let (mut end, status) = wait(&mut child, id, longest);
        let stdout = stdout.join().expect("reading does not panic");
        let (stderr, was_asked) = stderr.join().expect("reading does not panic");
        if end == End::Itself && was_asked {
            end = End::Asked;
        }
        Self { end, code: status.code(), signal: status.signal(), stdout, stderr }
    }
}

/// A signal that cannot be sent means that the program has ended meanwhile.
fn wait(child: &mut Child, id: Pid, longest: Duration) -> (End, ExitStatus) {
    if let Some(status) = wait_for(child, longest) {
        return (End::Itself, status);
    }
    let _ = kill_process(id, Signal::INT);
    if let Some(status) = wait_for(child, GRACE) {
        return (End::Interrupted, status);
    }
    let _ = child.kill();
    (End::Killed, child.wait().expect("a child can be waited for"))
}

fn wait_for(child: &mut Child, longest: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + longest;
    loop {
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => return Some(status),
            None if Instant::now() > until => return None,
            None => thread::sleep(POLL_INTERVAL),
        }
    }
}

fn read_all(mut pipe: impl Read) -> Vec<u8> {
    let (mut kept, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
    while let Ok(length @ 1..) = pipe.read(&mut chunk) {
        kept.extend(&chunk[..length.min(KEPT_BYTES.saturating_sub(kept.len()))]);
    }
    kept
}

/// Reads the output of the program, and whether it was asked to end because it listens.
fn listen(stderr: ChildStderr, id: Pid) -> (Vec<u8>, bool) {
    let (mut said, mut line, mut listens) = (Vec::new(), Vec::new(), false);
    let mut stderr = BufReader::new(stderr);
    while stderr.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        if !listens && ADDRESS_LINES.iter().any(|begin| line.starts_with(begin.as_bytes())) {
            listens = true;
            let _ = kill_process(id, Signal::TERM);
        }
        if said.len() < KEPT_BYTES {
            said.append(&mut line);
        }
        line.clear();
    }
    (said, listens)
}
