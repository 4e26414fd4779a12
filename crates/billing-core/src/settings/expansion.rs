//! Expands `${NAME}` and `${NAME:-default}` in the values of `.env`, as python-dotenv does: `$NAME` alone is plain
//! text.
//!
//! Invariant: the environment outranks earlier lines of the file, as it does for the settings themselves.
//!
//! Used for the values of `.env`.

use std::ffi::OsString;

/// A reference to an environment variable whose value is not UTF-8.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUtf8(pub(super) String);

/// The value with its references replaced: by the environment, otherwise by what the file has set so far, otherwise by
/// the default.
pub(super) fn expanded(
    value: &str,
    environment: impl Fn(&str) -> Option<OsString>,
    above: impl Fn(&str) -> Option<String>,
) -> Result<String, NotUtf8> {
    let mut expanded = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(begin) = rest.find("${") {
        let Some((name, default, after)) = reference(&rest[begin + 2..]) else {
            expanded.push_str(&rest[..begin + 2]);
            rest = &rest[begin + 2..];
            continue;
        };
        expanded.push_str(&rest[..begin]);
        match environment(name) {
            Some(value) => expanded.push_str(&value.into_string().map_err(|_| NotUtf8(name.to_owned()))?),
            None => expanded.push_str(&above(name).unwrap_or_else(|| default.to_owned())),
        }
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// Name and default after `${`, and the text after the closing brace.
fn reference(text: &str) -> Option<(&str, &str, &str)> {
    let (inside, after) = text.split_once('}')?;
    match inside.split_once(':') {
        None => Some((inside, "", after)),
        Some((name, default)) => Some((name, default.strip_prefix('-')?, after)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn only_names_in_braces_are_expanded() {
        let environment = |name: &str| (name == "HOME").then(|| OsString::from("/root"));
        let above = |name: &str| (name == "A").then(|| "1".to_owned());
        for (value, expected) in [
            ("abc$def", "abc$def"),
            ("$A", "$A"),
            ("${A}${HOME}", "1/root"),
            ("<${B}>", "<>"),
            ("${B:-2}${A:-2}", "21"),
            ("${A:2}", "${A:2}"),
            ("${A", "${A"),
            ("${B:-${A}}", "${A}"),
        ] {
            assert_eq!(expanded(value, environment, above).as_deref(), Ok(expected), "{value}");
        }
        let strange = |_: &str| Some(OsString::from_vec(vec![0xff]));
        assert_eq!(expanded("${A}", strange, above), Err(NotUtf8("A".to_owned())));
    }
}
