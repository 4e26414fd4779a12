//! Bytes to a port, and what comes back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// An answer that takes longer is none; a busy machine has its time.
const LONGEST: Duration = Duration::from_secs(60);
/// A stream of events has no end.
const KEPT_BYTES: u64 = 1 << 20;

/// What came back.
pub(super) struct Answer {
    /// None is 0.
    pub(super) status: u16,
    /// The head, and the body as far as it is text.
    pub(super) text: String,
}

impl Answer {
    /// Whether the body is an error as programs read it. A header that breaks a request in two gets two answers.
    pub(super) fn is_problem(&self) -> bool {
        let body = self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let first = serde_json::Deserializer::from_str(body).into_iter::<Value>().next();
        first
            .and_then(Result::ok)
            .is_some_and(|body| body["error"]["code"].is_string() && body["error"]["message"].is_string())
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text: String = self.text.chars().take(2_000).collect();
        write!(f, "{}: {}", self.status, text.escape_debug())
    }
}

/// Whether a server may wait for more than it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    None,
    MayBeMissed,
}

/// Sends a request, of which the server may refuse the rest, and reads until the server ends the connection.
///
/// # Errors
/// Nobody listens any more, or the answer does not come.
pub(super) fn ask(address: &str, request: &[u8], rest: Rest) -> Result<Answer, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| format!("nobody listens: {error}"))?;
    stream.set_read_timeout(Some(LONGEST)).map_err(|error| error.to_string())?;
    // The server may have heard enough.
    let _ = stream.write_all(request);
    if rest == Rest::MayBeMissed {
        // It is told that nothing more comes; some servers take that for a client who has gone.
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut bytes = Vec::new();
    match Read::by_ref(&mut stream).take(KEPT_BYTES).read_to_end(&mut bytes) {
        Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
            return Err(format!("no answer within {LONGEST:?}"));
        }
        // The server ended the connection while it was still being written to.
        _ => {}
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text).to_owned();
    let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    Ok(Answer { status: status.unwrap_or(0), text })
}
