//! Asks apt which packages it can install. If one package name is unknown, `apt-get install` installs none.

use std::process::Command;

use test_servers::program::stdout_of;

/// The packages that apt can install. A package may be listed without a version, such as a name that Ubuntu reserves
/// for a snap. Returns all packages if apt cannot be asked.
pub(crate) fn installable<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    match stdout_of(Command::new("apt-cache").env("LC_ALL", "C").arg("policy").args(packages)) {
        Ok(policy) => with_candidate(packages, &policy),
        Err(_) => packages.to_vec(),
    }
}

/// Parses the output of `apt-cache policy`: one paragraph per package, none for unknown packages.
fn with_candidate<'a>(packages: &[&'a str], policy: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut package = "";
    for line in policy.lines() {
        match line.trim().strip_prefix("Candidate: ") {
            Some(candidate) if candidate != "(none)" => found.push(package),
            None if !line.starts_with(' ') => package = line.trim_end_matches(':'),
            _ => {}
        }
    }
    packages.iter().copied().filter(|package| found.contains(package)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_a_version_and_an_unknown_one_are_left_out() {
        let policy = "\
redis-server:
  Installed: (none)
  Candidate: 5:7.0.15-1
  Version table:
     5:7.0.15-1 500
chromium:
  Installed: (none)
  Candidate: (none)
  Version table:
valgrind:
  Installed: 1:3.19.0-1
  Candidate: 1:3.19.0-1";
        let packages = ["redis-server", "chromium", "no-such-package", "valgrind"];
        assert_eq!(with_candidate(&packages, policy), ["redis-server", "valgrind"]);
    }
}
