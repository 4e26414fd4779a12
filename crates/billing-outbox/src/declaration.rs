//! What an application declares: which columns its cached types depend on, and which columns its triggers copy.
//!
//! Invariant: triggers, the outbox and the relay know a table from these declarations and from nowhere else.
//!
//! Used by the files of cached types, and by everything that handles them.

use std::borrow::Cow;

use billing_cache::{AnyKey, CachedType};

use crate::database::Database;

/// A cached type whose values are made of rows that triggers watch.
pub trait Watched: CachedType<Source = Database> {
    /// The tables whose changes make its values wrong, and the columns that identify the key.
    const DEPENDENCIES: &'static [TableDependency];

    /// The key that the values of these columns identify; `None` if no value can be cached for them.
    fn key_of_columns(columns: &[Option<String>]) -> Option<Self::Key>;
}

/// A table whose changes make keys of a cached type wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableDependency {
    /// The table.
    pub table: &'static str,
    /// The columns whose values are the parts of the key, in order; empty for a type with one key.
    pub key_columns: &'static [&'static str],
}

/// Everything a cached type depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeDependencies {
    /// The CLI name of the cached type.
    pub cache_type: &'static str,
    /// Its tables.
    pub tables: &'static [TableDependency],
}

/// The key that the column values of an outbox row identify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOfColumns {
    /// One key.
    Key(AnyKey),
    /// No value can be cached for them.
    NoKey,
    /// They are not the columns that this build's triggers write, so they may identify any key.
    OtherColumns,
}

/// Who owns triggers of a database. Several applications may cache rows of one database. They share the outbox, and
/// each has triggers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The names of its triggers, and of their functions, are this name, `_`, and more. No owner's name may begin with
    /// the name of another and `_`: a migration removes every trigger of such a name that it does not expect.
    pub name: &'static str,
    /// The version of its triggers. Every change of their texts raises it, also when a cached type is added: an older
    /// migration then refuses to replace them by its own.
    pub version: u32,
    /// The columns that triggers copy.
    pub copies: Option<Copies>,
}

/// Columns that triggers copy, and the prefix of the names of these triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// In front of the names of the triggers, and of their functions.
    pub prefix: &'static str,
    /// The columns.
    pub of: &'static [Copied],
}

/// Lines that copy columns of the rows they refer to. A copy that a statement sets stays as it is. For writers that do
/// not know these columns, a trigger fills them when a line is inserted, and when it begins to refer to another row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The table of the lines.
    pub table: &'static str,
    /// Their column that refers to the row.
    pub reference: &'static str,
    /// The table of that row.
    pub source: &'static str,
    /// The columns, which have the same names in both tables.
    pub columns: &'static [&'static str],
}

/// What the triggers of an application are generated from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declarations {
    /// Whose triggers they are.
    pub owner: Owner,
    /// What its cached types depend on.
    pub types: Cow<'static, [TypeDependencies]>,
}

impl Owner {
    /// Triggers of this owner for these types.
    #[must_use]
    pub const fn declares(self, types: &'static [TypeDependencies]) -> Declarations {
        Declarations { owner: self, types: Cow::Borrowed(types) }
    }

    /// In front of the names of the triggers that write the outbox.
    #[must_use]
    pub fn prefix(&self) -> String {
        format!("{}_", self.name)
    }

    /// In front of the names of all its triggers.
    pub(crate) fn prefixes(&self) -> Vec<String> {
        let copying = self.copies.map(|copies| copies.prefix.to_owned());
        [self.prefix()].into_iter().chain(copying).collect()
    }

    /// The triggers that copy, each with the prefix of its name.
    pub(crate) fn copied(&self) -> impl Iterator<Item = (&'static str, &'static Copied)> {
        self.copies.into_iter().flat_map(|copies| copies.of.iter().map(move |copied| (copies.prefix, copied)))
    }
}

impl Copied {
    /// Applies `form` to each column, and joins the results with `between`.
    pub(crate) fn each(&self, between: &str, form: impl Fn(&str) -> String) -> String {
        self.columns.iter().map(|column| form(column)).collect::<Vec<_>>().join(between)
    }
}

/// The only column of a key that is one integer, such as an invoice id. The databases accept `42.0` for the same id.
#[must_use]
pub fn id_of_columns(columns: &[Option<String>]) -> Option<i32> {
    let [Some(id)] = columns else { return None };
    let whole = id
        .split_once('.')
        .map_or(Some(id.as_str()), |(whole, rest)| rest.bytes().all(|digit| digit == b'0').then_some(whole));
    whole?.parse().ok()
}
