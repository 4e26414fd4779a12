//! The values of settings, and which values each may have.
//!
//! Invariant: no value is converted to another kind. A number with a fraction is not a port, `true` is not a number,
//! and the password `007` stays a text. No error shows a text, since it may be a misplaced password.
//!
//! Used by the other files of this folder.

use std::fmt;
use std::ops::RangeInclusive;

use super::limits;

/// The value of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Switch(bool),
}

/// The values that a setting may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// An integer in this range.
    Number(RangeInclusive<u64>),
    Switch,
}

/// A value of another kind, or out of range: what was found, and what is allowed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) found: String,
    pub(super) wanted: String,
}

impl Kind {
    /// The kind of the key, whose default has the same kind.
    pub(super) fn of(key: &str, default: &Value) -> Self {
        match default {
            Value::Text(_) => Self::Text,
            Value::Number(_) => Self::Number(limits::of(key)),
            Value::Switch(_) => Self::Switch,
        }
    }

    /// Reads a value from the text of a variable or a flag.
    pub(super) fn read(&self, text: &str) -> Result<Value, Wrong> {
        let value = match self {
            Self::Text => return Ok(Value::Text(text.to_owned())),
            Self::Number(_) => text.parse().ok().map(Value::Number),
            Self::Switch => switch(text).map(Value::Switch),
        };
        value.map_or_else(|| Err(self.wrong(kind_of_text(text).to_owned())), |value| self.checked(value))
    }

    /// Checks a value from a file.
    pub(super) fn take(&self, written: toml::Value) -> Result<Value, Wrong> {
        match (self, written) {
            (Self::Text, toml::Value::String(text)) => Ok(Value::Text(text)),
            (Self::Number(_), toml::Value::Integer(number)) => self.checked(Value::Number(number)),
            (Self::Switch, toml::Value::Boolean(on)) => Ok(Value::Switch(on)),
            (_, other) => Err(self.wrong(kind_of_toml(&other).to_owned())),
        }
    }

    fn checked(&self, value: Value) -> Result<Value, Wrong> {
        match (self, value) {
            (Self::Number(range), Value::Number(number))
                if !u64::try_from(number).is_ok_and(|number| range.contains(&number)) =>
            {
                Err(self.wrong(number.to_string()))
            }
            (_, value) => Ok(value),
        }
    }

    fn wrong(&self, found: String) -> Wrong {
        Wrong { found, wanted: self.to_string() }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a text, in quotes"),
            Self::Number(range) => write!(f, "a whole number from {} to {}", range.start(), range.end()),
            Self::Switch => f.write_str("true or false"),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Switch(on) => on.fmt(f),
        }
    }
}

impl From<Value> for toml::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::String(text),
            Value::Number(number) => Self::Integer(number),
            Value::Switch(on) => Self::Boolean(on),
        }
    }
}

/// The usual spellings in variables.
fn switch(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

fn kind_of_text(text: &str) -> &'static str {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()) {
        "another number"
    } else if text.parse::<f64>().is_ok_and(f64::is_finite) {
        "a number with a fraction or an exponent"
    } else {
        "a text"
    }
}

fn kind_of_toml(value: &toml::Value) -> &'static str {
    match value {
        toml::Value::String(_) => "a text",
        toml::Value::Integer(_) => "a number",
        toml::Value::Float(_) => "a number with a fraction or an exponent",
        toml::Value::Boolean(_) => "true or false",
        toml::Value::Datetime(_) => "a date",
        toml::Value::Array(_) => "a list",
        toml::Value::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_turned_into_another_kind() {
        let port = Kind::Number(1..=65_535);
        assert_eq!(Kind::Text.read("007"), Ok(Value::Text("007".to_owned())));
        assert_eq!(Kind::Text.read("1e5"), Ok(Value::Text("1e5".to_owned())));
        assert_eq!(port.read("7620"), Ok(Value::Number(7620)));
        assert_eq!(Kind::Switch.read("ON"), Ok(Value::Switch(true)));
        for (kind, text, found) in [
            (&port, "7620.9", "a number with a fraction or an exponent"),
            (&port, "true", "a text"),
            (&port, "hunter2", "a text"),
            (&port, "65536", "65536"),
            (&port, "99999999999999999999", "another number"),
            (&Kind::Switch, "2", "another number"),
        ] {
            let wrong = kind.read(text).unwrap_err();
            assert_eq!((wrong.found.as_str(), wrong.wanted), (found, kind.to_string()), "{text}");
        }
        for (kind, value, found) in [
            (&port, toml::Value::Float(7620.9), "a number with a fraction or an exponent"),
            (&port, toml::Value::Boolean(true), "true or false"),
            (&port, toml::Value::String("7620".into()), "a text"),
            (&Kind::Text, toml::Value::Integer(7), "a number"),
            (&Kind::Switch, toml::Value::Integer(1), "a number"),
        ] {
            assert_eq!(kind.take(value).unwrap_err().found, found);
        }
    }
}
