//! What `--help` says.

use std::process::Command;

#[test]
fn the_help_is_that_of_the_golden_file() {
    let output = Command::new(env!("CARGO_BIN_EXE_cache-admin")).arg("--help").env_clear().output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let trimmed: Vec<&str> = help.lines().map(str::trim_end).collect();
    assert_eq!(trimmed.join("\n"), include_str!("help.txt").trim_end(), "tests/cache_admin/help.txt is out of date");
}

#[test]
fn every_argument_of_every_command_is_documented() {
    for command in ["stats", "clear", "inspect", "verify", "warmup", "migrate", "seed"] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_cache-admin")).args([command, "-h"]).env_clear().output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        let flags = help.lines().filter(|line| line.trim_start().starts_with("--"));
        for flag in flags {
            assert!(flag.trim().split("  ").filter(|part| !part.is_empty()).count() >= 2, "{command}: {flag}");
        }
    }
}
