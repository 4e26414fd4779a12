//! Keeps a developer's exported variables and `.env` away from the programs that a task runs.

use std::process::Command;

/// Variables that the programs of this workspace, and their libraries, read.
const OURS: [&str; 6] = ["BILLING_", "CACHE_", "DATABASE_", "PG", "REDIS_", "SQLX_"];

/// Variables that every program needs: where things are, and how to interact with the user.
const NEUTRAL: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "LANG",
    "LC_",
    "TERM",
    "COLUMNS",
    "NO_COLOR",
    "CLICOLOR",
    "COLORTERM",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "TZ",
];

/// Removes the variables that could direct a test to a developer's servers.
pub(crate) fn without_ours(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if starts_with_any(&name.to_string_lossy(), &OURS) {
            command.env_remove(name);
        }
    }
    command
}

/// Keeps only the variables that mean the same to every program.
pub(crate) fn only_neutral(command: &mut Command) -> &mut Command {
    command.env_clear();
    for (name, value) in std::env::vars_os() {
        if starts_with_any(&name.to_string_lossy(), &NEUTRAL) {
            command.env(name, value);
        }
    }
    command
}

fn starts_with_any(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_developers_servers_are_ours_and_not_neutral() {
        for name in ["REDIS_HOST", "REDIS_URL", "DATABASE_URL", "PGPASSWORD", "BILLING_TEST_POSTGRES_URL"] {
            assert!(starts_with_any(name, &OURS) && !starts_with_any(name, &NEUTRAL), "{name}");
        }
        assert!(starts_with_any("LC_ALL", &NEUTRAL));
    }
}
