//! Golden files: what is shown, as a file in the repository, so that a change of it is one that somebody looks at.

use std::path::Path;

/// Set to anything, the files are written instead of compared.
const UPDATE: &str = "BILLING_UPDATE_GOLDEN";

/// Fails unless the file holds exactly what is shown.
///
/// # Panics
/// If it does not, or cannot be read.
pub fn assert_golden(path: &Path, shown: &str) {
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, shown).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
    }
    let expected = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(shown == expected, "{} differs; {UPDATE}=1 keeps what is shown:\n{shown}", path.display());
}
