//! `parsimony resume`: a sweep goes on.

use clap::Args;
use rpc::v1;

use crate::arguments::CoordinatorUrl;
use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::runtime;

/// Continue a paused, cancelled or stopped sweep
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The sweep's name
    sweep: String,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
}

impl Resume {
    /// Runs the command.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.resume())
    }

    async fn resume(&self) -> Result<Exit, CliError> {
        let name = &self.sweep;
        let mut client = client::connect(&self.coordinator).await?;
        let request = v1::ResumeRequest { name: name.clone() };
        client.resume(request).await?;
        say!("{name}: running");
        Ok(Exit::Done)
    }
}
