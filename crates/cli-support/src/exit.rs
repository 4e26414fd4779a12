//! How a tool ends: its exit code, its error message, and its log.
//!
//! Invariant: an error is printed once, here, as one line on stderr. The types of the causes decide the exit code,
//! never their texts.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use billing_cache::SetupError;
use billing_cache::{L2Error, RedisUnreachable};
use billing_core::printable;
use billing_core::process::{self, LogLines};
use billing_core::settings::SettingsError;
use billing_outbox::database::{self, DatabaseError};
use sea_orm::DbErr;
use tracing_subscriber::EnvFilter;

use crate::code::Code;
use crate::interruption::Interrupted;
pub use crate::interruption::{Ending, interruptible, until_interrupted};
pub use billing_core::process::Talk;

/// The arguments or settings cannot be used; leads to [`Code::Usage`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// An error for wrong arguments.
pub fn usage(sentence: impl Into<String>) -> anyhow::Error {
    Usage(sentence.into()).into()
}

/// Runs a tool: logs go to stderr, an error becomes one line there, and the result becomes the exit code.
pub fn run(talk: Talk, work: impl Future<Output = Result<Code>>) -> ExitCode {
    log_to_stderr(talk);
    let runtime = match process::runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            print_error(&error.into());
            return Code::No.into();
        }
    };
    let code = runtime.block_on(work).unwrap_or_else(|error| {
        print_error(&error);
        code_of(&error)
    });
    // Name resolution cannot be cancelled and may take long. After Ctrl-C the process does not wait for it.
    runtime.shutdown_background();
    code.into()
}

/// Prints the error and its causes as one line on stderr.
pub fn print_error(error: &anyhow::Error) {
    let red = anstyle::AnsiColor::Red.on_default().bold();
    say(format_args!("{red}error:{red:#} {}", sentence_with_advice(error)));
}

/// The message of an error. If the database suggests a next step that the message lacks, it is added.
#[must_use]
pub fn sentence_with_advice(error: &anyhow::Error) -> String {
    let sentence = sentence(error);
    match error.chain().find_map(advice_of_cause) {
        Some(advice) if !sentence.contains(advice) => format!("{sentence}; {advice}"),
        _ => sentence,
    }
}

/// Prints a warning on stderr.
pub fn warn(what: &impl fmt::Display) {
    let yellow = anstyle::AnsiColor::Yellow.on_default().bold();
    say(format_args!("{yellow}warning:{yellow:#} {}", one_line(what)));
}

/// Prints a line on stderr. If stderr cannot be written, the work continues; the exit code still reports the result.
pub fn say(line: fmt::Arguments<'_>) {
    drop(writeln!(anstream::stderr().lock(), "{line}"));
}

/// The exit code for an error.
#[must_use]
pub fn code_of(error: &anyhow::Error) -> Code {
    error.chain().find_map(code_of_cause).unwrap_or(Code::No)
}

fn code_of_cause(cause: &(dyn Error + 'static)) -> Option<Code> {
    if cause.is::<Interrupted>() {
        return Some(Code::Interrupted);
    }
    if cause.is::<Usage>() || cause.is::<SettingsError>() || cause.is::<SetupError>() {
        return Some(Code::Usage);
    }
    let is_redis = cause.is::<RedisUnreachable>() || cause.is::<Arc<RedisUnreachable>>();
    if is_redis || cause.is::<L2Error>() {
        return Some(Code::Unreachable);
    }
    if let Some(error) = as_database_error(cause) {
        return code_of_database(error);
    }
    cause.downcast_ref::<DbErr>().filter(|error| database::is_unreachable(error)).map(|_| Code::Unreachable)
}

fn as_database_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a DatabaseError> {
    // Loads of the cache share their errors in an `Arc`.
    let shared = || cause.downcast_ref::<Arc<DatabaseError>>().map(Arc::as_ref);
    cause.downcast_ref::<DatabaseError>().or_else(shared)
}

fn advice_of_cause(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    let of_statement = || database::advice(cause.downcast_ref::<DbErr>()?);
    as_database_error(cause).and_then(DatabaseError::advice).or_else(of_statement)
}

fn code_of_database(error: &DatabaseError) -> Option<Code> {
    match error {
        DatabaseError::InvalidUrl { .. }
        | DatabaseError::NewerTriggers { .. }
        | DatabaseError::MissingColumns { .. } => Some(Code::Usage),
        DatabaseError::NoSchema { .. } | DatabaseError::PendingMigrations { .. } => Some(Code::Unreachable),
        error if error.is_unreachable() => Some(Code::Unreachable),
        _ => None,
    }
}

/// The error and its causes, joined by colons. A cause that is already quoted by the error above it is not repeated.
#[must_use]
pub fn sentence(error: &anyhow::Error) -> String {
    let mut sentence = String::new();
    for cause in error.chain() {
        let said = one_line(cause);
        if sentence.contains(&said) {
            continue;
        }
        if !sentence.is_empty() {
            sentence.push_str(": ");
        }
        sentence.push_str(&said);
    }
    sentence
}

fn one_line(message: &dyn fmt::Display) -> String {
    let message = message.to_string();
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    printable(&lines.collect::<Vec<_>>().join(" ")).into_owned()
}

fn log_to_stderr(talk: Talk) {
    let (filter, passed_over) = process::log_filter::<EnvFilter>(talk);
    let writer = || LogLines(std::io::stderr());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(false);
    // On a failed write to stderr it would print an error to stderr, and panic.
    log.log_internal_errors(false).init();
    passed_over.iter().for_each(warn);
}

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn an_error_is_one_line_that_says_nothing_twice() {
        let error = anyhow!("connection refused").context("cannot use Redis: connection refused").context("clear");
        assert_eq!(sentence(&error), "clear: cannot use Redis: connection refused");
        assert_eq!(sentence(&anyhow!("two\n  lines\n")), "two lines");
    }

    #[test]
    fn the_cause_decides_the_exit_code() {
        let missing = DatabaseError::MissingFile { path: "x".into() };
        assert_eq!(code_of(&anyhow::Error::new(missing).context("migrate")), Code::Unreachable);
        let shared = Arc::new(DatabaseError::NoSchema { database: "x".into(), table: "invoices" });
        assert_eq!(code_of(&anyhow::Error::new(shared)), Code::Unreachable);
        let url = DatabaseError::InvalidUrl { reason: "x".into() };
        assert_eq!(code_of(&anyhow::Error::new(url)), Code::Usage);
        assert_eq!(code_of(&Err::<(), _>(usage("x")).context("clear").unwrap_err()), Code::Usage);
        assert_eq!(code_of(&anyhow!("anything else")), Code::No);
    }
}
