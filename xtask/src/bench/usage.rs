//! The resources of processes as counted by Linux: processor time to the nanosecond, and memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The processor time so far, in user and system mode, of the current threads of some processes.
///
/// The time of a thread is lost when it ends, so measured work must not end threads.
pub(crate) fn processor_time(processes: &[u32]) -> Result<Duration> {
    let mut nanoseconds = 0;
    for process in processes {
        for thread in fs::read_dir(format!("/proc/{process}/task")).context("read the threads of a process")? {
            // A thread that has just ended counts as zero.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            let first = text.split_whitespace().next().and_then(|field| field.parse::<u64>().ok());
            nanoseconds += first.context("read the processor time of a thread")?;
        }
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// A process and its children, such as a PostgreSQL server with all its connections.
pub(crate) fn family(process: u32) -> Result<Vec<u32>> {
    let mut family = vec![process];
    for entry in fs::read_dir("/proc").context("read the processes")? {
        let Ok(id) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        family.extend((parent_in(&stat) == Some(process)).then_some(id));
    }
    Ok(family)
}

/// The second field after the name, which may contain blanks.
fn parent_in(stat: &str) -> Option<u32> {
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// The resident memory of a process, in bytes.
pub(crate) fn resident_bytes(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).context("read the memory of a process")?;
    kib_in(&status, "VmRSS:").map(|kib| kib * 1_024.0).context("read the memory of a process: no VmRSS")
}

/// The memory of the machine that is available to programs, in bytes.
pub(crate) fn available_bytes() -> Result<f64> {
    let text = fs::read_to_string("/proc/meminfo").context("read the free memory")?;
    kib_in(&text, "MemAvailable:").map(|kib| kib * 1_024.0).context("read the free memory: no MemAvailable")
}

fn kib_in(text: &str, field: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let this = std::process::id();
        assert!(processor_time(&[this]).unwrap() > Duration::ZERO);
        assert!(resident_bytes(this).unwrap() > 100_000.0);
        assert!(available_bytes().unwrap() > 0.0);
    }

    #[test]
    fn a_family_is_a_process_and_its_children() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let family = family(std::process::id()).unwrap();
        assert!(family.contains(&child.id()) && family[0] == std::process::id(), "{family:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(parent_in("7 (a b) c) S 42 7 7"), Some(42));
    }
}
