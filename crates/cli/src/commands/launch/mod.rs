//! `parsimony launch`: workers on a batch system, or on hosts reached over SSH.

mod batch;
mod ssh;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use self::batch::LaunchBatch;
use self::ssh::LaunchSsh;
use crate::arguments::System;
use crate::error::CliError;
use crate::exit::Exit;

/// Start workers on other machines: on Slurm, over SSH
#[derive(Debug, Args)]
pub(crate) struct Launch {
    #[command(subcommand)]
    to: To,
}

// Where workers are started. The batch systems come from their list, so their commands cannot be derived.
#[derive(Debug)]
enum To {
    Batch(System, LaunchBatch),
    Ssh(LaunchSsh),
}

const SSH: &str = "ssh";

impl Launch {
    /// Starts workers elsewhere, or lets them go.
    ///
    /// # Errors
    /// [`CliError`]; with SSH, some hosts may have started.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        match &self.to {
            To::Batch(system, options) => options.run(*system),
            To::Ssh(options) => options.run(),
        }
    }
}

impl Subcommand for To {
    fn augment_subcommands(command: Command) -> Command {
        let systems = ::launch::batch::SYSTEMS.iter();
        let ssh = Command::new(SSH).about("Start workers on hosts over SSH, or stop them");
        command
            .subcommands(systems.map(|system| LaunchBatch::command(*system)))
            .subcommand(LaunchSsh::augment_args(ssh))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        name == SSH || ::launch::batch::named(name).is_some()
    }
}

impl FromArgMatches for To {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Some((name, matches)) = matches.subcommand() else {
            return Err(clap::Error::new(ErrorKind::MissingSubcommand));
        };
        match ::launch::batch::named(name) {
            Some(system) => {
                LaunchBatch::from_arg_matches(matches).map(|options| To::Batch(system, options))
            }
            None => LaunchSsh::from_arg_matches(matches).map(To::Ssh),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
