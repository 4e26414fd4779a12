//! `protocol-model`: explores every scenario and mutation and prints what holds and what breaks. `--trace NAME` prints
//! the shortest way to break the protocol without the ingredient NAME. Exit code 1 if a verdict is not the expected
//! one.

use std::io::{self, Write};
use std::process::ExitCode;

use protocol_model::{MUTATIONS, Protocol, Scenario, Scope, Twins, Verdict, Without};

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let scope = match Scope::from_environment() {
        Ok(scope) => scope,
        Err(other) => return refuse(&format!("{} is `{other}`, it can be `small` or `large`", Scope::VARIABLE)),
    };
    match arguments[..] {
        [] => print_table(scope),
        ["--trace", name] => match Without::named(name) {
            Some(without) => print_traces(without, scope),
            None => refuse(&format!("there is no ingredient `{name}`")),
        },
        _ => refuse("the only option is --trace NAME"),
    }
}

fn refuse(why: &str) -> io::Result<ExitCode> {
    let names: Vec<String> = Without::ALL.iter().map(ToString::to_string).collect();
    writeln!(io::stderr(), "error: {why}\nusage: protocol-model [--trace NAME]\nnames: {}", names.join(", "))?;
    Ok(ExitCode::from(2))
}

fn print_table(scope: Scope) -> io::Result<ExitCode> {
    let mut out = io::stdout();
    writeln!(out, "scope: {scope:?}\n{:<16} {:<32} {:>10} {:>8}  breaks", "scenario", "without", "states", "seconds")?;
    let mut as_expected = true;
    for scenario in Scenario::ALL {
        let whole = scenario.explore(Protocol::default(), scope, Twins::Merged);
        as_expected &= whole.broken.is_empty();
        print_verdict(&mut out, scenario, "-", &whole)?;
        for mutation in scenario.mutations() {
            let protocol = Protocol { without: Some(mutation.without) };
            let verdict = scenario.explore(protocol, scope, Twins::Merged);
            as_expected &= verdict.broken.keys().eq(mutation.breaks);
            print_verdict(&mut out, scenario, &mutation.without.to_string(), &verdict)?;
        }
    }
    Ok(if as_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_verdict(out: &mut impl Write, scenario: Scenario, without: &str, verdict: &Verdict) -> io::Result<()> {
    let ways = verdict.broken.iter().map(|(promise, way)| format!("{} ({} steps)", promise.name(), way.len()));
    let broken: Vec<String> = ways.collect();
    let seconds = verdict.elapsed.as_secs_f64();
    writeln!(out, "{scenario:<16} {without:<32} {:>10} {seconds:>8.1}  {}", verdict.states, broken.join(", "))
}

fn print_traces(without: Without, scope: Scope) -> io::Result<ExitCode> {
    let mut out = io::stdout();
    for mutation in MUTATIONS.iter().filter(|mutation| mutation.without == without) {
        let verdict = mutation.scenario.explore(Protocol { without: Some(without) }, scope, Twins::Apart);
        for (promise, way) in &verdict.broken {
            writeln!(out, "{}: without {without}, \"{}\" breaks:", mutation.scenario, promise.name())?;
            for (number, line) in way.iter().enumerate() {
                writeln!(out, "{:>4}. {line}", number + 1)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
