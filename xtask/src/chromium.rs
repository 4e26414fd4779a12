//! Finds a Chromium for the tests that inspect pages.
//!
//! Any browser of this family works, because the tests use the DevTools protocol.

use std::path::PathBuf;

use test_servers::program::find_program;

/// The variable that names the browser for the tests, and for this task if the browser is not in one of the usual
/// places.
pub(crate) const VARIABLE: &str = "BILLING_TEST_CHROMIUM";

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// Where Homebrew installs an application, which is not in `PATH`.
const APPLICATIONS: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// `BILLING_TEST_CHROMIUM`, or a browser in `PATH` or among the applications.
pub(crate) fn program() -> Option<PathBuf> {
    let chosen = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from);
    let in_path = || NAMES.iter().find_map(|name| find_program(name, &[]));
    let application = || APPLICATIONS.iter().map(PathBuf::from).find(|path| path.is_file());
    chosen.or_else(in_path).or_else(application)
}
