//! The differences between two JSON values, field by field.
//!
//! Used by the audit.

use serde::Serialize;
use serde_json::{Map, Value};

/// Limit on the reported fields of one value, however long the lists in it are.
const MOST: usize = 50;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The path of the field: `payments[2].amount`; `$` for the value as a whole.
    pub path: String,
    /// The cached field; `None` if it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<Value>,
    /// The field in the database; `None` if it is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Value>,
}

/// The fields in which a cached value differs from the database.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Differences {
    /// The first fields, in the order of the value.
    pub fields: Vec<Difference>,
    /// How many further fields differ.
    pub omitted: usize,
}

impl Differences {
    /// Compares the two. Elements of lists are compared by position, members of objects by name in any order.
    #[must_use]
    pub fn between(cached: &Value, database: &Value) -> Self {
        let mut found = Self::default();
        found.compare("", Some(cached), Some(database));
        found
    }

    /// Whether no field differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn compare(&mut self, path: &str, cached: Option<&Value>, database: Option<&Value>) {
        match (cached, database) {
            (Some(Value::Object(cached)), Some(Value::Object(database))) => self.objects(path, cached, database),
            (Some(Value::Array(cached)), Some(Value::Array(database))) => self.arrays(path, cached, database),
            (cached, database) if cached == database => {}
            (cached, database) => self.add(path, cached, database),
        }
    }

    fn objects(&mut self, path: &str, cached: &Map<String, Value>, database: &Map<String, Value>) {
        let only_cached = cached.keys().filter(|name| !database.contains_key(*name));
        for name in database.keys().chain(only_cached) {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.compare(&path, cached.get(name), database.get(name));
        }
    }

    fn arrays(&mut self, path: &str, cached: &[Value], database: &[Value]) {
        for index in 0..cached.len().max(database.len()) {
            self.compare(&format!("{path}[{index}]"), cached.get(index), database.get(index));
        }
    }

    fn add(&mut self, path: &str, cached: Option<&Value>, database: Option<&Value>) {
        if self.fields.len() == MOST {
            self.omitted += 1;
            return;
        }
        let path = if path.is_empty() { "$" } else { path };
        self.fields.push(Difference { path: path.to_owned(), cached: cached.cloned(), database: database.cloned() });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(cached: Value, database: Value) -> Vec<String> {
        Differences::between(&cached, &database).fields.into_iter().map(|field| field.path).collect()
    }

    #[test]
    fn a_field_is_named_by_its_path() {
        let cached = json!({"id": 1, "payments": [{"amount": "1.00"}, {"amount": "2.00"}], "paid_at": null});
        let database = json!({"id": 1, "payments": [{"amount": "1.00"}, {"amount": "2.50"}], "paid_at": "x"});
        assert_eq!(paths(cached, database), ["payments[1].amount", "paid_at"]);
        assert_eq!(paths(json!([[1, 2]]), json!([[1, 3]])), ["[0][1]"]);
    }

    #[test]
    fn the_order_of_members_is_no_difference() {
        assert!(Differences::between(&json!({"a": 1, "b": 2}), &json!({"b": 2, "a": 1})).is_empty());
    }

    #[test]
    fn what_is_on_one_side_only_has_no_value_on_the_other() {
        let found = Differences::between(&json!({"old": 1, "list": [1, 2]}), &json!({"list": [1], "new": null}));
        let shown = serde_json::to_value(&found.fields).unwrap();
        assert_eq!(
            shown,
            json!([{"path": "list[1]", "cached": 2}, {"path": "new", "database": null}, {"path": "old", "cached": 1}])
        );
    }

    #[test]
    fn a_value_of_another_kind_differs_as_a_whole() {
        let found = Differences::between(&Value::Null, &json!({"id": 1}));
        assert_eq!((found.fields[0].path.as_str(), found.fields.len()), ("$", 1));
    }

    #[test]
    fn a_long_list_makes_a_bounded_report() {
        let found = Differences::between(&json!(vec![1; 60]), &json!(vec![2; 60]));
        assert_eq!((found.fields.len(), found.omitted), (50, 10));
    }
}
