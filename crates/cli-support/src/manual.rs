//! Shell completions and man pages, generated from the definition of the command line.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Command, Subcommand};
use clap_complete::Shell;

use crate::code::Code;
use crate::exit::usage;
use crate::render;

/// The commands that every tool has; `#[command(flatten)]` them into its own.
#[derive(Clone, Debug, Subcommand)]
pub enum Manual {
    /// Print a completion script for a shell
    #[command(after_help = "\
Examples, with TOOL for the name of this program:
  TOOL completions bash > ~/.local/share/bash-completion/completions/TOOL
  TOOL completions zsh > \"${fpath[1]}/_TOOL\"
  TOOL completions fish > ~/.config/fish/completions/TOOL.fish")]
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page, or write the pages of all commands to a directory
    #[command(after_help = "\
Examples, with TOOL for the name of this program:
  TOOL man | man -l -
  TOOL man --dir ~/.local/share/man/man1")]
    Man {
        /// Write one page for each command into this existing directory
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

impl Manual {
    /// Prints or writes the requested pages or script for this command line.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn run(&self, command: Command) -> Result<Code> {
        match self {
            Self::Completions { shell } => print_completions(*shell, command)?,
            Self::Man { dir: None } => print_page(command)?,
            Self::Man { dir: Some(dir) } => write_pages(dir, command)?,
        }
        Ok(Code::Fine)
    }
}

fn print_completions(shell: Shell, mut command: Command) -> Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    print(&script)
}

fn print_page(command: Command) -> Result<()> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page).context("write the manual page")?;
    print(&page)
}

fn print(text: &[u8]) -> Result<()> {
    render::print(String::from_utf8_lossy(text).trim_end())?;
    Ok(())
}

fn write_pages(dir: &Path, command: Command) -> Result<()> {
    if !dir.is_dir() {
        return Err(usage(format!("--dir: there is no directory {}", dir.display())));
    }
    clap_mangen::generate_to(command, dir).with_context(|| format!("write manual pages to {}", dir.display()))
}
