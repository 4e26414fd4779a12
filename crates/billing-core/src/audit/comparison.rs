//! One comparison of cached values with the database, as they happen to stand: what the audit makes its judgement of.

use billing_cache::{AnyKey, Standing};

use super::difference::Differences;
use crate::cached::{BillingCache, BillingType};
use crate::database::DatabaseError;

/// What a comparison of one value found.
#[derive(Clone, Debug)]
pub struct Compared {
    /// How the two relate.
    pub finding: Finding,
    /// Whether the database has a value for the key.
    pub in_database: bool,
}

/// How a cached value and that of the database relate.
#[derive(Clone, Debug)]
pub enum Finding {
    /// Nothing is cached.
    Absent,
    /// They are the same.
    Same,
    /// They differ in these fields.
    Different(Differences),
    /// What is cached is no value of the type, for this reason. The cache takes it for a miss and replaces it.
    Undecodable(String),
}

/// Compares values with one load for all of them, which begins after they were looked up.
///
/// Both sides are put into the shape of the type first: extra fields of an older writer, the order of members, and the
/// spelling of numbers are no difference, because no reader of the cache sees one.
pub(crate) async fn compare<T: BillingType>(
    cache: &BillingCache,
    cached: &[(AnyKey, Standing)],
) -> Result<Vec<Compared>, DatabaseError> {
    let typed = |key: &AnyKey| cache.typed_key::<T>(key).expect("the caller sorts keys by their types");
    let keys: Vec<T::Key> = cached.iter().map(|(key, _)| typed(key)).collect();
    let loaded = T::load(cache.source(), &keys).await?;
    let values = keys.iter().map(|key| loaded.get(key).and_then(|loaded| loaded.value.as_ref()));
    let pairs = cached.iter().zip(values);
    Ok(pairs.map(|((_, standing), value)| compare_one::<T>(standing, value)).collect())
}

fn compare_one<T: BillingType>(standing: &Standing, database: Option<&T::Value>) -> Compared {
    let finding = match standing {
        Standing::Absent => Finding::Absent,
        Standing::NotAString => Finding::Undecodable("it is no string".to_owned()),
        Standing::Value(bytes) => compare_bytes::<T>(bytes, database),
    };
    Compared { finding, in_database: database.is_some() }
}

fn compare_bytes<T: BillingType>(bytes: &[u8], database: Option<&T::Value>) -> Finding {
    const HAS_JSON: &str = "a snapshot struct has a JSON form";
    // What our own loaders filled is equal byte for byte.
    if serde_json::to_vec(&database).expect(HAS_JSON) == bytes {
        return Finding::Same;
    }
    let cached: Option<T::Value> = match serde_json::from_slice(bytes) {
        Ok(cached) => cached,
        Err(error) => return Finding::Undecodable(error.to_string()),
    };
    let cached = serde_json::to_value(cached).expect(HAS_JSON);
    let differences = Differences::between(&cached, &serde_json::to_value(database).expect(HAS_JSON));
    if differences.is_empty() { Finding::Same } else { Finding::Different(differences) }
}
