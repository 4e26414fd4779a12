//! The bare sides: the same work on the server as a person would script it, with nothing around it.

use anyhow::Result;

/// As many as a step of the tools takes.
const COUNT: usize = 500;
/// As `stats` does it.
const MEASURED_ONE_IN: usize = 50;
/// As many as a bare side with a pattern sees.
const INVOICES: &str = "invoice:*";

/// `SCAN` over all, and `MEMORY USAGE` of one key in fifty.
pub(crate) fn scan_and_measure(connection: &mut redis::Connection) -> Result<()> {
    let mut total = 0;
    scan(connection, None, |connection, names| {
        let mut pipeline = redis::pipe();
        for name in names.iter().step_by(MEASURED_ONE_IN) {
            pipeline.cmd("MEMORY").arg("USAGE").arg(name);
        }
        let sizes: Vec<Option<u64>> = pipeline.query(connection)?;
        total += sizes.into_iter().flatten().sum::<u64>();
        Ok(())
    })?;
    anyhow::ensure!(total > 0, "nothing was measured");
    Ok(())
}

/// `SCAN MATCH` and pipelined `UNLINK`.
pub(crate) fn scan_and_unlink(connection: &mut redis::Connection) -> Result<()> {
    let mut removed = 0;
    scan(connection, Some(INVOICES), |connection, names| {
        let mut pipeline = redis::pipe();
        for name in &names {
            pipeline.cmd("UNLINK").arg(name);
        }
        let there: Vec<u64> = pipeline.query(connection)?;
        removed += there.into_iter().sum::<u64>();
        Ok(())
    })?;
    anyhow::ensure!(removed > 0, "nothing was removed");
    Ok(())
}

fn scan(
    connection: &mut redis::Connection,
    pattern: Option<&str>,
    mut each: impl FnMut(&mut redis::Connection, Vec<String>) -> Result<()>,
) -> Result<()> {
    let mut cursor = 0;
    loop {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor);
        if let Some(pattern) = pattern {
            command.arg("MATCH").arg(pattern);
        }
        let (next, names): (u64, Vec<String>) = command.arg("COUNT").arg(COUNT).query(connection)?;
        if !names.is_empty() {
            each(connection, names)?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}
