//! Command lines: every command and flag that `--help` lists, with values that are right, nearly right, or anything.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use system_tests::{Backend, CACHE_ADMIN, CACHE_MONITOR, Site};

use super::secrets::Place;
use super::stage::Stage;
use super::text::{bytes, hostile, number};
use super::trial::{Tool, Trial};

/// A command of a tool, by its words.
#[derive(Clone, Debug)]
struct Command {
    tool: Tool,
    words: Vec<String>,
    flags: Vec<Flag>,
}

#[derive(Clone, Debug)]
struct Flag {
    name: String,
    /// What its value is called; none of a switch.
    value: Option<String>,
    variable: Option<String>,
}

/// Command lines of both tools, over settings that work.
pub(super) fn trials(stage: &Stage) -> BoxedStrategy<Trial> {
    let commands = commands(stage.site(Backend::Sqlite));
    let of_backend = |backend: Backend| {
        let values =
            Values { port: stage.port(backend), database_url: stage.database_url(backend, Place::DatabaseUrlFlag) };
        let working = stage.working(backend);
        let lines = commands.iter().map(|command| line(command, &values)).collect::<Vec<_>>();
        let lines = proptest::strategy::Union::new(lines);
        (lines, bytes(hostile())).prop_map(move |(line, content)| {
            let mut variables: Vec<(OsString, OsString)> =
                working.iter().map(|(name, value)| (name.into(), value.into())).collect();
            variables.extend(line.variables);
            Trial { backend, tool: line.tool, arguments: line.arguments, variables, files: files(content) }
        })
    };
    prop_oneof![of_backend(Backend::Sqlite), of_backend(Backend::Postgres)].boxed()
}

/// What flags may name.
fn files(content: Vec<u8>) -> Vec<(&'static str, Vec<u8>)> {
    let secret = format!("[redis]\nsentinel_password = \"{}\"\n", Place::FileSentinelPassword.marker());
    vec![
        ("good.toml", secret.into_bytes()),
        ("token", Place::TokenFile.marker().into_bytes()),
        ("trace", b"invoice:1\ninvoice:2\nno key\n".to_vec()),
        ("anything", content),
    ]
}

/// What is put together.
#[derive(Clone, Debug)]
struct Line {
    tool: Tool,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
}

struct Values {
    port: u16,
    database_url: String,
}

fn line(command: &Command, values: &Values) -> BoxedStrategy<Line> {
    let (tool, words) = (command.tool, command.words.clone());
    let flags = command.flags.iter().map(|flag| given(flag, values)).collect::<Vec<_>>();
    let flags = vec(proptest::strategy::Union::new(flags), 0..4);
    let positional = weighted(0.25, positional());
    let stray = weighted(0.04, bytes(hostile()));
    (flags, positional, stray)
        .prop_map(move |(given, positional, stray)| {
            let mut line = Line { tool, arguments: words.iter().map(OsString::from).collect(), variables: Vec::new() };
            line.arguments.extend(positional.map(argument));
            given.into_iter().for_each(|given| given.put_into(&mut line));
            line.arguments.extend(stray.map(argument));
            line
        })
        .boxed()
}

fn positional() -> BoxedStrategy<Vec<u8>> {
    let usual =
        select(&["invoice:1", "tax_rate:GB:default", "active_discounts", "invoice:999999", "bash", "stats"][..]);
    prop_oneof![3 => usual.prop_map(|text| text.as_bytes().to_vec()), 1 => bytes(hostile())].boxed()
}

/// A flag as it is given, and how.
#[derive(Clone, Debug)]
struct Given {
    flag: Flag,
    value: Vec<u8>,
    way: Way,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    TwoWords,
    OneWord,
    Variable,
    /// The name cut by a letter.
    Misspelt,
    NoValue,
}

fn given(flag: &Flag, values: &Values) -> BoxedStrategy<Given> {
    let flag = flag.clone();
    let way = prop_oneof![
        6 => Just(Way::TwoWords),
        3 => Just(Way::OneWord),
        3 => Just(Way::Variable),
        1 => Just(Way::Misspelt),
        1 => Just(Way::NoValue)
    ];
    (value(&flag, values), way).prop_map(move |(value, way)| Given { flag: flag.clone(), value, way }).boxed()
}

impl Given {
    fn put_into(self, line: &mut Line) {
        let Self { flag: Flag { name, value: wants, variable }, value, way } = self;
        let joined = |name: &str, value: &[u8]| argument([name.as_bytes(), b"=", value].concat());
        match (way, variable) {
            (Way::Variable, Some(variable)) => line.variables.push((variable.into(), argument(value))),
            (Way::OneWord, _) => line.arguments.push(joined(&name, &value)),
            (Way::Misspelt, _) => line.arguments.push(joined(&name[..name.len() - 1], &value)),
            (Way::NoValue, _) => line.arguments.push(name.into()),
            _ => {
                line.arguments.push(name.into());
                line.arguments.extend(wants.map(|_| argument(value)));
            }
        }
    }
}

