//! `--help` is what a user reads first, so a change of it is a change that somebody looks at.

use crate::fixture::Stage;

#[test]
fn the_help_is_as_agreed() {
    for (arguments, file) in [(&["--help"][..], "help.txt"), (&["dashboard", "--help"], "help-dashboard.txt")] {
        let run = Stage::bare().run(arguments);
        let path = format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
        let trimmed: Vec<&str> = run.stdout.lines().map(str::trim_end).collect();
        let help = format!("{}\n", trimmed.join("\n"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &help).unwrap();
        }
        assert_eq!(help, std::fs::read_to_string(&path).unwrap(), "UPDATE_GOLDEN=1 writes it anew");
        assert_eq!(run.code, Some(0));
    }
}
