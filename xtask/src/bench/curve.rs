//! How costs grow, as pictures: a line for each side, both axes logarithmic.

use super::record::Records;

/// The picture of a section; `None` if it was not measured.
pub(crate) fn draw(_records: &Records, _section: &str) -> Option<String> {
    None
}
