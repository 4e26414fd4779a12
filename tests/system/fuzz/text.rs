//! Texts and numbers that hurt: around a list of what was seen to, at random.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Around the ends of ranges and of types, and what only looks like a number.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "7",
    "50",
    "51",
    "100",
    "101",
    "1000",
    "1001",
    "10000",
    "65535",
    "65536",
    "1000000",
    "3600000",
    "3600001",
    "31536000",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999",
    "0.5",
    "-0",
    "-0.0",
    "1e5",
    "1e400",
    "0x10",
    "0b1",
    "1_000",
    "+1",
    "007",
    "NaN",
    "nan",
    "inf",
    "-inf",
    " 1 ",
    "\u{663}",
    "1,5",
    "true",
    "null",
    "",
];

const TEXTS: &[&str] = &[
    "",
    " ",
    "-",
    "--",
    "=",
    "#",
    "\"",
    "'",
    "\\",
    "\\x",
    "'''",
    "\"\"\"",
    "$",
    "${",
    "${X",
    "${X:-y}",
    "$(id)",
    "%",
    "%s%n",
    "%00",
    "%ff",
    "{}",
    "{",
    "[",
    "]]",
    "a b",
    "a=b",
    "a:b",
    "a,b",
    ",",
    ":",
    "/",
    "//",
    "../../..",
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "@",
    "a@b@c",
    "\u{0}",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\u{1b}[2J\u{1b}[31mred",
    "\u{1b}]0;title\u{7}",
    "\u{7f}",
    "\u{9b}31m",
    "\u{85}",
    "\u{202e}evil\u{2069}",
    "\u{200f}\u{61c}",
    "\u{2028}",
    "\u{feff}",
    "\u{ffff}\u{10ffff}",
    "e\u{301}\u{301}\u{301}",
    "ﷺ",
    "İ",
    "ß",
    "\u{1f4a3}",
    "'; DROP TABLE invoices; --",
    "*",
    "[a-z]*",
    "invoice:1",
    "tax_rate:GB:default",
    "active_discounts",
];

/// Single bytes, halves of letters, surrogates, and what lies beyond the last letter.
const NO_UTF8: &[&[u8]] = &[b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0", b"\xf4\x90\x80\x80", b"\xff\xfea\0"];

/// Longer than any name, line, or head of a request.
const LENGTHS: &[usize] = &[255, 256, 1_025, 4_097, 65_537, 200_000];

/// Text of any kind.
pub(super) fn hostile() -> BoxedStrategy<String> {
    let long = (select(LENGTHS), select(&["a", "é", "\u{1b}", "[", "\""][..]));
    prop_oneof![
        6 => select(TEXTS).prop_map(str::to_owned),
        2 => select(NUMBERS).prop_map(str::to_owned),
        3 => any::<String>(),
        2 => "[ -~]{0,24}",
        2 => (select(TEXTS), select(TEXTS)).prop_map(|(one, other)| format!("{one}{other}")),
        1 => long.prop_map(|(length, letter)| letter.repeat(length / letter.len())),
    ]
    .boxed()
}

/// A number, or nearly one.
pub(super) fn number() -> BoxedStrategy<String> {
    prop_oneof![
        6 => select(NUMBERS).prop_map(str::to_owned),
        2 => (0..200_i64).prop_map(|number| number.to_string()),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| number.to_string()),
    ]
    .boxed()
}

/// The text as bytes, mostly as it is.
pub(super) fn bytes(text: BoxedStrategy<String>) -> BoxedStrategy<Vec<u8>> {
    (text, damage()).prop_map(|(text, damage)| damage.of(text.into_bytes())).boxed()
}

/// What becomes of a file or a body on its way.
#[derive(Clone, Debug)]
pub(super) enum Damage {
    None,
    /// The mark with which some editors begin a file.
    Mark,
    Cut(f64),
    /// Bytes put in at this share of the length.
    Inserted(f64, Vec<u8>),
    /// A part of it, once more.
    Doubled(f64, f64),
    /// Lines as on Windows.
    CarriageReturns,
}

pub(super) fn damage() -> BoxedStrategy<Damage> {
    let share = 0.0..1.0_f64;
    let piece = prop_oneof![
        3 => hostile().prop_map(String::into_bytes),
        2 => select(NO_UTF8).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..16),
    ];
    prop_oneof![
        24 => Just(Damage::None),
        1 => Just(Damage::Mark),
        2 => share.clone().prop_map(Damage::Cut),
        4 => (share.clone(), piece).prop_map(|(at, piece)| Damage::Inserted(at, piece)),
        1 => (share.clone(), share).prop_map(|(one, other)| Damage::Doubled(one.min(other), one.max(other))),
        1 => Just(Damage::CarriageReturns),
    ]
    .boxed()
}

impl Damage {
    pub(super) fn of(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let length = bytes.len();
        match self {
            Self::None => {}
            Self::Mark => drop(bytes.splice(0..0, *b"\xef\xbb\xbf")),
            Self::Cut(share) => bytes.truncate(place(length, *share)),
            Self::Inserted(share, piece) => {
                let at = place(length, *share);
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
            Self::Doubled(begin, end) => {
                let (begin, end) = (place(length, *begin), place(length, *end));
                let part = bytes[begin..end].to_vec();
                drop(bytes.splice(end..end, part));
            }
            Self::CarriageReturns => {
                bytes = bytes.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
            }
        }
        bytes
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any place")]
fn place(length: usize, share: f64) -> usize {
    (length as f64 * share) as usize
}
