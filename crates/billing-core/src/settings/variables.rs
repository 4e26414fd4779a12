//! The variables of the environment and of `.env` that are settings or look like settings.
//!
//! Invariants: the environment of the process is read and never changed. An empty variable counts as unset. No error
//! shows a value. Lines of `.env` that set none of our variables are skipped, whatever they contain.
//!
//! Used by `layers.rs` and `remarks.rs`.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::path::Path;

use billing_cache::bounded_file::{LARGEST_FILE, read_opened};

use super::dot_env::{Statement, statements};
use super::expansion::{NotUtf8, expanded};
use super::{Origin, SettingsError, keys};

/// A variable that is set, and where.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) origin: Origin,
    /// Its name in errors: `REDIS_PORT`, or `.env line 3: REDIS_PORT`.
    pub(super) place: String,
}

/// The variables that are set, ordered by name.
#[derive(Debug, Default)]
pub(super) struct Variables {
    pub(super) of_process: Vec<Assignment>,
    /// Without those that the environment sets too.
    pub(super) of_dot_env: Vec<Assignment>,
}

impl Variables {
    /// Reads the variables of this process, and those of this `.env` file if it exists.
    pub(super) fn of_this_process(dot_env: &Path) -> Result<Self, SettingsError> {
        let of_process = of_environment(std::env::vars_os())?;
        let set: HashMap<&str, ()> = of_process.iter().map(|assignment| (assignment.name.as_str(), ())).collect();
        let mut of_dot_env = of_file(dot_env)?;
        of_dot_env.retain(|assignment| !set.contains_key(assignment.name.as_str()));
        Ok(Self { of_process, of_dot_env })
    }

    /// All of them, in both layers.
    pub(super) fn all(&self) -> impl Iterator<Item = &Assignment> {
        self.of_dot_env.iter().chain(&self.of_process)
    }

    /// The value of this variable.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut strongest_first = self.of_process.iter().chain(&self.of_dot_env);
        strongest_first.find(|assignment| assignment.name == name).map(|assignment| assignment.value.as_str())
    }
}

/// The variables among these that are ours, or look like ours.
pub(super) fn of_environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<Assignment>, SettingsError> {
    let mut ours = Vec::new();
    for (name, value) in variables.filter(|(_, value)| !value.is_empty()) {
        let Some(name) = name.into_string().ok().filter(|name| keys::concerns_us(name)) else { continue };
        let Ok(value) = value.into_string() else { return Err(SettingsError::NotUtf8 { place: name }) };
        ours.push(Assignment { origin: Origin::Environment(name.clone()), place: name.clone(), name, value });
    }
    ours.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(ours)
}

fn of_file(path: &Path) -> Result<Vec<Assignment>, SettingsError> {
    match text_of(path)? {
        Some(text) => of_text(&text, |name| std::env::var_os(name)),
        None => Ok(Vec::new()),
    }
}

/// The text of the file; `None` if it does not exist. A directory of this name, such as a virtual environment, does not
/// count.
fn text_of(path: &Path) -> Result<Option<String>, SettingsError> {
    if !std::fs::metadata(path).is_ok_and(|it| !it.is_dir()) {
        return Ok(None);
    }
    let bytes = File::open(path).and_then(|file| {
        if is_writable_by_all(&file.metadata()?) {
            return Err(std::io::Error::other("every user of this machine can write it; `chmod o-w .env`"));
        }
        read_opened(file, LARGEST_FILE)
    });
    let bytes = bytes.map_err(|error| SettingsError::DotEnv { reason: error.to_string() })?;
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let line =
            1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        SettingsError::DotEnv { reason: format!("line {line} is not UTF-8") }
    })
}

#[cfg(unix)]
fn is_writable_by_all(file: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(file) & 0o002 != 0
}

/// Unknown on systems whose rights are not bits.
#[cfg(not(unix))]
fn is_writable_by_all(_: &Metadata) -> bool {
    false
}

/// The variables of this text that are ours, or look like ours; of several with one name the last counts.
pub(super) fn of_text(
    text: &str,
    environment: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<Assignment>, SettingsError> {
    let mut set: HashMap<String, String> = HashMap::new();
    let mut ours: BTreeMap<String, Assignment> = BTreeMap::new();
    for statement in statements(text) {
        let (line, name, value) = match statement {
            Statement::Binding { line, name, value } => (line, name, value),
            Statement::Unparsed { line, name } if keys::is_ours(&name) => {
                let reason = format!("line {line}: {name} cannot be read; write {name}=value, with quotes in pairs");
                return Err(SettingsError::DotEnv { reason });
            }
            Statement::Unparsed { .. } => continue,
        };
        refuse_mark(line, &name)?;
        let value = value.map(|value| expanded(&value, &environment, |name| set.get(name).cloned()));
        let value = match value.transpose() {
            Ok(value) => value,
            Err(NotUtf8(other)) if keys::is_ours(&name) => {
                let reason = format!("line {line}: {name} refers to {other}, whose value is not UTF-8");
                return Err(SettingsError::DotEnv { reason });
            }
            Err(NotUtf8(_)) => None,
        };
        ours.remove(&name);
        set.insert(name.clone(), value.clone().unwrap_or_default());
        if let Some(value) = value.filter(|value| !value.is_empty() && keys::concerns_us(&name)) {
            let place = format!(".env line {line}: {name}");
            ours.insert(name.clone(), Assignment { origin: Origin::DotEnv(name.clone()), place, name, value });
        }
    }
    Ok(ours.into_values().collect())
}

/// Python takes the byte order mark for a part of the first name, and so does not find that variable.
fn refuse_mark(line: usize, name: &str) -> Result<(), SettingsError> {
    match name.strip_prefix('\u{feff}').filter(|name| keys::is_ours(name)) {
        None => Ok(()),
        Some(name) => {
            let reason = format!("line {line}: a byte order mark stands before {name}; save the file without it");
            Err(SettingsError::DotEnv { reason })
        }
    }
}
