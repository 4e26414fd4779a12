//! The declaration of a cached type, its keys and their texts, how long a value lives, and the settings. Everything
//! else builds on these.

pub(crate) mod any_key;
pub(crate) mod cached_type;
pub(crate) mod key;
pub(crate) mod limits;
pub(crate) mod loaded;
pub(crate) mod policy;
pub(crate) mod settings;
