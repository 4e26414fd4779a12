//! `--help` is what a user reads first, so a change of it is a change that somebody looks at.

use std::path::Path;

use test_support::assert_golden;

use crate::fixture::Stage;

#[test]
fn the_help_is_as_agreed() {
    for (arguments, file) in [(&["--help"][..], "help.txt"), (&["dashboard", "--help"], "help-dashboard.txt")] {
        let run = Stage::bare().run(arguments);
        let trimmed: Vec<&str> = run.stdout.lines().map(str::trim_end).collect();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
        assert_golden(&path, &format!("{}\n", trimmed.join("\n")));
        assert_eq!(run.code, Some(0));
    }
}
