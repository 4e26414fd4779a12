//! Completions, man pages, and a variable for every flag.

use std::process::Command;

use crate::harness::{Run, Stage, named};

fn run(arguments: &[&str]) -> Run {
    Run::of(Command::new(env!("CARGO_BIN_EXE_cache-admin")).args(arguments).env_clear().output().unwrap())
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands_and_types() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = run(&["completions", shell]);
        run.assert_fine();
        for word in ["cache-admin", "warmup", "doctor", "watch"] {
            assert!(run.stdout.contains(word), "{shell}: {word}");
        }
        let knows_types = run.stdout.contains("user_credit_notes");
        assert_eq!(knows_types, ["bash", "fish", "zsh"].contains(&shell), "{shell}: values of flags");
    }
    assert_eq!(run(&["completions", "cmd"]).code, Some(2));
}

#[test]
fn bash_takes_the_script() {
    let script = run(&["completions", "bash"]).stdout;
    let checked = Command::new("bash").args(["-n", "-c", &script]).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn each_command_has_a_page_of_the_manual() {
    let page = run(&["man"]);
    page.assert_fine();
    assert!(page.stdout.contains(".TH cache-admin 1"), "{page:?}");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    run(&["man", "--dir", path]).assert_fine();
    for command in ["", "-stats", "-clear", "-warmup", "-doctor", "-migrate", "-seed", "-completions", "-man"] {
        let page = directory.path().join(format!("cache-admin{command}.1"));
        assert!(std::fs::read_to_string(&page).unwrap().contains(".SH NAME"), "{}", page.display());
    }
    let gone = directory.path().join("gone");
    assert!(run(&["man", "--dir", gone.to_str().unwrap()]).assert_error(2).contains("no directory"));
}

#[test]
fn a_flag_has_a_variable_that_the_flag_outranks() {
    let stage = Stage::sqlite().seeded();
    let limited =
        [("CACHE_ADMIN_WARMUP_LIMIT", "3"), ("CACHE_ADMIN_WARMUP_TYPE", "invoices"), ("CACHE_ADMIN_FORMAT", "json")];
    let report = stage.run_with(&["warmup"], &limited).json();
    assert_eq!(named(&report["types"], "invoices")["loaded"], 3, "{report}");
    let report = stage.run_with(&["warmup", "--limit", "5"], &limited).json();
    assert_eq!(named(&report["types"], "invoices")["loaded"], 2, "{report}");
    let text = stage.run_with(&["warmup", "--format", "text"], &limited);
    assert!(text.stdout.contains("warmed up"), "{text:?}");
}

#[test]
fn the_variable_of_one_command_is_not_taken_by_another() {
    let stage = Stage::sqlite();
    stage.set("invoice:1", 60);
    let run = stage.run_with(&["clear"], &[("CACHE_ADMIN_WARMUP_TYPE", "all"), ("CACHE_ADMIN_TYPE", "all")]);
    assert_eq!((run.code, stage.exists("invoice:1")), (Some(2), true), "{run:?}");
    let dry = [("CACHE_ADMIN_CLEAR_TYPE", "all"), ("CACHE_ADMIN_CLEAR_DRY_RUN", "yes")];
    stage.run_with(&["clear"], &dry).assert_fine();
    assert!(stage.exists("invoice:1"));
}

#[test]
fn an_empty_variable_is_an_unset_one_and_a_wrong_one_is_named() {
    let stage = Stage::sqlite();
    stage.run_with(&["stats"], &[("CACHE_ADMIN_STATS_HOURS", ""), ("CACHE_ADMIN_FORMAT", "")]).assert_fine();
    let run = stage.run_with(&["stats"], &[("CACHE_ADMIN_STATS_HOURS", "soon")]);
    assert!(run.code == Some(2) && run.stderr.contains("--hours"), "{run:?}");
}

#[test]
fn help_shows_no_value_of_a_variable() {
    let stage = Stage::sqlite();
    let values = [("CACHE_ADMIN_CLEAR_ID", "secret-id"), ("DATABASE_URL", "postgres://a:secret-url@h/b")];
    let run = stage.run_with(&["clear", "--help"], &values);
    assert!(run.stdout.contains("CACHE_ADMIN_CLEAR_ID") && !run.stdout.contains("secret"), "{run:?}");
}
