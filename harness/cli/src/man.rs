//! The manual pages: one of the whole, and one for each command.

use crate::args::Arguments;
use crate::error::Failure;
use crate::output;
use clap::{Command, CommandFactory};
use std::path::Path;
use std::process::ExitCode;

/// `man [COMMAND]`, `man --into FOLDER`.
pub(crate) fn man(command: &[String], into: Option<&Path>) -> Result<ExitCode, Failure> {
    let mut whole = Arguments::command().disable_help_subcommand(true);
    if let Some(folder) = into {
        clap_mangen::generate_to(whole, folder)
            .map_err(|error| Failure::Mistake(format!("cannot write into {}: {error}", folder.display())))?;
        return Ok(ExitCode::SUCCESS);
    }
    whole.build();
    let mut found = &whole;
    for word in command {
        let inner = found.find_subcommand(word).filter(|inner| !inner.is_hide_set());
        found = inner.ok_or_else(|| no_command(word, found))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(found.clone())
        .render(&mut page)
        .map_err(|error| Failure::Software(error.to_string()))?;
    output::data(&String::from_utf8_lossy(&page))?;
    Ok(ExitCode::SUCCESS)
}

fn no_command(word: &str, within: &Command) -> Failure {
    let shown = within.get_subcommands().filter(|inner| !inner.is_hide_set());
    let names: Vec<&str> = shown.map(Command::get_name).collect();
    let of = within.get_bin_name().unwrap_or(within.get_name());
    Failure::Mistake(if names.is_empty() {
        format!(
            "`{of}` has no commands of its own, such as `{}`",
            word.escape_debug()
        )
    } else {
        format!(
            "`{of}` has no command `{}`; it has: {}",
            word.escape_debug(),
            names.join(", ")
        )
    })
}
