//! Triggers as they are installed, and how they differ from what they should be.
//!
//! Used by the other files of this folder, the migration and `cache-admin doctor`.

/// A trigger of ours, as it is installed or as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InstalledTrigger {
    /// Its name.
    pub name: String,
    /// The table it watches.
    pub table: String,
    /// Its definition in the database's own text: the statement on SQLite; on PostgreSQL its definition, a line end,
    /// and the body of its function. A disabled trigger differs from every expected one.
    pub sql: String,
}

/// The result of installing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerChange {
    /// They were already right.
    Unchanged,
    /// All were dropped and made again.
    Replaced {
        /// How many there are now.
        count: usize,
    },
}

/// A trigger that differs from the declarations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerDifference {
    /// Its name.
    pub name: String,
    /// The table it watches.
    pub table: String,
    /// What is wrong with it.
    pub fault: TriggerFault,
}

/// What is wrong with a trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerFault {
    /// It is missing: changes of its table go unnoticed.
    Missing,
    /// Its definition differs from this version's, or it is disabled.
    Differs,
    /// It has a name of ours, and no declaration asks for it.
    Unexpected,
    /// A newer version of this crate made it.
    Newer,
}