/// The system takes no NUL in an argument.
pub(super) fn argument(mut bytes: Vec<u8>) -> OsString {
    bytes.retain(|byte| *byte != 0);
    // More than the system takes.
    bytes.truncate(100_000);
    OsString::from_vec(bytes)
}

fn value(flag: &Flag, values: &Values) -> BoxedStrategy<Vec<u8>> {
    let text = |texts: &'static [&'static str]| select(texts).prop_map(str::to_owned).boxed();
    let right: BoxedStrategy<String> = match flag.value.as_deref() {
        None => text(&["true", "false", "1", "0", "yes"]),
        Some("TYPE") => text(&["invoices", "tax_rates", "active_discounts", "discounts", "user_credit_notes", "all"]),
        Some("FORMAT") => text(&["text", "json"]),
        Some("FILE") if flag.name == "--token-file" => text(&["token", "anything", "missing", "."]),
        Some("FILE" | "DIR") => {
            text(&["good.toml", "token", "trace", "anything", ".", "new", "missing/x", "/dev/null", "/dev/zero", "-"])
        }
        Some("ID") => text(&["1", "2", "999999", "GB:default", "DE", "tax_rate:GB:default", "invoice:1"]),
        Some("HOST") => text(&["127.0.0.1", "localhost", "::1"]),
        Some("PORT") => prop_oneof![Just(values.port.to_string()), number()].boxed(),
        Some("URL") => urls(values),
        Some("TOKEN") => prop_oneof![Just(Place::Token.marker()), text(&["short", ""])].boxed(),
        Some("ADDRESS:PORT") => text(&["127.0.0.1:0", "localhost:0", "[::1]:0", "127.0.0.1:65536", "127.0.0.1"]),
        Some("NAME") => text(&["cache.example.net", "a,b", "*", "a:1"]),
        Some(_) => prop_oneof![2 => (1..20_u32).prop_map(|number| number.to_string()), 1 => number()].boxed(),
    };
    prop_oneof![8 => right.prop_map(String::into_bytes), 1 => bytes(hostile())].boxed()
}

/// Addresses of databases with a password, right and wrong.
fn urls(values: &Values) -> BoxedStrategy<String> {
    let (right, password) = (values.database_url.clone(), Place::DatabaseUrlFlag.marker());
    let with = move |around: String| {
        prop_oneof![
            Just(format!("postgres://user:{password}{around}@127.0.0.1:1/x")),
            Just(format!("postgres://user:{around}{password}@127.0.0.1/x?sslmode={around}")),
            Just(format!("mysql://user:{password}@{around}/x")),
            Just(format!("{around}://user:{password}@host/x")),
            Just(format!("postgres://user{around}:{password}@127.0.0.1:{around}/x?a=b&{around}")),
            Just(format!("sqlite://{around}?mode={around}&password={password}")),
            Just(format!("user:{password}@host{around}")),
        ]
    };
    prop_oneof![2 => Just(right), 3 => hostile().prop_flat_map(with)].boxed()
}

/// The commands of both tools, as their help has them.
fn commands(site: &Site) -> Vec<Command> {
    let mut commands = Vec::new();
    for (tool, name) in [(Tool::Admin, CACHE_ADMIN), (Tool::Monitor, CACHE_MONITOR)] {
        let help = |words: &[String]| site.program(name).run(&format!("{} --help", words.join(" "))).fine();
        let whole = help(&[]);
        let names = in_part(&whole, "Commands:").filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        let names = names.filter(|name| !name.is_empty() && *name != "help");
        let mut all: Vec<Vec<String>> = names.map(|name| vec![name.to_owned()]).collect();
        all.push(Vec::new());
        for words in all {
            let flags = flags(&help(&words));
            assert!(!flags.is_empty(), "{name} {words:?} has flags");
            commands.push(Command { tool, words, flags });
        }
    }
    assert!(commands.len() > 10, "the help lists commands: {commands:?}");
    commands
}

fn in_part<'a>(help: &'a str, head: &str) -> impl Iterator<Item = &'a str> {
    let lines = help.lines().skip_while(move |line| line.trim() != head).skip(1);
    lines.take_while(|line| !line.trim().is_empty())
}

/// `--rate <N>`, and the variable that its description ends with.
fn flags(help: &str) -> Vec<Flag> {
    let (mut flags, mut comes_variable) = (Vec::<Flag>::new(), false);
    for line in help.lines().filter(|line| line.starts_with(' ')).map(str::trim_start) {
        let line = line.strip_prefix("-h, ").or_else(|| line.strip_prefix("-V, ")).unwrap_or(line);
        if line.starts_with("--") {
            flags.push(Flag::of(line));
        }
        for word in line.split_whitespace() {
            if let Some(flag) = flags.last_mut().filter(|_| comes_variable) {
                flag.variable = Some(word.trim_end_matches(']').to_owned());
            }
            comes_variable = word == "[env:";
        }
    }
    flags
}

impl Flag {
    fn of(line: &str) -> Self {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default().to_owned();
        let value = words.next().and_then(|word| Some(word.strip_prefix('<')?.split('>').next()?.to_owned()));
        Self { name, value, variable: None }
    }
}
