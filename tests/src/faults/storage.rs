//! The disk of the database is full, for its server or for the services: every write to a file fails.
//!
//! This uses the limit on file sizes, which can be set for a running process. PostgreSQL cannot continue without
//! writing its log: it ends all its sessions and recovers by itself. Acknowledged writes exist afterwards.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::Fault;
use super::scene::Scene;
use crate::Backend;
use crate::chaos::SERVICES;

/// The database itself fails, so requests may fail too.
const PLAIN: Fault = Fault { name: "disk-full", may_fail: true, ..super::PLAIN };

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        about: "PostgreSQL cannot write a byte: it ends all its sessions and recovers, twice",
        inflict: |scene| {
            for _ in 0..2 {
                let server = server_of(scene);
                let limited = forbid_sessions_to_write(server);
                let site = scene.site();
                scene.until("PostgreSQL has stopped and recovered", || {
                    children_of(server).iter().all(|session| !limited.contains(session)) && site.database_answers()
                });
                scene.hold(400);
            }
        },
        ..PLAIN
    },
    Fault {
        about: "no service can write a byte to the SQLite file, three times; each time one is killed meanwhile",
        database: Backend::Sqlite,
        inflict: |scene| {
            for _ in 0..3 {
                (0..SERVICES).for_each(|place| scene.fleet.let_files_grow_to(place, Some(0)));
                scene.hold(400);
                let killed = scene.any_place();
                scene.fleet.restart(killed, &[]);
                (0..SERVICES).for_each(|place| scene.fleet.let_files_grow_to(place, None));
                scene.hold(300);
            }
        },
        ..PLAIN
    },
];

/// The first process of the server, which starts and restarts the others.
fn server_of(scene: &Scene<'_>) -> u32 {
    let rows = scene.site().rows("SELECT split_part(pg_read_file('postmaster.pid'), chr(10), 1)");
    rows[0][0].as_ref().and_then(|text| text.trim().parse().ok()).expect("the file begins with a number")
}

/// Limits all processes of the server except the first one. Returns those that can no longer write.
fn forbid_sessions_to_write(server: u32) -> Vec<u32> {
    let mut sessions = children_of(server);
    sessions.retain(|session| forbid_to_write(*session));
    assert!(!sessions.is_empty(), "the PostgreSQL server {server} does not run here, or there is no program prlimit");
    sessions
}

/// Uses a program, because only the user of a process may limit it. Returns false if that failed or the process had
/// ended.
fn forbid_to_write(process: u32) -> bool {
    let Ok(owner) = fs::metadata(format!("/proc/{process}")) else { return false };
    let mut command = Command::new("prlimit");
    command.args(["--pid", &process.to_string(), "--fsize=0:"]).uid(owner.uid()).gid(owner.gid());
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("the processes are listed").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

/// The second field after the name. The name is in parentheses and may contain parentheses.
fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
