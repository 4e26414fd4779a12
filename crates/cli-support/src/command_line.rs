//! Reads the command line. Every flag can also be set by an environment variable.
//!
//! Invariants: a flag outranks its variable; an empty variable counts as unset; help shows the names of variables but
//! never their values. The variable of a command's flag contains the command, as in `CACHE_ADMIN_WARMUP_LIMIT`, so that
//! a variable meant for one command, such as a type to warm up, is never used by another command, which may delete it.
//! Settings keep the variable names that services use.

use anstyle::AnsiColor;
use billing_core::printable_lines;
use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, Command, CommandFactory, Parser};

use crate::args::SETTINGS;
use crate::exit::say;

/// The arguments of this process. Ends the process if they are invalid, and after `--help`.
#[must_use]
pub fn parse<C: Parser>() -> C {
    let mut command = command::<C>();
    let read = |command: &mut Command| C::from_arg_matches(&command.try_get_matches_from_mut(std::env::args_os())?);
    read(&mut command).unwrap_or_else(|error| end(&error.format(&mut command)))
}

/// Ends the process with the requested output, such as help, or with an error. The error quotes the input, so it is
/// printed without clap's colours: they could not be told apart from escape sequences in the input.
fn end(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    let (said, red) = (error.render().to_string(), AnsiColor::Red.on_default().bold());
    let said = printable_lines(said.trim_end().trim_start_matches("error: "));
    say(format_args!("{red}error:{red:#} {said}"));
    std::process::exit(error.exit_code())
}

/// The command line with its variables.
#[must_use]
pub fn command<C: CommandFactory>() -> Command {
    let command = C::command();
    let prefix = in_variable(command.get_name());
    with_variables(command, &prefix)
}

fn with_variables(command: Command, prefix: &str) -> Command {
    let command = command.mut_args(|argument| with_variable(argument, prefix));
    command.mut_subcommands(|sub| {
        let prefix = format!("{prefix}_{}", in_variable(sub.get_name()));
        with_variables(sub, &prefix)
    })
}

fn with_variable(argument: Arg, prefix: &str) -> Arg {
    let is_setting = argument.get_help_heading() == Some(SETTINGS);
    let is_flag = !matches!(argument.get_action(), ArgAction::Help | ArgAction::Version);
    let Some(long) = argument.get_long().filter(|_| is_flag && !is_setting) else { return argument };
    let variable = format!("{prefix}_{}", in_variable(long));
    if std::env::var_os(&variable).is_some_and(|value| value.is_empty()) {
        return argument;
    }
    let argument = argument.env(variable).hide_env_values(true);
    match argument.get_action() {
        ArgAction::SetTrue => argument.value_parser(BoolishValueParser::new()),
        _ => argument,
    }
}

fn in_variable(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser)]
    #[command(name = "a-tool")]
    struct Tool {
        #[arg(long, global = true)]
        colour: Option<String>,
        #[arg(long, help_heading = SETTINGS)]
        host: Option<String>,
        #[command(subcommand)]
        command: Sub,
    }

    #[derive(clap::Subcommand)]
    enum Sub {
        TakeAway {
            what: String,
            #[arg(long)]
            dry_run: bool,
        },
    }

    #[test]
    fn every_flag_has_a_variable_with_its_command_in_the_name() {
        let mut command = command::<Tool>();
        command.build();
        command.clone().debug_assert();
        let variables = |command: &Command| -> Vec<String> {
            let named = command.get_arguments().filter_map(Arg::get_env);
            named.map(|name| name.to_string_lossy().into_owned()).collect()
        };
        assert_eq!(variables(&command), ["A_TOOL_COLOUR"]);
        let sub = command.find_subcommand("take-away").unwrap();
        assert_eq!(variables(sub), ["A_TOOL_TAKE_AWAY_DRY_RUN", "A_TOOL_COLOUR"]);
    }
}
