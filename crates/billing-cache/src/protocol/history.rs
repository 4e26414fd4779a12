//! The history id: identifies the state of the Redis data to which an acknowledgement belongs.
//!
//! It changes when the server restarts, when another server is promoted, or when its data are exchanged. Acknowledged
//! removals may then be undone, so every relayed outbox row carries the history id (`protocol.md`, "Relay and replay").
//!
//! Used by INVALIDATE, clear and the relay.

use std::fmt;

use crc::{CRC_64_XZ, Crc};

use crate::connection::data_id::DataId;
use crate::connection::info::info_field;
use crate::mutation::keeps;

/// The run id of the server process and the replication id of its data, both from `INFO`, and the data id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct History(String);

impl History {
    /// The history of a primary with this run id and these data, from the section `replication` of its `INFO`; `None`
    /// if it hides it.
    pub(super) fn of(run_id: Option<&str>, info: &str, data: Option<&DataId>) -> Option<Self> {
        let replication_id = info_field(info, "master_replid")?;
        let run_id = run_id.filter(|_| info_field(info, "role") == Some("master"))?;
        if !keeps("history-id") {
            return Some(Self("of everything".to_owned()));
        }
        Some(Self(match data.filter(|_| keeps("data-id")) {
            Some(data) => format!("{run_id}:{replication_id}:{}", data.as_str()),
            None => format!("{run_id}:{replication_id}"),
        }))
    }

    /// The common history of all shards; for one shard it is the history of that shard.
    pub(crate) fn of_all(histories: &[&Self]) -> Option<Self> {
        match histories {
            [] => None,
            [one] => Some((*one).clone()),
            many => {
                let mut sorted: Vec<&str> = many.iter().map(|history| history.as_str()).collect();
                sorted.sort_unstable();
                // The ids are random numbers, and nobody gains by making two of them equal.
                let digest = Crc::<u64>::new(&CRC_64_XZ).checksum(sorted.join(" ").as_bytes());
                Some(Self(format!("{} shards:{digest:016x}", many.len())))
            }
        }
    }

    /// The id as stored in a relayed row; at most 128 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_of_all_shards_is_another_one_when_that_of_any_shard_is() {
        let histories = ["a:1", "b:2", "c:3"].map(|id| History(id.to_owned()));
        let of_all = |picked: &[usize]| History::of_all(&picked.iter().map(|at| &histories[*at]).collect::<Vec<_>>());
        assert_eq!(of_all(&[0]).as_ref(), Some(&histories[0]));
        assert_eq!(of_all(&[0, 1]), of_all(&[1, 0]));
        assert_ne!(of_all(&[0, 1]), of_all(&[0, 2]));
        assert_eq!(of_all(&[]), None);
    }
}
