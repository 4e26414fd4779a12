//! One comparison of cached values with the database at this time. The audit bases its verdict on it.
//!
//! Used by the audit, by way of the registry.

mod difference;

use std::sync::Arc;

use billing_cache::{AnyKey, Cache, Standing};

pub use difference::{Difference, Differences};

use crate::database::{Database, DatabaseError};
use crate::declaration::Watched;

const HAS_JSON: &str = "a snapshot struct has a JSON form";

/// The result of comparing one value.
#[derive(Clone, Debug)]
pub struct Compared {
    /// How the two relate.
    pub finding: Finding,
    /// Whether the database has a value for the key.
    pub in_database: bool,
    /// The row behind it that cannot be read, and why.
    pub unreadable: Option<String>,
}

/// How a cached value and the database's value compare.
#[derive(Clone, Debug)]
pub enum Finding {
    /// Nothing is cached.
    Absent,
    /// They are the same.
    Same,
    /// They differ in these fields.
    Different(Differences),
    /// The cached bytes are no value of the type, for this reason. The cache counts them as a miss and replaces them.
    Undecodable(String),
    /// A value is cached, and the database has a row for it that cannot be read.
    Unreadable(String),
}

/// Compares values with the result of one load for all of them, which begins after they were looked up.
///
/// Both sides are first decoded as the type: extra fields of an older writer, the order of members, and the spelling of
/// numbers are no difference, because no reader of the cache sees one. They are decoded on a separate thread: a value
/// may be large, and its caller can be interrupted meanwhile.
pub(crate) async fn compare<T: Watched>(
    cache: &Cache<Database>,
    cached: Arc<Vec<(AnyKey, Standing)>>,
) -> Result<Vec<Compared>, DatabaseError> {
    let typed = |key: &AnyKey| cache.typed_key::<T>(key).expect("the caller sorts keys by their types");
    let keys: Vec<T::Key> = cached.iter().map(|(key, _)| typed(key)).collect();
    let loaded = cache.load_from_source::<T>(&keys).await?;
    let compare = move || {
        let pairs = cached.iter().zip(&keys).map(|((_, standing), key)| (standing, loaded.get(key)));
        let compared = pairs.map(|(standing, loaded)| match loaded {
            Some(Ok(loaded)) => compare_one::<T>(standing, loaded.value.as_ref()),
            Some(Err(error)) => not_comparable(standing, error),
            None => compare_one::<T>(standing, None),
        });
        compared.collect()
    };
    let compared = tokio::task::spawn_blocking(compare).await;
    Ok(compared.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())))
}

/// Why the bytes under a key are no value of the type; `None` if they are one, or nothing is stored there.
pub(crate) fn undecodable<T: Watched>(standing: &Standing) -> Option<String> {
    decode::<T>(standing).err()
}

fn compare_one<T: Watched>(standing: &Standing, database: Option<&T::Value>) -> Compared {
    let finding = match standing {
        // What our own loaders filled is equal byte for byte.
        Standing::Value(bytes) if *bytes == serde_json::to_vec(&database).expect(HAS_JSON) => Finding::Same,
        standing => match decode::<T>(standing) {
            Ok(None) => Finding::Absent,
            Ok(Some(cached)) => compare_values::<T>(cached.as_ref(), database),
            Err(reason) => Finding::Undecodable(reason),
        },
    };
    Compared { finding, in_database: database.is_some(), unreadable: None }
}

fn not_comparable(standing: &Standing, error: &DatabaseError) -> Compared {
    let reason = error.to_string();
    let finding = match standing {
        Standing::Absent => Finding::Absent,
        _ => Finding::Unreadable(reason.clone()),
    };
    Compared { finding, in_database: true, unreadable: Some(reason) }
}

fn compare_values<T: Watched>(cached: Option<&T::Value>, database: Option<&T::Value>) -> Finding {
    let json = |value| serde_json::to_value(value).expect(HAS_JSON);
    let differences = Differences::between(&json(cached), &json(database));
    if differences.is_empty() { Finding::Same } else { Finding::Different(differences) }
}

/// The value, if one is stored; it may record that there is no such row.
fn decode<T: Watched>(standing: &Standing) -> Result<Option<Option<T::Value>>, String> {
    match standing {
        Standing::Absent => Ok(None),
        Standing::NotAString => Err("it is no string".to_owned()),
        Standing::TooLong { bytes } => {
            Err(format!("its {bytes} bytes are more than a value may have, and were not read"))
        }
        Standing::Value(bytes) => {
            serde_json::from_slice(bytes).map(Some).map_err(|error| beginning(&error.to_string()))
        }
    }
}

/// The reason may quote the value, which may be of any length.
fn beginning(reason: &str) -> String {
    const SHOWN: usize = 200;
    match reason.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.to_owned(),
    }
}
