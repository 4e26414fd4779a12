//! What a column can hold and ours cannot: as literals of SQL, drawn at random around a list of what was seen to hurt.

use proptest::prelude::*;
use proptest::sample::select;
use system_tests::Backend;

use super::schema::{Column, Kind};

/// Whole numbers around the ends of the types that programs read them as.
const WHOLE: &[&str] = &[
    "0",
    "-1",
    "2",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967297",
    "9007199254740993",
    "9223372036854775806",
    "-9223372036854775808",
    "-9223372036854775807",
];

/// What programs take for numbers, or do not.
const NUMBERS: &[&str] = &[
    "0.1",
    "12.345",
    "99999999.995",
    "1e13",
    "1e15",
    "123456789012345678901234567890.12",
    "1e308",
    "-1e308",
    "5e-324",
    "-0.0",
    "12,50",
    "1e400",
    "-1e400",
    "NaN",
    "Infinity",
    "-Infinity",
    "99999999999999999999999999999999",
    "0x10",
    "1_000",
    " 1 ",
    "+5",
    "1e2",
    "1e999999999",
    "\u{663}",
    "--1",
    ".",
    "1.",
];

const TIMES: &[&str] = &[
    "infinity",
    "-infinity",
    "4713-01-01 00:00:00 BC",
    "0001-01-01 00:00:00 BC",
    "20000-01-01 00:00:00",
    "294276-12-31 23:59:59.999999",
    "9999-12-31 23:59:59.9999999",
    "0000-00-00 00:00:00",
    "0000-01-01 00:00:00",
    "2026-01-02",
    "03:04:05",
    "2026-01-02T03:04:05Z",
    "2026-01-02 03:04:05+02:00",
    "2026-02-30 00:00:00",
    "2026-01-02 23:59:60",
    "2026-01-02 03:04:05.123456789012",
    "1767323045",
    "1767323045.5",
    "yesterday",
    "2026-1-2 3:4:5",
    "-2026-01-02 03:04:05",
    "+262143-01-01 00:00:00",
];

const WORDS: &[&str] = &[
    "",
    " ",
    "Paid",
    "paid ",
    "void",
    "unpaid\u{202e}",
    "\u{9b}31m",
    "\u{1b}]0;x\u{7}",
    "\u{feff}x",
    "a:b",
    "*",
    "{a}",
    "a}{b",
    "default",
    "UK",
    "gb",
    "United Kingdom",
    "'",
    "\"",
    "\\",
    "\\u0000",
    "\n",
    "\u{7f}",
    "\u{10ffff}",
    "null",
    "percent%",
    "[1]",
    "\u{fffd}",
];

const JSON: &[&str] = &[
    "null",
    "[",
    "{}",
    "7",
    "\"x\"",
    "[1,2",
    "{\"a\":1e999}",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "{\"a\":1,\"a\":2}",
    "[1]x",
    "123456789012345678901234567890",
];

const FLAGS: &[&str] = &["t", "f", "yes", "off", "2", "TRUE", "-1"];

/// Bytes as hexadecimal digits: no UTF-8, with NUL, half a character, a surrogate, JSON, UTF-16.
const BYTES: &[&str] =
    &["", "00", "ff", "43f474", "6100", "e282", "eda080", "c080", "5b315d", "5b22ff225d", "fffe4100", "312e3530"];

/// A value for this column, as a literal.
pub(super) fn value(backend: Backend, column: &Column) -> BoxedStrategy<String> {
    match backend {
        Backend::Sqlite => sqlite_value().boxed(),
        Backend::Postgres => postgres_value(&column.kind).boxed(),
    }
}

/// Any column holds anything, but for integer primary keys.
fn sqlite_value() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just("NULL".to_owned()),
        2 => select(WHOLE).prop_map(str::to_owned),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        2 => select(&["9e999", "-9e999", "1e308", "5e-324", "-0.0", "0.1", "12.345", "1e13", "1e18"][..])
            .prop_map(str::to_owned),
        1 => any::<f64>().prop_filter("a literal is finite", |number| number.is_finite()).prop_map(|number| format!("{number:e}")),
        6 => known_text().prop_map(quoted),
        1 => any_text().prop_map(quoted),
        2 => bytes().prop_map(|bytes| format!("CAST(x'{bytes}' AS TEXT)")),
        2 => bytes().prop_map(|bytes| format!("x'{bytes}'")),
        1 => select(&["zeroblob(100000)", "hex(zeroblob(50000))"][..]).prop_map(str::to_owned),
    ]
}

/// Quoted literals, which the column's type reads or refuses; most are such as it may take.
fn postgres_value(kind: &Kind) -> impl Strategy<Value = String> + use<> {
    let fitting: &[&str] = match kind {
        Kind::Id | Kind::Reference | Kind::Whole => WHOLE,
        Kind::Number => NUMBERS,
        Kind::Time => TIMES,
        Kind::Flag => FLAGS,
        Kind::Json => JSON,
        Kind::Text => WORDS,
    };
    prop_oneof![
        2 => Just("NULL".to_owned()),
        8 => select(fitting).prop_map(|text| quoted(text.to_owned())),
        1 => any::<i32>().prop_map(|number| quoted(number.to_string())),
        2 => known_text().prop_map(quoted),
        1 => any_text().prop_map(quoted),
    ]
}

fn known_text() -> impl Strategy<Value = String> {
    let lists = [WHOLE, NUMBERS, TIMES, WORDS, JSON, FLAGS].concat();
    prop_oneof![
        20 => select(lists).prop_map(str::to_owned),
        1 => Just("x".repeat(10_000)),
        1 => Just("[".repeat(5_000)),
        1 => Just("9".repeat(400)),
    ]
}

/// A literal holds no NUL.
fn any_text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', ""))
}

fn bytes() -> impl Strategy<Value = String> {
    let random = proptest::collection::vec(any::<u8>(), 0..24);
    prop_oneof![
        2 => select(BYTES).prop_map(str::to_owned),
        1 => random.prop_map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
    ]
}

fn quoted(text: String) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
