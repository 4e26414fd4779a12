//! Golden files: expected output as a file in the repository, so that a change of it is reviewed.

use std::path::Path;

/// If this is set, the files are written instead of compared.
const UPDATE: &str = "BILLING_UPDATE_GOLDEN";

/// Fails unless the file contains exactly this text.
///
/// # Panics
/// The file differs, or cannot be read.
pub fn assert_golden(path: &Path, shown: &str) {
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(path, shown).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
    }
    let expected = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(shown == expected, "{} differs; {UPDATE}=1 keeps what is shown:\n{shown}", path.display());
}
