//! Progress on stderr, for people who wait: only on a terminal, and gone when the work is done.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const REDRAW: Duration = Duration::from_millis(100);

/// A line that shows how far the work is. Dropping it removes the line, also when the work failed or was interrupted.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Work of a known size.
    #[must_use]
    pub fn of(what: &str, total: u64) -> Self {
        Self::styled(ProgressBar::new(total), "{msg} {wide_bar} {human_pos} of {human_len}, {eta} left", what)
    }

    /// Work whose size is not known before its end.
    #[must_use]
    pub fn open_ended(what: &str) -> Self {
        Self::styled(ProgressBar::new_spinner(), "{msg} {spinner} {human_pos}, {elapsed}", what)
    }

    /// So many more are done.
    pub fn add(&self, done: u64) {
        self.0.inc(done);
    }

    fn styled(bar: ProgressBar, template: &str, what: &str) -> Self {
        bar.set_style(ProgressStyle::with_template(template).expect("the templates above are valid"));
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(REDRAW);
        Self(bar)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
