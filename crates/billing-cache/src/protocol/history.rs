//! The history id: which life of the Redis data an acknowledgement belongs to.
//!
//! It changes when the server restarts, another one is promoted, or its data are exchanged; acknowledged deletions may
//! then be undone, which is why every relayed outbox row carries it (`protocol.md`, section 5).

use std::fmt;

use crc::{CRC_64_XZ, Crc};

use crate::connection::data_id::DataId;
use crate::connection::info::info_field;

/// Run id of the server process and replication id of its data, as `INFO` tells them, and the data id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct History(String);

impl History {
    /// What a primary with this run id and these data tells in the section `replication` of its `INFO`; none if it
    /// hides it.
    pub(super) fn of(run_id: Option<&str>, info: &str, data: Option<&DataId>) -> Option<Self> {
        let replication_id = info_field(info, "master_replid")?;
        let run_id = run_id.filter(|_| info_field(info, "role") == Some("master"))?;
        Some(Self(match data {
            Some(data) => format!("{run_id}:{replication_id}:{}", data.as_str()),
            None => format!("{run_id}:{replication_id}"),
        }))
    }

    /// What all shards together carry; of one shard its own history.
    pub(crate) fn of_all(histories: &[&Self]) -> Option<Self> {
        match histories {
            [] => None,
            [one] => Some((*one).clone()),
            many => {
                let mut sorted: Vec<&str> = many.iter().map(|history| history.as_str()).collect();
                sorted.sort_unstable();
                // The ids are random numbers, and nobody gains by making two of these alike.
                let digest = Crc::<u64>::new(&CRC_64_XZ).checksum(sorted.join(" ").as_bytes());
                Some(Self(format!("{} shards:{digest:016x}", many.len())))
            }
        }
    }

    /// The id as it is stored beside a relayed row; at most 128 characters.
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
