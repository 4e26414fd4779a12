//! The schema of the report, and that the check of it finds what is wrong.

use serde_json::Value;
pub(crate) use test_support::json_schema::violations;

pub(crate) fn load() -> Value {
    test_support::json_schema::load("cache-monitor")
}

#[test]
fn the_check_finds_what_is_wrong() {
    let schema = load();
    let found = violations(&schema, &serde_json::json!({"seed": -1, "notes": [3], "surprise": true}));
    for expected in
        ["total is missing", "/seed: -1 is against minimum 0", "/notes/0: 3 is against type", "additionalProperties"]
    {
        assert!(found.iter().any(|violation| violation.contains(expected)), "{expected} is not in {found:#?}");
    }
}
