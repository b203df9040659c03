//! `parsimony cancel`: a sweep ends and keeps its results.

use clap::Args;
use rpc::v1;

use crate::arguments::CoordinatorUrl;
use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::runtime;

/// End a sweep and keep its results
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The sweep's name
    sweep: String,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
}

impl Cancel {
    /// Runs the command.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.cancel())
    }

    async fn cancel(&self) -> Result<Exit, CliError> {
        let name = &self.sweep;
        let mut client = client::connect(&self.coordinator).await?;
        let request = v1::CancelRequest { name: name.clone() };
        client.cancel(request).await?;
        say!("{name}: cancelled; what is done stays, `parsimony resume {name}` takes it up again");
        Ok(Exit::Done)
    }
}
