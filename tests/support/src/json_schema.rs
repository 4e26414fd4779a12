//! The part of JSON Schema that the schemas in `docs` use. An unknown keyword fails the test.

use std::path::Path;

use serde_json::{Map, Value};

/// Keywords that describe but do not constrain.
const SILENT: [&str; 6] = ["$schema", "$defs", "title", "description", "format", "required"];

/// The schema in the file `docs/{name}.schema.json` of this repository.
///
/// # Panics
/// There is no such file, or it is not JSON.
#[must_use]
pub fn load(name: &str) -> Value {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let text = std::fs::read_to_string(docs.join(format!("{name}.schema.json"))).expect("the schema is there");
    serde_json::from_str(&text).expect("a schema is JSON")
}

/// The places where the document violates the schema.
///
/// # Panics
/// The schema uses an unknown keyword.
#[must_use]
pub fn violations(schema: &Value, document: &Value) -> Vec<String> {
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
            "$ref" => return self.all(path, self.resolve(text(rule)), value),
            "properties" => return self.members(path, rule, value),
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                return items.flat_map(|(index, item)| self.all(&format!("{path}/{index}"), rule, item)).collect();
            }
            "additionalProperties" => {
                let named =
                    |name: &str| rules.get("properties").is_some_and(|properties| properties.get(name).is_some());
                let mut others = value.as_object().into_iter().flatten().filter(|(name, _)| !named(name));
                if rule.is_object() {
                    return others.flat_map(|(name, one)| self.all(&format!("{path}/{name}"), rule, one)).collect();
                }
                assert_eq!(rule, &Value::Bool(false), "{path}: only false and a schema are known");
                others.next().is_none()
            }
            "anyOf" => array(rule).iter().any(|one| self.all(path, one, value).is_empty()),
            "enum" => array(rule).contains(value),
            "type" => one_or_many(rule).iter().any(|name| is(text(name), value)),
            "minimum" => value.as_f64().is_none_or(|value| value >= number(rule)),
            "maximum" => value.as_f64().is_none_or(|value| value <= number(rule)),
            unknown => panic!("the keyword {unknown} is not known to this test"),
        };
        if holds { Vec::new() } else { vec![format!("{path}: {value} is against {keyword} {rule}")] }
    }

    fn members(&self, path: &str, properties: &Value, value: &Value) -> Vec<String> {
        let present = properties
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, rule)| Some((name, rule, value.get(name)?)));
        present.flat_map(|(name, rule, member)| self.all(&format!("{path}/{name}"), rule, member)).collect()
    }

    fn resolve(&self, reference: &str) -> &Value {
        self.root
            .pointer(reference.strip_prefix('#').expect("a reference into this schema"))
            .expect("a reference leads somewhere")
    }
}

fn array(rule: &Value) -> &Vec<Value> {
    rule.as_array().expect("a rule of many values")
}

fn text(rule: &Value) -> &str {
    rule.as_str().expect("a rule of text")
}

fn number(rule: &Value) -> f64 {
    rule.as_f64().expect("a rule of a number")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_finds_what_is_wrong() {
        let schema = load("cache-monitor");
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
}
