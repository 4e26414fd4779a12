//! As much of JSON Schema as `docs/cache-monitor.schema.json` uses; a keyword it does not know fails the test.

use serde_json::{Map, Value};

/// Keywords that explain and do not constrain.
const SILENT: [&str; 6] = ["$schema", "$defs", "title", "description", "format", "required"];

pub(crate) fn load() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cache-monitor.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Where the document is not as the schema says.
pub(crate) fn violations(schema: &Value, document: &Value) -> Vec<String> {
    Check { root: schema }.all("", schema, document)
}

struct Check<'a> {
    root: &'a Value,
}

impl Check<'_> {
    fn all(&self, path: &str, schema: &Value, value: &Value) -> Vec<String> {
        let rules = schema.as_object().expect("a schema is an object");
        let required = rules.get("required").and_then(Value::as_array).into_iter().flatten();
        let missing = required.filter_map(Value::as_str).filter(|name| value.get(name).is_none());
        let missing = missing.map(|name| format!("{path}: {name} is missing")).collect();
        let constraints = rules.iter().filter(|(keyword, _)| !SILENT.contains(&keyword.as_str()));
        constraints.fold(missing, |mut found: Vec<String>, (keyword, rule)| {
            found.extend(self.one(path, keyword, rule, rules, value));
            found
        })
    }

    fn one(&self, path: &str, keyword: &str, rule: &Value, rules: &Map<String, Value>, value: &Value) -> Vec<String> {
        let holds = match keyword {
            "$ref" => return self.all(path, self.resolve(rule.as_str().unwrap()), value),
            "properties" => return self.members(path, rule, value),
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                return items.flat_map(|(index, item)| self.all(&format!("{path}/{index}"), rule, item)).collect();
            }
            "additionalProperties" => {
                assert_eq!(rule, &Value::Bool(false), "{path}: only false is known");
                value.as_object().into_iter().flatten().all(|(name, _)| rules["properties"].get(name).is_some())
            }
            "anyOf" => rule.as_array().unwrap().iter().any(|one| self.all(path, one, value).is_empty()),
            "enum" => rule.as_array().unwrap().contains(value),
            "type" => one_or_many(rule).iter().any(|name| is(name.as_str().unwrap(), value)),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            unknown => panic!("the keyword {unknown} is not known to this test"),
        };
        if holds { Vec::new() } else { vec![format!("{path}: {value} is against {keyword} {rule}")] }
    }

    fn members(&self, path: &str, properties: &Value, value: &Value) -> Vec<String> {
        let present =
            properties.as_object().unwrap().iter().filter_map(|(name, rule)| Some((name, rule, value.get(name)?)));
        present.flat_map(|(name, rule, member)| self.all(&format!("{path}/{name}"), rule, member)).collect()
    }

    fn resolve(&self, reference: &str) -> &Value {
        self.root.pointer(reference.strip_prefix('#').unwrap()).expect("a reference leads somewhere")
    }
}

fn one_or_many(rule: &Value) -> Vec<Value> {
    rule.as_array().cloned().unwrap_or_else(|| vec![rule.clone()])
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        unknown => panic!("the type {unknown} is not known to this test"),
    }
}

#[test]
fn the_check_finds_what_is_wrong() {
    let schema = load();
    let found = violations(&schema, &serde_json::json!({"concurrency": -1, "notes": [3], "surprise": true}));
    for expected in [
        "total is missing",
        "/concurrency: -1 is against minimum 1",
        "/notes/0: 3 is against type",
        "additionalProperties",
    ] {
        assert!(found.iter().any(|violation| violation.contains(expected)), "{expected} is not in {found:#?}");
    }
}
