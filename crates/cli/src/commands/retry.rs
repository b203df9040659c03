//! `parsimony retry`: trials that failed run again.

use clap::Args;
use rpc::v1;

use crate::arguments::CoordinatorUrl;
use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::runtime;

/// Run failed trials again
#[derive(Debug, Args)]
pub(crate) struct Retry {
    /// The sweep's name
    sweep: String,
    /// Which trials: those that failed
    #[arg(long, required = true)]
    failed: bool,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
}

impl Retry {
    /// Runs the command.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.retry())
    }

    async fn retry(&self) -> Result<Exit, CliError> {
        let name = &self.sweep;
        let mut client = client::connect(&self.coordinator).await?;
        let request = v1::RetryRequest { name: name.clone() };
        let retried = client.retry(request).await?.into_inner();
        say!("{} failed trials run again", retried.trials);
        Ok(Exit::Done)
    }
}
