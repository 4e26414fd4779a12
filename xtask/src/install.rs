//! The servers and tools that a task needs, and their installation with the package manager.
//!
//! Invariant: nothing is installed that is already present, and every command that changes the machine is printed with
//! the reason before it runs.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::process::{Command, Stdio};

use anyhow::Result;
use test_servers::program::find_program;
use test_servers::{postgres, redis};

use crate::failure::Unavailable;
use crate::process::{run, say};
use crate::{apt, chromium, python};

/// A program that a task needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Redis,
    Postgres,
    PythonVenv,
    Chromium,
    Valgrind,
    Promtool,
}

impl Need {
    fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis-server",
            Self::Postgres => "PostgreSQL (initdb and postgres)",
            Self::PythonVenv => "python3 with venv",
            Self::Chromium => "Chromium",
            Self::Valgrind => "valgrind",
            Self::Promtool => "promtool of Prometheus",
        }
    }

    fn is_met(self) -> bool {
        match self {
            Self::Redis => redis::program().is_some(),
            Self::Postgres => postgres::programs().is_some(),
            Self::PythonVenv => python::can_make_environments(),
            Self::Chromium => chromium::program().is_some(),
            Self::Valgrind => find_program("valgrind", &[]).is_some(),
            Self::Promtool => find_program("promtool", &[]).is_some(),
        }
    }

    /// The advice if no package provides it.
    fn next_step(self) -> &'static str {
        match self {
            Self::Redis => "set REDIS_SERVER_BIN to the path of a redis-server",
            Self::Postgres => "have initdb and postgres in PATH",
            Self::PythonVenv => "have a python3 in PATH that can make environments",
            Self::Chromium => "set BILLING_TEST_CHROMIUM to the path of a Chromium or Chrome",
            Self::Valgrind => "have valgrind in PATH",
            Self::Promtool => "have promtool in PATH",
        }
    }

    fn packages(self, manager: Manager) -> &'static [&'static str] {
        match (self, manager) {
            (Self::Redis, Manager::Apt) => &["redis-server"],
            (Self::Redis, Manager::Dnf | Manager::Brew) => &["redis"],
            (Self::Postgres, Manager::Apt) => &["postgresql"],
            (Self::Postgres, Manager::Dnf) => &["postgresql-server"],
            (Self::Postgres, Manager::Brew) => &["postgresql@17"],
            (Self::PythonVenv, Manager::Apt) => &["python3-venv"],
            (Self::PythonVenv, Manager::Dnf | Manager::Brew) => &["python3"],
            // A bare container has no fonts. With the same font everywhere, screenshots differ only by their content.
            (Self::Chromium, Manager::Apt) => &["chromium", "fonts-dejavu-core"],
            (Self::Chromium, Manager::Dnf) => &["chromium", "dejavu-sans-fonts"],
            // Homebrew is dropping unsigned applications, and with them Chromium.
            (Self::Chromium, Manager::Brew) => &["google-chrome"],
            (Self::Valgrind, _) => &["valgrind"],
            (Self::Promtool, Manager::Dnf) => &["golang-github-prometheus"],
            (Self::Promtool, _) => &["prometheus"],
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Brew,
}

/// How a command gets root rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Elevation {
    NotNeeded,
    Sudo,
    /// Nobody is present to type a password.
    SudoWithoutPrompt,
}

/// Installs the missing ones of `needs`.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<_> = needs.iter().copied().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|need| need.name()).collect::<Vec<_>>().join(", ");
    let exists = |program: &str| find_program(program, &[]).is_some();
    let manager = choose_manager(exists).ok_or_else(|| no_manager(&names))?;
    let elevation = choose_elevation(manager, is_root(), has_person(), exists);
    let packages: Vec<_> = missing.iter().flat_map(|need| need.packages(manager)).copied().collect();
    let elevation = elevation.ok_or_else(|| no_root(manager, &names, &packages))?;
    say(&format!("not on this machine: {names}; installing {}", packages.join(", ")));
    if let Some(update) = update(manager, elevation) {
        execute(&update)?;
    }
    let installable = if manager == Manager::Apt { apt::installable(&packages) } else { packages };
    if !installable.is_empty() {
        execute(&installation(manager, elevation, &installable))?;
    }
    match missing.iter().find(|need| !need.is_met()) {
        Some(need) => Err(still_missing(*need, manager).into()),
        None => Ok(()),
    }
}

