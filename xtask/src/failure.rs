//! Errors that determine the exit code: 1 for a negative answer, 3 if something needed is not available, or the code of
//! a failed step.

use std::fmt;
use std::process::ExitCode;

/// A program or a server that the task needs is not available on this machine.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) String);

/// A program that the task ran has failed and has already reported why.
#[derive(Debug)]
pub(crate) struct StepFailed {
    pub(crate) step: String,
    pub(crate) code: Option<i32>,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for StepFailed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => write!(formatter, "{} failed with exit code {code}", self.step),
            None => write!(formatter, "{} was ended by a signal", self.step),
        }
    }
}

impl std::error::Error for Unavailable {}
impl std::error::Error for StepFailed {}

pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.downcast_ref::<Unavailable>().is_some() {
        return ExitCode::from(3);
    }
    let step = error.downcast_ref::<StepFailed>().and_then(|step| step.code);
    ExitCode::from(step.and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_code_survives_context() {
        let failed = |code| Err::<(), _>(StepFailed { step: "cargo test".to_owned(), code }).context("test");
        assert_eq!(exit_code(&failed(Some(101)).unwrap_err()), ExitCode::from(101));
        assert_eq!(exit_code(&failed(None).unwrap_err()), ExitCode::from(1));
        let missing = Err::<(), _>(Unavailable("no redis-server".to_owned())).context("demo");
        assert_eq!(exit_code(&missing.unwrap_err()), ExitCode::from(3));
        assert_eq!(exit_code(&anyhow::anyhow!("other")), ExitCode::from(1));
    }
}
