//! A password for every place where one can stand, all different, so that one that is printed says where it comes from.

/// Where a secret can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The server's own, which the programs have from `REDIS_PASSWORD`.
    RedisPassword,
    RedisUrl,
    SentinelPassword,
    DatabaseUrl,
    /// `--database-url`.
    DatabaseUrlFlag,
    FileRedisPassword,
    FileRedisUrl,
    FileSentinelPassword,
    FileDatabaseUrl,
    DotEnvRedisPassword,
    DotEnvRedisUrl,
    DotEnvSentinelPassword,
    DotEnvDatabaseUrl,
    /// `--token`, and its variable.
    Token,
    TokenFile,
}

pub(super) const PLACES: [Place; 15] = [
    Place::RedisPassword,
    Place::RedisUrl,
    Place::SentinelPassword,
    Place::DatabaseUrl,
    Place::DatabaseUrlFlag,
    Place::FileRedisPassword,
    Place::FileRedisUrl,
    Place::FileSentinelPassword,
    Place::FileDatabaseUrl,
    Place::DotEnvRedisPassword,
    Place::DotEnvRedisUrl,
    Place::DotEnvSentinelPassword,
    Place::DotEnvDatabaseUrl,
    Place::Token,
    Place::TokenFile,
];

impl Place {
    /// The password of this place. Letters and digits, so that nothing writes it otherwise.
    pub(super) fn marker(self) -> String {
        format!("{}{self:?}Secret", self.beginning())
    }

    /// What no text may hold: files are cut anywhere, and the half of a password is one too.
    fn beginning(self) -> String {
        format!("hush{:02}", self as u8)
    }
}

/// The place whose password stands in this text.
pub(super) fn told_in(text: &str) -> Option<Place> {
    PLACES.into_iter().find(|place| text.contains(&place.beginning()))
}
