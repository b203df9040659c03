//! `parsimony launch`: workers on a Slurm cluster, or on hosts reached over SSH.

mod slurm;
mod ssh;

use clap::{Args, Subcommand};

use crate::error::CliError;
use crate::exit::Exit;

/// Start workers on other machines: on Slurm, over SSH
#[derive(Debug, Args)]
pub(crate) struct Launch {
    #[command(subcommand)]
    to: To,
}

#[derive(Debug, Subcommand)]
enum To {
    /// Submit workers to Slurm, or stop them
    Slurm(slurm::LaunchSlurm),
    /// Start workers on hosts over SSH, or stop them
    Ssh(ssh::LaunchSsh),
}

impl Launch {
    /// Starts workers elsewhere, or lets them go.
    ///
    /// # Errors
    /// [`CliError`]; with SSH, some hosts may have started.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        match &self.to {
            To::Slurm(options) => options.run(),
            To::Ssh(options) => options.run(),
        }
    }
}
