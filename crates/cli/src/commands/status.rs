//! `parsimony status`: how far a sweep is, or every sweep.

use clap::Args;
use rpc::v1;

use crate::arguments::CoordinatorUrl;
use crate::client::{self, Client};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::sweeps;
use crate::{output, runtime};

/// Show the progress of a sweep, or of every sweep
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// The sweep's name; all sweeps without it
    sweep: Option<String>,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Status {
    /// Prints a row for each sweep, and more where one is named.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.status())
    }

    async fn status(&self) -> Result<Exit, CliError> {
        let mut client = client::connect(&self.coordinator).await?;
        match &self.sweep {
            Some(name) => self.one(&mut client, name.clone()).await?,
            None => self.all(&mut client).await?,
        }
        Ok(Exit::Done)
    }

    async fn all(&self, client: &mut Client) -> Result<(), CliError> {
        let sweeps = client.list(v1::ListRequest {}).await?.into_inner().sweeps;
        if self.json {
            output::json(&sweeps.iter().map(sweeps::as_json).collect())
        } else {
            output::data(&sweeps::table(&sweeps))
        }
    }

    async fn one(&self, client: &mut Client, name: String) -> Result<(), CliError> {
        let request = v1::StatusRequest { name };
        let status = client.status(request).await?.into_inner();
        let status = status.status.unwrap_or_default();
        if self.json {
            output::json(&sweeps::as_json(&status))?;
        } else {
            output::data(&sweeps::table(std::slice::from_ref(&status)))?;
            crate::talk::write(format_args!("{}", sweeps::remarks(&status)));
        }
        Ok(())
    }
}
