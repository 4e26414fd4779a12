//! How much one client, and all of them together, may ask of the process.

use std::time::Duration;

/// The limits of a server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time. Each takes a file of the process; many systems allow 1,024.
    pub connections: usize,
    /// Those of them that one [`Network`](crate::Network) may have; one more is closed unanswered.
    pub connections_of_one: usize,
    /// The head of a request, in bytes; a longer one is answered with 431.
    pub longest_head: usize,
    /// From the begin of a connection, or the end of an answer, until the next head is there; then the connection ends.
    pub wait_for_head: Duration,
    /// From when the buffers of the system are full until the client reads on; then the connection ends.
    pub standstill: Duration,
    /// For requests that go on when the program is asked to end.
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
