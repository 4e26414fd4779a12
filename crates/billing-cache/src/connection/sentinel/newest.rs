//! Decides which server is the primary if sentinels disagree: which server is connected to, and which one is left.
//!
//! Among the answers the newest configuration counts (the highest epoch). Among equally new ones the server counts that
//! most sentinels name. It is remembered, and later answers must be newer:
//!
//! - **The same server** stays, with the epoch that a majority names, even a lower one: sentinels that are set up again
//!   begin with 0. Fewer than a majority can only raise the epoch.
//! - **Another server** takes its place if it is named with a higher epoch; with the same epoch only if a majority
//!   names it; with a lower epoch only if all sentinels name it, so that no sentinel is left that knows a newer
//!   failover. Otherwise it is refused.
//!
//! So the cache does not return to a replaced primary because outdated sentinels answer first. A process that starts
//! remembers nothing, and trusts the newest answer. A majority is one of the sentinels in the settings.
//!
//! Used by `sentinel`.

use std::cmp::{Ordering, Reverse};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::answer::Answer;
use crate::connection::error::sentinel::SentinelError;

/// The server that sentinels name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Host and port.
    pub(super) primary: (String, u16),
    /// Grows with each failover; 0 if the sentinels do not report it.
    epoch: u64,
    voices: Voices,
}

/// How many of the sentinels in the settings name a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Voices {
    Few,
    Majority,
    All,
}

impl Voices {
    fn of(count: usize, asked: usize) -> Self {
        if count >= asked {
            Self::All
        } else if count > asked / 2 {
            Self::Majority
        } else {
            Self::Few
        }
    }
}

impl Named {
    /// The newest of the answers of `asked` sentinels; `None` if no answer names a server.
    pub(super) fn of(answers: &[Answer], asked: usize) -> Option<Self> {
        let voices =
            |primary: &(String, u16)| answers.iter().filter(|answer| answer.primary.as_ref() == Some(primary)).count();
        let named = answers.iter().filter_map(|answer| Some((answer.primary.as_ref()?, answer.epoch)));
        // The order of the answers does not count, so that the same answers give the same server.
        let (primary, epoch) = named.max_by_key(|&(primary, epoch)| (epoch, voices(primary), Reverse(primary)))?;
        Some(Self { primary: primary.clone(), epoch, voices: Voices::of(voices(primary), asked) })
    }

    /// Whether this later answer replaces another server.
    fn succeeds(&self, known: &Self) -> bool {
        match self.epoch.cmp(&known.epoch) {
            Ordering::Greater => true,
            Ordering::Equal => self.voices >= Voices::Majority,
            Ordering::Less => self.voices == Voices::All,
        }
    }
}

/// The remembered server.
#[derive(Debug, Default)]
pub(super) struct Newest(Mutex<Option<Named>>);

impl Newest {
    /// Whether no further answer could change the result: a majority agrees, and is not behind what is remembered.
    pub(super) fn is_settled_by(&self, answers: &[Answer], asked: usize) -> bool {
        let known = self.lock().as_ref().map_or(0, |known| known.epoch);
        Named::of(answers, asked).is_some_and(|named| named.voices >= Voices::Majority && named.epoch >= known)
    }

    /// Takes an answer into account, and returns the address of the primary.
    pub(super) fn hear(&self, said: Named) -> Result<(String, u16), SentinelError> {
        let mut newest = self.lock();
        let primary = said.primary.clone();
        match newest.as_mut() {
            Some(known) if known.primary == said.primary => {
                if said.epoch > known.epoch || said.voices >= Voices::Majority {
                    known.epoch = said.epoch;
                }
            }
            Some(known) if !said.succeeds(known) => {
                return Err(SentinelError::Outdated { named: shown(&said.primary), newest: shown(&known.primary) });
            }
            _ => *newest = Some(said),
        }
        Ok(primary)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Named>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shown((host, port): &(String, u16)) -> String {
    format!("{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses answers such as `B6 A5 -`: the server and the epoch that each sentinel names, `-` for one that watches
    /// nothing.
    fn answers(written: &str) -> Vec<Answer> {
        let answer = |said: &str| match said.split_at(1) {
            ("-", _) => Answer { primary: None, epoch: 0, replicas: Vec::new() },
            (host, epoch) => {
                let primary = Some((host.to_owned(), 6_379));
                Answer { primary, epoch: epoch.parse().unwrap(), replicas: Vec::new() }
            }
        };
        written.split_whitespace().map(answer).collect()
    }

    /// The server that is connected to after each of several answers of three sentinels; `!` if the answer is refused.
    fn followed(heard: &[&str]) -> String {
        let newest = Newest::default();
        let hear = |written: &&str| {
            let said = Named::of(&answers(written), 3).unwrap();
            newest.hear(said).map_or("!".to_owned(), |(host, _)| host)
        };
        heard.iter().map(hear).collect()
    }

    #[test]
    fn the_newest_configuration_counts_and_then_what_most_name() {
        for (written, host, epoch, voices) in [
            ("B6 A5 A5", "B", 6, Voices::Few),
            ("A5 A5 B6", "B", 6, Voices::Few),
            ("A5 B6 B5", "B", 6, Voices::Majority),
            ("B0 A0 A0", "A", 0, Voices::Majority),
            ("A0 B0", "A", 0, Voices::Few),
            ("B0 A0", "A", 0, Voices::Few),
            ("- - A0", "A", 0, Voices::Few),
            ("B6 B6 B6", "B", 6, Voices::All),
        ] {
            let expected = Named { primary: (host.to_owned(), 6_379), epoch, voices };
            assert_eq!(Named::of(&answers(written), 3), Some(expected), "{written}");
        }
        assert_eq!(Named::of(&answers("- -"), 3), None);
    }

    #[test]
    fn a_deposed_primary_is_not_gone_back_to() {
        // The sentinel that knows the failover answers first, and then not in time.
        assert_eq!(followed(&["A5 A5", "B6 A5", "A5 A5", "A5", "B6 A5", "B6 B6"]), "AB!!BB");
    }

    #[test]
    fn sentinels_that_are_set_up_anew_are_believed() {
        assert_eq!(followed(&["A7 A7", "A0 A0", "B1 A0"]), "AAB", "the epoch of a majority is taken over");
        assert_eq!(followed(&["A7 A7", "A0", "B1 A0"]), "AA!", "one sentinel can be behind");
        assert_eq!(followed(&["A7 A7", "B0 B0", "B0 B0 B0", "A1"]), "A!BA", "nobody is left who knows of a newer one");
    }

    #[test]
    fn without_epochs_a_majority_decides() {
        assert_eq!(followed(&["A0 A0", "B0", "A0 B0", "B0 B0", "A0", "A0 A0 B0"]), "A!AB!A");
    }

    #[test]
    fn all_are_heard_unless_a_majority_agrees_on_what_is_as_new_as_what_is_known() {
        let newest = Newest::default();
        assert!(newest.is_settled_by(&answers("A5 A5"), 3));
        newest.hear(Named::of(&answers("B6 A5"), 3).unwrap()).unwrap();
        for (written, is_settled) in
            [("A5", false), ("A5 A5", false), ("A5 B6", false), ("B6 B6", true), ("A7 A7", true), ("- -", false)]
        {
            assert_eq!(newest.is_settled_by(&answers(written), 3), is_settled, "{written}");
        }
    }
}
