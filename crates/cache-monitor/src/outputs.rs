//! The outputs of the report: stdout, and the files from the command line.
//!
//! Invariant: a measurement does not start if one of its files cannot be written.

use anyhow::Result;
use billing_core::printable_lines;
use cli_support::{Format, render};

use crate::arguments::Arguments;
use crate::output_file::OutputFile;
use crate::report::MonitorReport;

/// The files to write.
#[derive(Debug)]
pub(crate) struct Outputs {
    json: Option<OutputFile>,
    markdown: Option<OutputFile>,
    html: Option<OutputFile>,
}

impl Outputs {
    /// # Errors
    /// A usage error that names the flag and says what is wrong with its path.
    pub(crate) fn prepare(arguments: &Arguments) -> Result<Self> {
        let file = |flag, path: &Option<_>| path.as_deref().map(|path| OutputFile::prepare(flag, path)).transpose();
        Ok(Self {
            json: file("--json", &arguments.json)?,
            markdown: file("--markdown", &arguments.markdown)?,
            html: file("--html", &arguments.html)?,
        })
    }

    /// Writes the files first, so that a closed stdout does not prevent them.
    ///
    /// # Errors
    /// A file or stdout cannot be written.
    pub(crate) fn show(&self, report: &MonitorReport, format: Format) -> Result<()> {
        if let Some(file) = &self.json {
            file.write(&render::json(report)?)?;
        }
        if let Some(file) = &self.markdown {
            file.write(&printable_lines(&report.to_markdown()))?;
        }
        if let Some(file) = &self.html {
            file.write(&printable_lines(&report.to_html()))?;
        }
        render::show(report, format)
    }
}