fn choose_manager(exists: impl Fn(&str) -> bool) -> Option<Manager> {
    let managers = [("apt-get", Manager::Apt), ("dnf", Manager::Dnf), ("brew", Manager::Brew)];
    managers.into_iter().find(|(program, _)| exists(program)).map(|(_, manager)| manager)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Person {
    AtTheTerminal,
    Absent,
}

fn is_root() -> Root {
    if rustix::process::geteuid().is_root() { Root::Yes } else { Root::No }
}

fn has_person() -> Person {
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    if std::io::stdin().is_terminal() && !in_ci { Person::AtTheTerminal } else { Person::Absent }
}

/// `None` if the manager needs root rights and there is no way to get them.
fn choose_elevation(manager: Manager, root: Root, person: Person, exists: impl Fn(&str) -> bool) -> Option<Elevation> {
    match (manager, root, person) {
        (Manager::Brew, _, _) | (_, Root::Yes, _) => Some(Elevation::NotNeeded),
        (_, Root::No, _) if !exists("sudo") => None,
        (_, Root::No, Person::AtTheTerminal) => Some(Elevation::Sudo),
        (_, Root::No, Person::Absent) => Some(Elevation::SudoWithoutPrompt),
    }
}

/// One step of an installation.
#[derive(Debug, PartialEq, Eq)]
struct CommandLine {
    why: String,
    words: Vec<String>,
    failure: OnFailure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnFailure {
    Stop,
    GoOn,
}

/// Waits for the lock of apt, because another installation may hold it for a while, especially on a fresh machine.
const APT: &str = "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300";

/// The update of the package lists, if the manager needs one. It may fail for one list (a mirror, a third-party
/// source), and the package may still be available.
fn update(manager: Manager, elevation: Elevation) -> Option<CommandLine> {
    let why = "know the packages".to_owned();
    let words = elevated(elevation, &format!("{APT} update"));
    (manager == Manager::Apt).then_some(CommandLine { why, words, failure: OnFailure::GoOn })
}

fn installation(manager: Manager, elevation: Elevation, packages: &[&str]) -> CommandLine {
    let unique: BTreeSet<_> = packages.iter().copied().collect();
    let list = unique.into_iter().collect::<Vec<_>>().join(" ");
    let command = match manager {
        Manager::Apt => format!("{APT} install -y --no-install-recommends {list}"),
        Manager::Dnf => format!("dnf install -y {list}"),
        Manager::Brew => format!("brew install {list}"),
    };
    CommandLine { why: format!("install {list}"), words: elevated(elevation, &command), failure: OnFailure::Stop }
}

fn elevated(elevation: Elevation, command: &str) -> Vec<String> {
    let prefix = match elevation {
        Elevation::NotNeeded => "",
        Elevation::Sudo => "sudo",
        Elevation::SudoWithoutPrompt => "sudo -n",
    };
    format!("{prefix} {command}").split_whitespace().map(str::to_owned).collect()
}

fn execute(line: &CommandLine) -> Result<()> {
    let typed = line.words.join(" ");
    say(&format!("$ {typed}    # {}", line.why));
    let (program, arguments) = line.words.split_first().expect("a command line has a program");
    let mut command = Command::new(program);
    command.args(arguments).stdout(std::io::stderr());
    if has_person() == Person::Absent {
        command.stdin(Stdio::null());
    }
    match (run(&typed, &mut command), line.failure) {
        (Ok(()), _) => Ok(()),
        (Err(error), OnFailure::GoOn) => {
            say(&format!("{error:#}; going on"));
            Ok(())
        }
        (Err(error), OnFailure::Stop) => Err(error.context(Unavailable(format!("{} failed", line.why)))),
    }
}

fn still_missing(need: Need, manager: Manager) -> Unavailable {
    let (name, next_step) = (need.name(), need.next_step());
    let packages = need.packages(manager).join(", ");
    Unavailable(format!("{name} is needed, and the packages that should bring it ({packages}) did not: {next_step}"))
}

fn no_manager(names: &str) -> Unavailable {
    Unavailable(format!(
        "{names} is needed, and there is no apt-get, dnf or brew to install it with: install it yourself"
    ))
}

fn no_root(manager: Manager, names: &str, packages: &[&str]) -> Unavailable {
    let commands = [update(manager, Elevation::NotNeeded), Some(installation(manager, Elevation::NotNeeded, packages))];
    let typed = commands.iter().flatten().map(|line| line.words.join(" ")).collect::<Vec<_>>().join(" && ");
    Unavailable(format!("{names} is needed, and only root can install it: run as root `{typed}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &CommandLine) -> String {
        line.words.join(" ")
    }

    #[test]
    fn the_manager_of_the_system_comes_before_brew() {
        assert_eq!(choose_manager(|program| program != "dnf"), Some(Manager::Apt));
        assert_eq!(choose_manager(|program| program == "dnf"), Some(Manager::Dnf));
        assert_eq!(choose_manager(|program| program == "brew"), Some(Manager::Brew));
        assert_eq!(choose_manager(|_| false), None);
    }

    #[test]
    fn sudo_only_where_it_is_needed_and_there() {
        use Elevation::{NotNeeded, Sudo, SudoWithoutPrompt};
        for (manager, root, person, installed, expected) in [
            (Manager::Apt, Root::Yes, Person::Absent, "sudo", Some(NotNeeded)),
            (Manager::Apt, Root::No, Person::AtTheTerminal, "sudo", Some(Sudo)),
            (Manager::Dnf, Root::No, Person::Absent, "sudo", Some(SudoWithoutPrompt)),
            (Manager::Apt, Root::No, Person::AtTheTerminal, "", None),
            (Manager::Brew, Root::No, Person::AtTheTerminal, "sudo", Some(NotNeeded)),
        ] {
            let chosen = choose_elevation(manager, root, person, |program| program == installed);
            assert_eq!(chosen, expected, "{manager:?} {root:?}");
        }
    }

    #[test]
    fn apt_updates_first_and_asks_nothing() {
        let elevation = Elevation::SudoWithoutPrompt;
        let update = update(Manager::Apt, elevation).unwrap();
        assert_eq!(typed(&update), format!("sudo -n {APT} update"));
        let installation = installation(Manager::Apt, elevation, &["redis-server", "postgresql", "redis-server"]);
        assert_eq!(
            typed(&installation),
            format!("sudo -n {APT} install -y --no-install-recommends postgresql redis-server")
        );
        assert_eq!((update.failure, installation.failure), (OnFailure::GoOn, OnFailure::Stop));
    }

    #[test]
    fn the_others_install_at_once() {
        for (manager, elevation, command) in [
            (Manager::Dnf, Elevation::Sudo, "sudo dnf install -y redis"),
            (Manager::Brew, Elevation::NotNeeded, "brew install redis"),
        ] {
            assert_eq!(update(manager, elevation), None);
            assert_eq!(typed(&installation(manager, elevation, &["redis"])), command);
        }
    }

    #[test]
    fn what_no_package_brings_is_named_with_what_helps() {
        let message = still_missing(Need::Chromium, Manager::Apt).to_string();
        assert!(message.contains("Chromium") && message.contains("set BILLING_TEST_CHROMIUM"), "{message}");
    }

    #[test]
    fn without_root_the_message_has_the_command() {
        let message = no_root(Manager::Apt, "redis-server", &["redis-server"]).to_string();
        assert!(message.contains("apt-get") && message.contains("install -y"), "{message}");
    }
}
