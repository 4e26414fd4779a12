//! `--trace FILE`: a recorded access log with one Redis key per line, replayed in its order.
//!
//! Invariants: memory grows only with the number of different keys in the log, up to a limit; a line that is no key of
//! this cache is counted, and its meaning is not guessed; such a line is never printed, because it may contain a
//! secret; a slow log, such as a pipe, blocks only the reading of the log.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use billing_cache::KeySpace;
use billing_core::cached::{BillingCache, CACHED_TYPES};
use billing_outbox::registry::{Probe, RegisteredType};
use cli_support::usage;
use tokio::sync::mpsc;

use super::request::Request;

/// Stands for standard input.
const STDIN: &str = "-";
/// Maximum length of a line in bytes. No key is longer.
const LONGEST_LINE: u64 = 1024;
/// Number of invalid lines whose line numbers are reported.
const TOLD_LINES: usize = 3;
/// Number of different keys that are remembered for the clear at the end. Other keys expire by themselves.
const MOST_REMEMBERED: usize = 1_000_000;
/// Requests read ahead of the tasks.
const READ_AHEAD: usize = 256;

/// A log that can be opened.
pub(crate) struct TraceFile {
    path: PathBuf,
    input: Box<dyn Read + Send>,
}

/// The number of lines by kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Lines that are not empty.
    pub(crate) lines: u64,
    /// Keys of the measured types.
    pub(crate) replayed: u64,
    /// Keys of other cached types.
    pub(crate) other_types: u64,
    /// Lines that are no keys of this cache.
    pub(crate) foreign: u64,
    /// The line numbers of the first few of those.
    pub(crate) first_foreign: Vec<u64>,
}

/// The log could not be read to its end.
#[derive(Debug, thiserror::Error)]
#[error("the measurement was stopped: read {}", path.display())]
pub(crate) struct TraceFailure {
    path: PathBuf,
    source: io::Error,
}

/// The requests of a log, as they are read.
pub(crate) struct RecordedRequests {
    receiver: tokio::sync::Mutex<mpsc::Receiver<io::Result<Request>>>,
    journal: Arc<Mutex<Journal>>,
    path: PathBuf,
}

/// The results of reading the log so far.
#[derive(Debug, Default)]
struct Journal {
    tally: Tally,
    /// Requests of each type.
    requests: Vec<u64>,
    written: HashSet<String>,
}

impl TraceFile {
    /// # Errors
    /// A usage error: the file does not exist or cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let input: Box<dyn Read + Send> = if path.as_os_str() == STDIN {
            Box::new(io::stdin())
        } else {
            Box::new(open_file(path).map_err(|error| usage(format!("--trace {}: {error}", path.display())))?)
        };
        Ok(Self { path: path.to_owned(), input })
    }

    /// Starts to read in a separate thread, which ends when the log ends or the receiver is dropped.
    ///
    /// # Errors
    /// No thread can be created.
    pub(crate) fn read(
        self,
        cache: &BillingCache,
        recorded_in: KeySpace,
        types: &[&'static dyn RegisteredType],
    ) -> Result<RecordedRequests> {
        let (sender, receiver) = mpsc::channel(READ_AHEAD);
        let journal = Journal { requests: vec![0; types.len()], ..Journal::default() };
        let journal = Arc::new(Mutex::new(journal));
        let known = Known { cache: cache.clone(), space: recorded_in, types: types.to_vec() };
        let path = self.path.clone();
        let reader = Reader { known, journal: Arc::clone(&journal), sender };
        let thread = std::thread::Builder::new().name("trace".to_owned());
        thread.spawn(move || reader.read(BufReader::new(self.input))).context("start a thread")?;
        Ok(RecordedRequests { receiver: tokio::sync::Mutex::new(receiver), journal, path })
    }
}

fn open_file(path: &Path) -> Result<File, String> {
    let file = File::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err("is a directory; name a file with one key a line".to_owned()),
        _ => Ok(file),
    }
}

impl RecordedRequests {
    pub(super) async fn next(&self) -> Result<Option<Request>, TraceFailure> {
        let request = self.receiver.lock().await.recv().await.transpose();
        request.map_err(|source| TraceFailure { path: self.path.clone(), source })
    }

    /// The number of lines so far.
    pub(crate) fn tally(&self) -> Tally {
        lock(&self.journal).tally.clone()
    }

