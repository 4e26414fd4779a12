//! Parts of the protocol that can be taken out of the code, so that a test shows that it notices (`docs/protocol.md`,
//! "The code without each part").
//!
//! Compiled in only with the feature `mutations`, which only `cargo xtask mutants` turns on. The variable
//! BILLING_MUTATION then names the part that this process goes without. In every other build each part is kept, which
//! the compiler knows.
//!
//! Used wherever the protocol has a part, here and by the crates that write and relay.

/// Whether the code keeps this part.
#[cfg(feature = "mutations")]
#[must_use]
pub fn keeps(part: &str) -> bool {
    use std::sync::LazyLock;
    static WITHOUT: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("BILLING_MUTATION").ok());
    WITHOUT.as_deref() != Some(part)
}

/// Whether the code keeps this part: it does.
#[cfg(not(feature = "mutations"))]
#[inline]
#[must_use]
pub const fn keeps(_part: &str) -> bool {
    true
}

/// A script, without this piece of it if the part is taken out.
#[cfg(feature = "mutations")]
pub(crate) fn script(part: &str, whole: &'static str, piece: &str) -> &'static str {
    assert!(whole.contains(piece), "{part} takes something out that the script does not have");
    if keeps(part) { whole } else { whole.replace(piece, "").leak() }
}

/// The whole script.
#[cfg(not(feature = "mutations"))]
pub(crate) const fn script(_part: &str, whole: &'static str, _piece: &str) -> &'static str {
    whole
}
