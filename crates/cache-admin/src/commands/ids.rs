//! `--id`: selects one value of a cached type by its id (`GB:default`) or by its key (`tax_rate:GB:default`).

use billing_cache::TypeInfo;
use billing_core::cached::BillingCache;

/// The text of the key in Redis; `None` if `written` is neither an id nor a key of the type.
pub(super) fn text_of(cache: &BillingCache, info: &TypeInfo, written: &str) -> Option<String> {
    let as_key = cache.key_of_text(written).filter(|key| key.cache_type() == info.name);
    as_key.map(|key| key.to_string()).or_else(|| cache.text_of_id(info, written))
}

/// An error message that shows the expected form, such as `GB:default` if `GB` was written.
pub(super) fn wrong(cache: &BillingCache, info: &TypeInfo, written: &str) -> String {
    let longer = format!("{written}:default");
    let example = match text_of(cache, info, &longer) {
        Some(_) => format!("; write {longer}"),
        None => String::new(),
    };
    format!("{written:?} is no id of {}, whose keys are {}{example}", info.name, info.pattern())
}