    /// The requested keys, with the prefix of the measurement's key space.
    pub(crate) fn written(&self) -> HashSet<String> {
        std::mem::take(&mut lock(&self.journal).written)
    }
}

/// The thread that reads the log.
struct Reader {
    known: Known,
    journal: Arc<Mutex<Journal>>,
    sender: mpsc::Sender<io::Result<Request>>,
}

impl Reader {
    fn read(self, mut input: impl BufRead) {
        let mut line = Vec::new();
        for number in 1.. {
            let sent = match read_line(&mut input, &mut line) {
                Ok(false) => return,
                Ok(true) => self.take(number, String::from_utf8_lossy(&line).trim()).map(Ok),
                Err(error) => Some(Err(error)),
            };
            let Some(sent) = sent else { continue };
            let failed = sent.is_err();
            // An error means that the measurement has ended.
            if self.sender.blocking_send(sent).is_err() || failed {
                return;
            }
        }
    }

    /// The request for a line, if there is one. It is recorded in the journal before any task can make it.
    fn take(&self, line_number: u64, line: &str) -> Option<Request> {
        if line.is_empty() {
            return None;
        }
        let found = self.known.identify(line);
        let mut journal = lock(&self.journal);
        journal.tally.lines += 1;
        match found {
            Found::Measured { type_index, probe } => {
                let number = journal.requests[type_index];
                journal.requests[type_index] += 1;
                journal.tally.replayed += 1;
                journal.remember(probe.key_text(0));
                return Some(Request { number, type_index, probe, place: 0 });
            }
            Found::OtherType => journal.tally.other_types += 1,
            Found::Foreign => journal.tally.add_foreign(line_number),
        }
        None
    }
}

impl Journal {
    fn remember(&mut self, key: String) {
        if self.written.len() < MOST_REMEMBERED {
            self.written.insert(key);
        }
    }
}

impl Tally {
    fn add_foreign(&mut self, line_number: u64) {
        self.foreign += 1;
        if self.first_foreign.len() < TOLD_LINES {
            self.first_foreign.push(line_number);
        }
    }
}

/// The kind of a line.
enum Found {
    Measured { type_index: usize, probe: Arc<dyn Probe> },
    OtherType,
    Foreign,
}

/// The types whose keys are recognized.
struct Known {
    cache: BillingCache,
    space: KeySpace,
    types: Vec<&'static dyn RegisteredType>,
}

impl Known {
    fn identify(&self, line: &str) -> Found {
        let mut measured = self.types.iter().enumerate();
        let probe =
            measured.find_map(|(index, cached)| Some((index, cached.probe_of(&self.cache, &self.space, line)?)));
        match probe {
            Some((type_index, probe)) => Found::Measured { type_index, probe },
            None if CACHED_TYPES.iter().any(|cached| cached.info().owns(&self.space, line)) => Found::OtherType,
            None => Found::Foreign,
        }
    }
}

/// Reads one line, of which at most [`LONGEST_LINE`] bytes are kept; returns false at the end.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    if input.by_ref().take(LONGEST_LINE).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
    }
    Ok(true)
}

fn lock(journal: &Mutex<Journal>) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<String> {
        let (mut input, mut line, mut lines) = (BufReader::with_capacity(7, text), Vec::new(), Vec::new());
        while read_line(&mut input, &mut line).unwrap() {
            lines.push(String::from_utf8_lossy(&line).trim().to_owned());
        }
        lines
    }

    #[test]
    fn lines_end_where_they_end_with_or_without_a_last_line_end() {
        assert_eq!(lines(b"invoice:1\r\n\ninvoice:2"), ["invoice:1", "", "invoice:2"]);
        assert_eq!(lines(b""), [""; 0]);
    }

    #[test]
    fn a_line_without_end_takes_no_memory_and_is_one_line() {
        let mut text = vec![b'x'; 1_000_000];
        text.extend(b"\ninvoice:1\n");
        let found = lines(&text);
        assert_eq!(found.iter().map(String::len).collect::<Vec<_>>(), [1024, 9]);
    }

    #[test]
    fn foreign_lines_are_counted_and_a_few_are_told_by_number() {
        let mut tally = Tally::default();
        [2, 3, 5, 7].into_iter().for_each(|line| tally.add_foreign(line));
        assert_eq!((tally.foreign, tally.first_foreign), (4, vec![2, 3, 5]));
    }
}
