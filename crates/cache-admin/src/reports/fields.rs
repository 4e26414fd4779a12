//! The differing fields, formatted for people; used by `inspect` and `verify`.

use billing_outbox::audit::Difference;
use cli_support::render::NONE;
use serde_json::Value;

/// Maximum number of characters of one value.
const WIDTH: usize = 48;

/// The path, the cached value and the database value of each field.
pub(super) fn rows<'a>(fields: impl Iterator<Item = &'a Difference>) -> impl Iterator<Item = [String; 3]> {
    fields.map(|field| [field.path.clone(), shown(field.cached.as_ref()), shown(field.database.as_ref())])
}

/// JSON on one line. An absent value is shown differently from `null` and from an empty text.
fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return NONE.to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_short_and_absence_is_no_value() {
        let field = |cached| Difference { path: "a".to_owned(), cached, database: None };
        let shown = |cached| rows([field(cached)].iter()).next().unwrap()[1].clone();
        assert_eq!([shown(Some(json!("x"))), shown(Some(json!(null))), shown(None)], ["\"x\"", "null", "-"]);
        assert_eq!(shown(Some(json!("ä".repeat(60)))).chars().count(), WIDTH + 1);
    }
}
