//! `parsimony certs`: a certificate authority, a coordinator's certificate, and tokens.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::arguments::{duration, host};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// Make a certificate authority, a coordinator's certificate, and tokens
#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony certs certs --host head.lab --host 10.0.0.1

Workers need ca.pem and worker.token, users ca.pem and user.token. All other files stay with the coordinator.")]
pub(crate) struct Certs {
    /// Folder to create; nothing in it is overwritten without --renew
    dir: PathBuf,
    /// Name or address of the coordinator (repeatable)
    #[arg(long = "host", required = true, value_name = "NAME", value_parser = host)]
    hosts: Vec<String>,
    /// Make new certificates and tokens with the existing authority's key. Old copies of ca.pem stay valid; distribute
    /// the new tokens and start the coordinator again
    #[arg(long)]
    renew: bool,
    /// How long certificates and tokens are valid
    #[arg(long, value_parser = duration, default_value = "365d", value_name = "TIME")]
    valid: Duration,
}

impl Certs {
    /// Makes certificates and tokens.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        let make = if self.renew {
            rpc::certs::renew
        } else {
            rpc::certs::make
        };
        for path in make(&self.dir, &self.hosts, self.valid)? {
            output::data(&format!("{}\n", path.display()))?;
        }
        if self.renew {
            say!("hand the new tokens out, and start the coordinator again");
        }
        Ok(Exit::Done)
    }
}
