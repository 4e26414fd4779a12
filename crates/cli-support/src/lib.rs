//! Shared by the command-line tools: arguments, opening the cache and the database, exit codes, Ctrl-C, rendering,
//! progress, the rate limit, `--watch`, manuals.
//!
//! Invariants: data goes to stdout and everything else to stderr; an error is one sentence without a password; an exit
//! code means the same in every tool.
//!
//! Used by `cache-admin` and `cache-monitor`, so that their commands contain none of this.

pub mod args;
pub mod cache_types;
mod code;
pub mod command_line;
pub mod exit;
pub mod interruption;
pub mod manual;
pub mod open;
pub mod progress;
pub mod rate;
pub mod render;
pub mod watch;

pub use args::{CommonArgs, Format};
pub use cache_types::TypeChoice;
pub use code::Code;
pub use exit::usage;
pub use interruption::Ending;
pub use manual::Manual;
pub use progress::Progress;
pub use rate::RateArgs;
pub use render::Report;
