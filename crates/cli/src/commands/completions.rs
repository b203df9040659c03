//! `parsimony completions`: the completion script of a shell.

use clap::Args;

use crate::error::CliError;
use crate::exit::Exit;

/// Print a shell's completion script
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// bash, zsh, fish, elvish or powershell
    shell: clap_complete::Shell,
}

impl Completions {
    /// Prints the script for the whole command line `program`.
    pub(crate) fn run(&self, mut program: clap::Command) -> Result<Exit, CliError> {
        let mut out = std::io::stdout();
        clap_complete::generate(self.shell, &mut program, "parsimony", &mut out);
        Ok(Exit::Done)
    }
}
