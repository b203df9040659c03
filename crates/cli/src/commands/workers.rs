//! `parsimony workers`: the workers of a coordinator.

use clap::Args;
use rpc::v1;

use crate::arguments::CoordinatorUrl;
use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::{output, render, runtime};

/// List the workers of a coordinator
#[derive(Debug, Args)]
pub(crate) struct Workers {
    #[command(flatten)]
    coordinator: CoordinatorUrl,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Workers {
    /// Prints a row for each worker.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.workers())
    }

    async fn workers(&self) -> Result<Exit, CliError> {
        let mut client = client::connect(&self.coordinator).await?;
        let request = v1::WorkersRequest {};
        let workers = client.workers(request).await?.into_inner().workers;
        if self.json {
            output::json(&render::workers::as_json(&workers))?;
        } else {
            output::data(&render::workers::table(&workers))?;
        }
        Ok(Exit::Done)
    }
}
