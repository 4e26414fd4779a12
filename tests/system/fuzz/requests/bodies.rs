//! Bodies: JSON with fields that are right, of another kind, missing, twice, too many, too deep, or cut.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::text::{damage, hostile, number};

/// The fields of a body, each with a value that is right.
pub(super) type Shape = &'static [(&'static str, &'static str)];

/// What is written for a field instead of what is right.
const OTHER: &[&str] = &[
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "[null]",
    "{\"a\":1}",
    "0",
    "-0",
    "1e400",
    "-1",
    "1.005",
    "NaN",
    "Infinity",
    "\"\"",
    "\"100\"",
    "\"1e5\"",
    "\"NaN\"",
    "\"-1\"",
    "\"0.001\"",
    "\"99999999.99\"",
    "\"100000000.00\"",
    "99999999999999999999",
    "\"2026-01-01\"",
    "\"2026-01-01T00:00:00Z\"",
    "\"2026-01-01T00:00:00+14:00\"",
    "\"0000-01-01T00:00:00\"",
    "\"9999-12-31T23:59:59.999999\"",
    "\"2026-02-30T00:00:00\"",
    "\"2026-01-01T24:00:00\"",
    "\"2026-01-01T00:00:60\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"\\u001b[2J\"",
    "\"\\u202e\"",
    "\"\\q\"",
    "'x'",
    "undefined",
    "\"UK\"",
    "\"gb\"",
    "\"ZZ\"",
    "\"refunded\"",
    "2147483648",
    "9223372036854775808",
    "{\"$ref\":\"#\"}",
    "[[[[[[[[1]]]]]]]]",
];

/// A body of this shape, more or less.
pub(super) fn body(shape: Shape) -> BoxedStrategy<Vec<u8>> {
    let fields: Vec<_> = shape.iter().map(|(name, right)| field(name, right)).collect();
    let further = weighted(0.1, further(shape));
    let nearly = (fields, further).prop_map(|(fields, further)| {
        let fields: Vec<String> = fields.into_iter().flatten().chain(further).collect();
        format!("{{{}}}", fields.join(","))
    });
    let text = prop_oneof![12 => nearly, 1 => hostile(), 1 => deep(), 1 => select(OTHER).prop_map(str::to_owned)];
    (text, damage()).prop_map(|(text, damage)| damage.of(text.into_bytes())).boxed()
}

/// A field, once, twice or not at all.
fn field(name: &'static str, right: &'static str) -> BoxedStrategy<Vec<String>> {
    let value = prop_oneof![30 => Just(right.to_owned()), 3 => value()];
    let values = prop_oneof![40 => vec(value.clone(), 1), 1 => vec(value.clone(), 2), 1 => vec(value, 0)];
    values.prop_map(move |values| values.iter().map(|value| format!("{name:?}:{value}")).collect()).boxed()
}

fn value() -> BoxedStrategy<String> {
    prop_oneof![
        4 => select(OTHER).prop_map(str::to_owned),
        2 => hostile().prop_map(|text| serde_json::Value::from(text).to_string()),
        1 => number(),
        1 => number().prop_map(|number| format!("{number:?}")),
        1 => hostile(),
        1 => deep(),
    ]
    .boxed()
}

/// A field that is not there, or one of the others under a name that differs a little.
fn further(shape: Shape) -> BoxedStrategy<String> {
    let names: Vec<String> = shape.iter().map(|(name, _)| name.to_uppercase()).chain(["id".to_owned()]).collect();
    let name = prop_oneof![select(names), hostile()];
    let further = (name, weighted(0.5, value())).prop_map(|(name, value)| {
        format!("{}:{}", serde_json::Value::from(name), value.unwrap_or_else(|| "1".to_owned()))
    });
    further.boxed()
}

fn deep() -> BoxedStrategy<String> {
    let depth = select(&[2_usize, 126, 127, 128, 129, 1_000, 100_000][..]);
    (depth, any::<bool>())
        .prop_map(|(depth, is_list)| match is_list {
            true => format!("{}1{}", "[".repeat(depth), "]".repeat(depth)),
            false => format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth)),
        })
        .boxed()
}
