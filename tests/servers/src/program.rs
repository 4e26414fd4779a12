//! Finds programs, and runs them for their output.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Searches a program in `PATH`, then in `more`.
#[must_use]
pub fn find_program(name: &str, more: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<_> = std::env::split_paths(&path).collect();
    directories.extend_from_slice(more);
    directories.into_iter().map(|directory| directory.join(name)).find(|file| file.is_file())
}

/// Whether the program exists and succeeds. Its output is not shown.
#[must_use]
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The stdout of a program, without the last line end.
///
/// # Errors
/// The program does not exist or fails.
pub fn stdout_of(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("run {shown}"))?;
    ensure!(
        output.status.success(),
        "run {shown}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout).with_context(|| format!("read what {shown} printed"))?.trim_end().to_owned())
}

/// Appends all output of a program to `log`, and gives it no input.
///
/// # Errors
/// The log cannot be opened.
pub fn to_log<'command>(command: &'command mut Command, log: &Path) -> Result<&'command mut Command> {
    let file = File::options().create(true).append(true).open(log);
    let file = file.with_context(|| format!("open {}", log.display()))?;
    Ok(command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file))
}

/// The last lines of a log, for an error message.
#[must_use]
pub fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].join(" | ")
}

/// The command as a person would type it.
#[must_use]
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// A word, quoted for a shell if necessary.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_=./:@%+,".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("psql");
        command.args(["-c", "SELECT 'x'", "", "a=b"]);
        assert_eq!(shown(&command), r"psql -c 'SELECT '\''x'\''' '' a=b");
    }

    #[test]
    fn programs_are_found_in_path_and_in_other_directories() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("no-such-program-in-path"), "").unwrap();
        assert!(find_program("sh", &[]).is_some());
        assert_eq!(find_program("no-such-program-in-path", &[]), None);
        assert!(find_program("no-such-program-in-path", &[directory.path().to_owned()]).is_some());
    }
}
