//! The variables of the environment and of `.env`.
//!
//! Invariants: a variable of the process outranks one of `.env`; an empty one is an unset one; no error shows a value.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::{Origin, SettingsError};

/// What is set, by name.
#[derive(Debug, Default)]
pub(super) struct Variables {
    pub(super) values: HashMap<String, String>,
    /// Names of those that only `.env` sets.
    pub(super) of_dot_env: HashSet<String>,
}

impl Variables {
    /// The variables of the process over those of this `.env` file, if it exists.
    pub(super) fn of_process(dot_env: &Path) -> Result<Self, SettingsError> {
        let process =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let process: HashMap<String, String> = process.filter(|(_, value)| !value.is_empty()).collect();
        let mut values = read(dot_env)?;
        values.retain(|name, value| !value.is_empty() && !process.contains_key(name));
        let of_dot_env = values.keys().cloned().collect();
        values.extend(process);
        Ok(Self { values, of_dot_env })
    }

    /// Where the value of this variable is written.
    pub(super) fn origin(&self, name: &str) -> Origin {
        let name = name.to_owned();
        if self.of_dot_env.contains(&name) { Origin::DotEnv(name) } else { Origin::Environment(name) }
    }
}

fn read(dot_env: &Path) -> Result<HashMap<String, String>, SettingsError> {
    if !dot_env.exists() {
        return Ok(HashMap::new());
    }
    let pairs = dotenvy::from_path_iter(dot_env).map_err(|error| unreadable(&error))?;
    pairs.map(|pair| pair.map_err(|error| unreadable(&error))).collect()
}

fn unreadable(error: &dotenvy::Error) -> SettingsError {
    let reason = match error {
        dotenvy::Error::LineParse(line, _) => match line.split_once('=') {
            Some((name, _)) => format!("the value of {} needs quotes or lacks one", name.trim()),
            None => "a line is not of the form NAME=value".to_owned(),
        },
        other => other.to_string(),
    };
    SettingsError::DotEnv { reason }
}
