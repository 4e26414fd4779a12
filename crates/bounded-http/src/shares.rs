//! Number of connections of each network.
//!
//! Invariant: a network without a connection is not remembered, so there are no more entries than connections.
//!
//! Used by `server.rs`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::network::Network;

/// The connections of each network.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    counts: Arc<Mutex<HashMap<Network, usize>>>,
    most: usize,
}

/// One connection, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Shares,
    network: Network,
}

impl Shares {
    /// No connections yet; a network may have up to `most`.
    pub(crate) fn of(most: usize) -> Self {
        Self { counts: Arc::default(), most }
    }

    /// Takes one more connection for this network, unless it has its share already.
    pub(crate) fn take(&self, network: Network) -> Option<Share> {
        let mut counts = self.counts();
        let count = counts.entry(network).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share { shares: self.clone(), network })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.shares.counts().entry(self.network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    #[test]
    fn each_network_has_its_share_and_none_is_remembered_longer_than_its_connections() {
        let shares = Shares::of(2);
        let take = |address: &str| shares.take(network(address));
        let (first, second) = (take("10.0.0.1").unwrap(), take("10.0.0.1").unwrap());
        assert!(take("10.0.0.1").is_none());
        let other = take("10.0.0.2").unwrap();
        drop(first);
        let again = take("10.0.0.1").unwrap();
        assert!(take("10.0.0.1").is_none());
        drop((second, other, again));
        assert!(shares.counts().is_empty());
    }

    #[test]
    fn the_addresses_of_one_customer_share() {
        let shares = Shares::of(1);
        let first = shares.take(network("2001:db8::1"));
        assert!(first.is_some() && shares.take(network("2001:db8::2")).is_none());
        assert!(shares.take(network("2001:db8:0:1::1")).is_some());
    }
}
