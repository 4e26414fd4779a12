//! What everything else is about: the declaration of a cached type, its keys and their texts, how long a value lives,
//! and the settings.

pub(crate) mod any_key;
pub(crate) mod cached_type;
pub(crate) mod key;
pub(crate) mod limits;
pub(crate) mod loaded;
pub(crate) mod policy;
pub(crate) mod settings;
