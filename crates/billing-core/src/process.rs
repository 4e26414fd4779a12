//! The first steps of every program: it starts the runtime and begins to log.
//!
//! Invariants: if the system allows the process too little, the error is a sentence, where tokio would panic. No field
//! of a log line can steer a terminal.
//!
//! Used by the main functions of the tools and of services.

use std::env::VarError;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::str::FromStr;

use tokio::runtime::Runtime;

use crate::printable;

/// Number of files that tokio and the first connections open.
const FILES_NEEDED: usize = 16;
const LOG_VARIABLE: &str = "RUST_LOG";
const ERRORS: &str = "error";

/// The process may open too few files or start too few threads.
#[derive(Debug, thiserror::Error)]
#[error("the system gives this process too few files or threads; raise `ulimit -n` or `ulimit -u`")]
pub struct TooLittle {
    #[source]
    source: io::Error,
}

/// Starts the runtime of a program.
///
/// # Errors
/// The process may not open the few files, or start the threads, that tokio needs; tokio would panic.
pub fn runtime() -> Result<Runtime, TooLittle> {
    let runtime = enough_files().and_then(|()| Runtime::new());
    runtime.map_err(|source| TooLittle { source })
}

fn enough_files() -> io::Result<()> {
    (0..FILES_NEEDED).map(|_| File::open("/dev/null")).collect::<io::Result<Vec<_>>>().map(drop)
}

/// What a program logs if `RUST_LOG` is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// A long-running program, whose log is read later: it logs when something fails, and when it works again.
    Service,
    /// A tool: it prints its results itself, and its last line is its error.
    Tool,
}

impl Talk {
    /// Our crates log little at level INFO: that a problem of an earlier warning is over.
    fn directives(self) -> &'static str {
        match self {
            Self::Service => {
                "warn,billing_cache=info,billing_core=info,billing_outbox=info,billing_service=info,cache_monitor=info"
            }
            Self::Tool => ERRORS,
        }
    }
}

/// The filter of `tracing-subscriber` that `RUST_LOG` asks for, plus the errors of all other crates. If the variable
/// cannot be parsed, also a message about it.
pub fn log_filter<F: FromStr<Err: Display>>(talk: Talk) -> (F, Option<String>) {
    let wanted = match std::env::var(LOG_VARIABLE) {
        Ok(wanted) if wanted.is_empty() => Err(String::new()),
        Ok(wanted) => format!("{ERRORS},{wanted}").parse().map_err(|error| format!("{error}")),
        Err(VarError::NotPresent) => Err(String::new()),
        Err(VarError::NotUnicode(_)) => Err("it is not UTF-8".to_owned()),
    };
    wanted.map_or_else(
        |reason| {
            let default = talk.directives();
            let filter = default.parse().unwrap_or_else(|_| panic!("{default} is a filter"));
            let said = format!("{LOG_VARIABLE} is passed over: {}", printable(&reason));
            (filter, (!reason.is_empty()).then_some(said))
        },
        |filter| (filter, None),
    )
}

/// Where a log goes, one event at a time, as `tracing-subscriber` writes it. It has no colours: they could not be told
/// from those inside a field, of which that crate escapes only some.
#[derive(Debug)]
pub struct LogLines<W>(pub W);

impl<W: Write> Write for LogLines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        self.0.write_all(format!("{}{end}", printable(line)).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_the_log_is_one_line_that_steers_no_terminal() {
        const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\u{202e}evil\r\n\u{0}\u{2028}";
        let kept = Kept::default();
        let writer = kept.clone();
        let log = tracing_subscriber::fmt().with_writer(move || LogLines(writer.clone())).with_ansi(false);
        tracing::subscriber::with_default(log.finish(), || {
            let error = io::Error::other(HOSTILE);
            let _span = tracing::error_span!("span", within = %HOSTILE).entered();
            tracing::error!(text = HOSTILE, shown = %HOSTILE, error = &error as &dyn std::error::Error, "{HOSTILE}");
        });
        let logged = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let line = logged.strip_suffix('\n').unwrap();
        assert!(!line.contains(crate::is_unprintable), "{line:?}");
        assert_eq!(line.matches("evil").count(), 5, "{line:?}");
    }
}
