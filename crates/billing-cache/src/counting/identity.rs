//! The identity of this process among the running ones.
//!
//! Used by the list of running processes and the changes of breakers.

use std::path::Path;
use std::time::SystemTime;

/// The identity of this process.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) id: String,
    pub(crate) host: String,
    pub(crate) program: String,
    pub(crate) started: SystemTime,
}

impl Identity {
    pub(crate) fn of_this_process() -> Self {
        let executable = std::env::current_exe().unwrap_or_default();
        let program = executable.file_name().unwrap_or(Path::new("unknown").as_os_str());
        Self {
            id: format!("{:016x}", rand::random::<u64>()),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            program: program.to_string_lossy().into_owned(),
            started: SystemTime::now(),
        }
    }

    /// The name for people: machine and process number.
    pub(crate) fn label(&self) -> String {
        format!("{}/{}", self.host, std::process::id())
    }
}
