//! Progress on stderr: how much is done, the rate, and the remaining time. It is shown only on a terminal, and
//! disappears when the work is done.

use std::fmt::Write;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

const REDRAW: Duration = Duration::from_millis(100);

/// A line that shows the progress. Dropping it removes the line, also after a failure or an interruption.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Work of a known size.
    #[must_use]
    pub fn of(what: &str, total: u64) -> Self {
        Self::styled(ProgressBar::new(total), "{msg} {wide_bar} {human_pos} of {human_len}, {rate}, {eta} left", what)
    }

    /// Work whose size is not known in advance.
    #[must_use]
    pub fn open_ended(what: &str) -> Self {
        Self::styled(ProgressBar::new_spinner(), "{msg} {spinner} {human_pos}, {rate}, {elapsed}", what)
    }

    /// Work whose size may be known.
    #[must_use]
    pub fn of_maybe(what: &str, total: Option<u64>) -> Self {
        total.map_or_else(|| Self::open_ended(what), |total| Self::of(what, total))
    }

    /// Adds this many finished items.
    pub fn add(&self, done: u64) {
        self.0.inc(done);
    }

    fn styled(bar: ProgressBar, template: &str, what: &str) -> Self {
        let style = ProgressStyle::with_template(template).expect("the templates above are valid");
        bar.set_style(style.with_key("rate", write_rate));
        bar.set_message(what.to_owned());
        if !bar.is_hidden() {
            bar.enable_steady_tick(REDRAW);
        }
        Self(bar)
    }
}

/// `1,234/s`
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is not negative, and is rounded")]
fn write_rate(state: &ProgressState, out: &mut dyn Write) {
    // A failed write of the progress line is ignored.
    let _ = write!(out, "{}/s", HumanCount(state.per_sec().round() as u64));
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
