//! `--watch SECONDS`: repeats a report until Ctrl-C.
//!
//! Invariants: Ctrl-C is the normal end and no error; a server that cannot be reached does not end the loop, and is
//! reported each time.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Result;
use tokio::time::MissedTickBehavior;

use crate::args::Format;
use crate::code::Code;
use crate::exit;
use crate::interruption::interrupted;
use crate::render::{self, Reader, Report};

/// Clears the screen and moves the cursor to the top left.
const FRESH_SCREEN: &str = "\x1b[2J\x1b[H";

/// Makes a report at once and then every `period`. On a terminal each report replaces the previous one, otherwise it is
/// printed below it; JSON is one document per line. Ends on Ctrl-C, or when stdout is closed.
///
/// # Errors
/// The errors of `look`, except that a server cannot be reached: that is reported, and the next attempt may succeed.
pub async fn repeat<R: Report>(period: Duration, format: Format, look: impl AsyncFn() -> Result<R>) -> Result<Code> {
    let mut beats = tokio::time::interval(period);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut interrupted = std::pin::pin!(interrupted());
    loop {
        let looked = tokio::select! {
            () = &mut interrupted => return Ok(Code::Fine),
            looked = async { beats.tick().await; look().await } => looked,
        };
        match looked {
            Ok(report) if show(&report, format)? == Reader::Gone => return Ok(Code::Fine),
            Ok(_) => {}
            Err(error) if exit::code_of(&error) == Code::Unreachable => {
                exit::print_error(&error);
                exit::say(format_args!("looking again in {} s", period.as_secs()));
            }
            Err(error) => return Err(error),
        }
    }
}

fn show(report: &impl Report, format: Format) -> Result<Reader> {
    match format {
        Format::Json => render::print(&render::json_line(report)?),
        Format::Text if std::io::stdout().is_terminal() => {
            render::print(&format!("{FRESH_SCREEN}{}", render::text(report)))
        }
        Format::Text => render::print(&format!("{}\n", render::text(report))),
    }
}
