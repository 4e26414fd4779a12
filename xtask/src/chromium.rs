//! Finding a Chromium for the tests that look at pages.
//!
//! Any browser of the family will do: the tests speak the DevTools protocol.

use std::path::PathBuf;

use crate::process::find_program;

/// What names the browser to the tests, and to this task where none of the usual places has it.
pub(crate) const VARIABLE: &str = "BILLING_TEST_CHROMIUM";

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Where Homebrew puts an application, which is in no `PATH`.
const APPLICATIONS: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// `BILLING_TEST_CHROMIUM`, or a browser of `PATH` or of the applications.
pub(crate) fn program() -> Option<PathBuf> {
    let chosen = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let in_path = || NAMES.iter().find_map(|name| find_program(name, &[]));
    let application = || APPLICATIONS.iter().map(PathBuf::from).find(|path| path.is_file());
    chosen.or_else(in_path).or_else(application)
}
