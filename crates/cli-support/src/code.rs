//! The exit codes of the tools.

use std::process::ExitCode;

/// The meaning of a tool's exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// Success.
    Fine = 0,
    /// The answer is no, or part of the work failed.
    No = 1,
    /// Wrong arguments or settings.
    Usage = 2,
    /// Redis or the database cannot be reached, or the database is not ready.
    Unreachable = 3,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}
