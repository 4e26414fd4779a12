//! Completions, the man page, help with examples, and a variable for every flag.

use std::process::{Command, Output};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cache-monitor"));
    command.args(arguments).env_clear().envs(variables.iter().copied()).output().unwrap()
}

fn stdout(arguments: &[&str]) -> String {
    let output = run(arguments, &[]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn completions_and_the_man_page_are_made_from_the_arguments() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        assert!(stdout(&["completions", shell]).contains("iterations"), "{shell}");
    }
    assert!(stdout(&["man"]).contains(".TH cache-monitor 1"));
    let directory = tempfile::tempdir().unwrap();
    stdout(&["man", "--dir", directory.path().to_str().unwrap()]);
    assert!(directory.path().join("cache-monitor.1").exists());
}

#[test]
fn help_has_examples_and_a_variable_for_every_flag() {
    let help = stdout(&["-h"]);
    assert!(help.contains("Examples:"), "{help}");
    let flags = help.lines().filter(|line| line.trim_start().starts_with("--")).count();
    assert_eq!(help.matches("[env:").count(), flags, "{help}");
}

#[test]
fn a_wrong_variable_is_refused_as_its_flag_is() {
    let output = run(&[], &[("CACHE_MONITOR_ITERATIONS", "0")]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing to measure"), "{output:?}");
}
