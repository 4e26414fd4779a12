//! What `--help` says.

use std::process::Command;

const COMMANDS: [&str; 8] = ["stats", "clear", "warmup", "doctor", "migrate", "seed", "completions", "man"];

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cache-admin")).args(arguments).env_clear().output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_help_is_that_of_the_golden_files() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cache_admin/help");
    for command in ["cache-admin"].iter().chain(&COMMANDS) {
        let arguments: &[&str] = if *command == "cache-admin" { &["--help"] } else { &[*command, "--help"] };
        let golden = std::fs::read_to_string(format!("{directory}/{command}.txt")).unwrap_or_default();
        assert_eq!(help(arguments).trim_end(), golden.trim_end(), "help/{command}.txt is out of date");
    }
}

#[test]
fn every_argument_of_every_command_is_documented_and_has_a_variable() {
    for command in COMMANDS {
        let help = help(&[command, "-h"]);
        for flag in help.lines().filter(|line| line.trim_start().starts_with("--")) {
            assert!(flag.trim().split("  ").filter(|part| !part.is_empty()).count() >= 2, "{command}: {flag}");
        }
        let flags = help.matches("\n      --").count();
        assert_eq!(help.matches("[env:").count(), flags, "{command}: {help}");
        assert!(help.contains("Examples"), "{command}: {help}");
    }
}
