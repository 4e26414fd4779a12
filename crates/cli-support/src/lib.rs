//! What the command-line tools share: arguments, opening what they work on, exit codes, Ctrl-C, rendering, progress, the
//! throttle.
//!
//! Invariants: data goes to stdout and everything else to stderr; an error is one sentence and holds no password; an exit
//! code means the same in every tool. Called by `cache-admin` and `cache-monitor`, whose commands stay free of all this.

pub mod args;
pub mod cache_types;
pub mod exit;
mod interruption;
pub mod open;
pub mod progress;
pub mod rate;
pub mod render;

pub use args::{CommonArgs, Format};
pub use cache_types::TypeChoice;
pub use exit::{Code, Ending, usage};
pub use progress::Progress;
pub use rate::RateArgs;
pub use render::Report;
