//! `--type`: the registered cached types by name and alias, or all of them.
//!
//! Invariant: you can choose exactly the registered types; no tool lists the types by hand.

use billing_core::cached::{self, CACHED_TYPES};
use billing_outbox::registry::RegisteredType;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

const ALL: &str = "all";

/// The choice made with `--type`.
#[derive(Clone, Copy)]
pub enum TypeChoice {
    /// Every registered type.
    All,
    /// One registered type.
    One(&'static dyn RegisteredType),
}

impl TypeChoice {
    /// Accepts the names and aliases of the registered types, and `all`: `#[arg(long, value_parser =
    /// TypeChoice::parser())]`.
    #[must_use]
    pub fn parser() -> impl TypedValueParser<Value = Self> {
        PossibleValuesParser::new(possible_values()).map(|name| Self::named(&name))
    }

    /// Whether every type is chosen.
    #[must_use]
    pub fn is_all(self) -> bool {
        matches!(self, Self::All)
    }

    /// The chosen types, in the order of the registry.
    #[must_use]
    pub fn types(self) -> Vec<&'static dyn RegisteredType> {
        match self {
            Self::All => CACHED_TYPES.to_vec(),
            Self::One(chosen) => vec![chosen],
        }
    }

    fn named(name: &str) -> Self {
        if name == ALL { Self::All } else { Self::One(cached::find(name).expect("clap let only known names through")) }
    }
}

impl std::fmt::Debug for TypeChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str(ALL),
            Self::One(chosen) => f.write_str(chosen.info().name),
        }
    }
}

fn possible_values() -> Vec<PossibleValue> {
    let mut values = Vec::new();
    for info in CACHED_TYPES.iter().map(|cached| cached.info()) {
        values.push(PossibleValue::new(info.name).help(format!("keys {}", info.pattern())));
        let same = format!("same as {}", info.name);
        values.extend(info.aliases.iter().map(|alias| PossibleValue::new(*alias).help(same.clone())));
    }
    values.push(PossibleValue::new(ALL).help("all of these types, and no other key"));
    values
}
