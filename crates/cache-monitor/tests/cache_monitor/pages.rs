//! `--markdown` and `--html`: the files hold the report that is printed.

use serde_json::Value;

use crate::fixture::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_files_hold_what_is_printed() {
    let directory = tempfile::tempdir().unwrap();
    let (markdown, html) = (directory.path().join("report.md"), directory.path().join("report.html"));
    let files = ["--markdown", markdown.to_str().unwrap(), "--html", html.to_str().unwrap()];
    for stage in Stage::filled().await {
        let report = stage.report(&[&["--iterations", "60"], &files[..]].concat());
        let (markdown, html) = (std::fs::read_to_string(&markdown).unwrap(), std::fs::read_to_string(&html).unwrap());
        for of_type in report["types"].as_array().unwrap() {
            let name = of_type["name"].as_str().unwrap();
            assert!(markdown.contains(&name.replace('_', "\\_")) && html.contains(name), "{name}");
            assert!(html.contains(&format!("Chart of the distribution of times of {name};")), "{name}");
            for sentence in of_type["advice"]["sentences"].as_array().unwrap().iter().filter_map(Value::as_str) {
                assert!(html.contains(sentence), "{sentence}");
            }
        }
        assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"), "{html}");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2, "no temporary file is left");
}

#[test]
fn a_file_that_cannot_be_written_is_wrong_usage() {
    for flag in ["--markdown", "--html"] {
        Stage::bare().run(&[flag, "/gone/report"]).assert_refused(2, &[flag, "there is no directory /gone"]);
    }
}
