//! Compares our reading of `.env` with the real python-dotenv on the same texts.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use proptest::prelude::*;

use super::super::keys;
use super::super::variables::of_text;

/// A variable of the environment that the texts refer to.
const SET: (&str, &str) = ("SET", "by the environment");

struct Python {
    process: Child,
    texts: ChildStdin,
    values: BufReader<ChildStdout>,
}

impl Python {
    fn start() -> Self {
        let python = std::env::var_os("BILLING_TEST_PYTHON").filter(|path| !path.is_empty());
        let python =
            python.expect("a Python with python-dotenv is needed: set BILLING_TEST_PYTHON, or run `cargo xtask test`");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python/dot_env.py");
        let mut command = Command::new(python);
        command.arg(script).env_clear().env(SET.0, SET.1).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (texts, values) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, texts, values }
    }

    /// Our variables that it reads from the text, except empty ones.
    fn read(&mut self, text: &str) -> BTreeMap<String, String> {
        writeln!(self.texts, "{}", serde_json::to_string(text).unwrap()).unwrap();
        let mut line = String::new();
        self.values.read_line(&mut line).unwrap();
        let values: HashMap<String, Option<String>> = serde_json::from_str(&line).unwrap();
        let set = values.into_iter().filter_map(|(name, value)| Some((name, value?)));
        set.filter(|(name, value)| keys::concerns_us(name) && !value.is_empty()).collect()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The variables that we read; `None` if one of our lines is refused, which Python skips with a warning.
fn ours(text: &str) -> Option<BTreeMap<String, String>> {
    let environment = |name: &str| (name == SET.0).then(|| OsString::from(SET.1));
    let read = of_text(text, environment).ok()?;
    Some(read.into_iter().map(|assignment| (assignment.name, assignment.value)).collect())
}

/// Pieces that are combined into texts that resemble files.
fn piece() -> impl Strategy<Value = &'static str> {
    let names =
        prop_oneof![Just("REDIS_HOST"), Just("REDIS_PASSWORD"), Just("DATABASE_URL"), Just("A"), Just("MY-VAR")];
    let assigned =
        prop_oneof![Just("\nREDIS_HOST="), Just("\nexport REDIS_PASSWORD ="), Just("\r\nA="), Just("\nREDIS_DB=\"")];
    let references =
        prop_oneof![Just("${A}"), Just("${SET}"), Just("${NONE:-x}"), Just("${"), Just("}"), Just("$A"), Just(":-")];
    let signs =
        prop_oneof![Just("="), Just("#"), Just(" #"), Just("'"), Just("\""), Just("\\"), Just("\\'"), Just("\\\"")];
    let escapes = prop_oneof![Just("\\n"), Just("\\t"), Just("\\\\"), Just("\\x"), Just("\\a")];
    let spaces =
        prop_oneof![Just(" "), Just("\n"), Just("\r"), Just("\t"), Just("\u{a0}"), Just("\u{1c}"), Just("\u{85}")];
    let others =
        prop_oneof![Just("x"), Just("ä"), Just("export "), Just("\u{feff}"), Just("a b"), Just("\u{0}"), Just("?")];
    prop_oneof![2 => names, 3 => assigned, 2 => references, 3 => signs, 1 => escapes, 3 => spaces, 2 => others]
}

#[test]
fn both_read_the_same_from_files_that_people_write() {
    let mut python = Python::start();
    for text in [
        "APP_NAME=My App\nMY-VAR=1\nREDIS_PASSWORD=abc$def\nREDIS_HOST=r # here\n",
        "\u{feff}APP=1\nexport REDIS_HOST='r'\nREDIS_PASSWORD=\"a\\\"b\\n\"\nDATABASE_URL=postgres://u:pa\\ss@h/d\n",
        "A=1\nREDIS_HOST=${A}-${SET}-${NONE:-d}-$A\nREDIS_PASSWORD='${A}'\nA\nDATABASE_URL=${A:-x}\n",
        "REDIS_HOST=\"two\nlines\"\r\nREDIS_HOST=again\nREDIS_PASSWORD\n",
        "OTHER='x\nREDIS_HOST=r\nOTHER2=\"y\nREDIS_PASSWORD=z\"\nREDIS_DB= # none\nREDIS_PORT=#1\n",
    ] {
        assert_eq!(ours(text), Some(python.read(text)), "{text:?}");
    }
}

#[test]
fn both_read_the_same_from_texts_that_nobody_wrote() {
    let python = Mutex::new(Python::start());
    let compared = Mutex::new(0);
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500);
    let config =
        ProptestConfig { cases, max_shrink_iters: 2_000, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(pieces in prop::collection::vec(piece(), 0..24))| {
        let text = pieces.concat();
        if let Some(ours) = ours(&text) {
            *compared.lock().unwrap() += 1;
            prop_assert_eq!(ours, python.lock().unwrap().read(&text), "{:?}", text);
        }
    });
    let compared = compared.into_inner().unwrap();
    assert!(compared * 4 > cases, "only {compared} of {cases} texts were read at all");
}
