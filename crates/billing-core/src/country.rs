//! Countries and regions of tax rates. They come from users and become parts of Redis keys.
//!
//! Invariant: a value of these types cannot form another type's key, split a key from its lease in a Redis Cluster, or
//! act as a pattern. So a [`Region`] refuses `:`, braces, glob characters and control characters.
//!
//! Used by the tax rates and by the commands of the service.

use std::fmt;
use std::str::FromStr;

/// The part of a key that means "no region"; a region cannot have this name.
pub const COUNTRY_WIDE: &str = "default";

const REGION_MAX_CHARS: usize = 128;
const NOT_IN_REGIONS: [char; 9] = [':', '*', '?', '[', ']', '{', '}', '\\', '^'];

/// An ISO 3166-1 alpha-2 code in upper case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// A region of a country, by its name in the tax rates; not empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(String);

/// Why a text is not a country or region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Not an assigned code.
    #[error("country {0:?} is not an ISO 3166-1 alpha-2 code in upper case, such as GB")]
    Country(String),
    /// Too long.
    #[error("a region has at most {REGION_MAX_CHARS} characters, this one has {0}")]
    RegionLength(usize),
    /// A character with a meaning in keys.
    #[error("a region must not contain {0:?}")]
    RegionCharacter(char),
    /// The word for "no region".
    #[error("{COUNTRY_WIDE:?} is no region; leave the region out to ask for the country-wide rate")]
    RegionReserved,
}

impl Country {
    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("two ASCII letters")
    }
}

impl FromStr for Country {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let wrong = || PlaceError::Country(text.chars().take(16).collect());
        let letters: [u8; 2] = text.as_bytes().try_into().map_err(|_| wrong())?;
        let assigned = letters.iter().all(u8::is_ascii_uppercase) && rust_iso3166::from_alpha2(text).is_some();
        if assigned { Ok(Self(letters)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Region {
    /// Reads a region; `None` for an empty text.
    ///
    /// # Errors
    /// What makes the text unfit for a key.
    pub fn parse(text: &str) -> Result<Option<Self>, PlaceError> {
        let length = text.chars().count();
        if length > REGION_MAX_CHARS {
            return Err(PlaceError::RegionLength(length));
        }
        if let Some(c) = text.chars().find(|c| c.is_control() || NOT_IN_REGIONS.contains(c)) {
            return Err(PlaceError::RegionCharacter(c));
        }
        if text == COUNTRY_WIDE {
            return Err(PlaceError::RegionReserved);
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_assigned_codes_in_upper_case() {
        assert_eq!("GB".parse::<Country>().unwrap().as_str(), "GB");
        for wrong in ["gb", "UK", "ZZ", "GBR", "G", "", "G:", "ÄÖ"] {
            assert!(wrong.parse::<Country>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn regions_cannot_build_another_key() {
        assert_eq!(Region::parse("Île-de-France").unwrap().unwrap().as_str(), "Île-de-France");
        assert_eq!(Region::parse("").unwrap(), None);
        for hostile in ["a:b", "*", "a?", "[a]", "{x}", "a\nb", "a\\", "default", &"x".repeat(129)] {
            assert!(Region::parse(hostile).is_err(), "{hostile}");
        }
    }
}
