//! What `--help` says.

use std::path::Path;
use std::process::Command;

use crate::golden;

const COMMANDS: [&str; 10] =
    ["stats", "clear", "inspect", "verify", "warmup", "doctor", "migrate", "seed", "completions", "man"];

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_cache-admin")).args(arguments).env_clear().output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    help.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn the_help_is_that_of_the_golden_files() {
    golden::assert(Path::new("help/cache-admin.txt"), &help(&["--help"]));
    for command in COMMANDS {
        golden::assert(&Path::new("help").join(command).with_extension("txt"), &help(&[command, "--help"]));
    }
}

#[test]
fn no_command_is_left_out_here() {
    let listed = help(&["--help"]);
    let listed = listed.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names =
        listed.lines().filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    assert_eq!(names.filter(|name| *name != "help").collect::<Vec<_>>(), COMMANDS);
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
