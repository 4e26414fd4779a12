//! How much one client, and all clients together, may take of the process.

use std::time::Duration;

/// The limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Number of connections at a time. Each takes a file of the process; many systems allow 1,024.
    pub connections: usize,
    /// Number of them that one [`Network`](crate::Network) may have; a further one is closed without an answer.
    pub connections_of_one: usize,
    /// Largest head of a request, in bytes; a longer one is answered with 431.
    pub longest_head: usize,
    /// Longest time from the beginning of a connection, or the end of an answer, until the next head has arrived; then
    /// the connection ends.
    pub wait_for_head: Duration,
    /// Longest time from when the buffers of the system are full until the client reads on; then the connection ends.
    pub standstill: Duration,
    /// Time that running requests have to finish when the program is asked to end.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            connections_of_one: 128,
            longest_head: 16 * 1_024,
            wait_for_head: Duration::from_secs(10),
            standstill: Duration::from_secs(30),
            grace: Duration::from_secs(1),
        }
    }
}
