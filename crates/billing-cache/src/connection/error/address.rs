//! Errors in a setting that lists servers.
//!
//! Used by `address_list`.

/// The setting is no list of addresses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// An address is not valid.
    #[error("{setting} has {address:?}, which is no host:port")]
    Address {
        /// The name of the setting.
        setting: &'static str,
        /// The address in the setting.
        address: String,
        /// An example of a correct one.
        advice: &'static str,
    },
    /// An address contains a login.
    #[error("{setting} has a login before {address:?}")]
    Login {
        /// The name of the setting.
        setting: &'static str,
        /// The text after the login.
        address: String,
        /// Where the login belongs.
        advice: &'static str,
    },
}

impl AddressError {
    /// The next step.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        let (Self::Address { advice, .. } | Self::Login { advice, .. }) = self;
        advice
    }
}
