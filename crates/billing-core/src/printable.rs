//! Shows text from outside, such as a cached value, a row, or a server's answer.
//!
//! Invariant: the shown text cannot steer a terminal, break a line, or change the order in which people read. Every
//! character that could is written as JSON writes it: `\u009b`.
//!
//! Each program passes all such text through this function.

use std::borrow::Cow;
use std::fmt::Write;

/// The text, with every character escaped that could steer a terminal or mislead a reader.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unprintable(c) { escape(c, &mut shown) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// As [`printable`], but line ends are kept. For texts of several lines, and for JSON: there such characters occur only
/// in strings, and a parser reads the escaped ones as the same text.
#[must_use]
pub fn printable_lines(text: &str) -> String {
    text.split('\n').map(printable).collect::<Vec<_>>().join("\n")
}

/// Whether a character is escaped: controls, line separators, and characters that change the direction of text.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    let changes_direction =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || changes_direction || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Escapes as in a JSON string. All escaped characters are below U+FFFF.
fn escape(c: char, out: &mut String) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c => write!(out, "\\u{:04x}", u32::from(c)).expect("a string takes any text"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_or_misleads_a_reader_is_escaped() {
        for (text, shown) in [
            ("Ünïcode €, 税", "Ünïcode €, 税"),
            ("a\u{1b}[2Jb", "a\\u001b[2Jb"),
            ("a\u{9b}2Jb\u{7f}", "a\\u009b2Jb\\u007f"),
            ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
            ("\u{202e}evil\u{2069}\u{200f}\u{61c}", "\\u202eevil\\u2069\\u200f\\u061c"),
            ("a\u{2028}b\u{0}", "a\\u2028b\\u0000"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert_eq!(printable_lines("a\u{9b}\n\u{202e}b"), "a\\u009b\n\\u202eb");
    }
}
