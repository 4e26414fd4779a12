//! Reads the answer of a server to `INFO`.
//!
//! Used by the link, the history, the flush and the tools.

/// Whether `INFO` says that the server is a replica.
pub(crate) fn is_replica(info: &str) -> bool {
    info_field(info, "role") == Some("slave")
}

/// Whether `INFO` says that the server is a node of a Redis Cluster.
pub(crate) fn is_node(info: &str) -> bool {
    info_field(info, "cluster_enabled") == Some("1")
}

/// The value of a field of `INFO`.
pub(crate) fn info_field<'a>(info: &'a str, field: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::trim_end)
}

/// Number of keys evicted since the server started.
pub(crate) fn evicted_keys(info: &str) -> u64 {
    info_field(info, "evicted_keys").and_then(|value| value.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn info_fields_are_found_by_their_whole_name() {
        let info = "# Replication\r\nrole:master\r\nmaster_replid2:0000\r\nmaster_replid:abcd\r\n";
        assert_eq!(info_field(info, "role"), Some("master"));
        assert_eq!(info_field(info, "master_replid"), Some("abcd"));
        assert_eq!(info_field(info, "master"), None);
    }
}
