//! What is wrong with a setting that names servers.

/// What stands in a setting is no list of addresses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// An address is none.
    #[error("{setting} has {address:?}, which is no host:port")]
    Address {
        /// The setting.
        setting: &'static str,
        /// As it is written.
        address: String,
        /// How it should look.
        advice: &'static str,
    },
    /// A login in an address.
    #[error("{setting} has a login before {address:?}")]
    Login {
        /// The setting.
        setting: &'static str,
        /// What follows the login.
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
