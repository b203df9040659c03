//! `parsimony list`: the sweeps of a coordinator.

use clap::Args;
use rpc::v1;

use crate::arguments::CoordinatorUrl;
use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::sweeps;
use crate::{output, runtime};

/// List the sweeps of a coordinator
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    coordinator: CoordinatorUrl,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl List {
    /// Prints a row for each sweep.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.list())
    }

    async fn list(&self) -> Result<Exit, CliError> {
        let mut client = client::connect(&self.coordinator).await?;
        let sweeps = client.list(v1::ListRequest {}).await?.into_inner().sweeps;
        if self.json {
            output::json(&sweeps.iter().map(sweeps::as_json).collect())?;
        } else {
            output::data(&sweeps::table(&sweeps))?;
        }
        Ok(Exit::Done)
    }
}
