//! `parsimony pause`: a sweep gets no more leases.

use clap::Args;
use rpc::v1;

use crate::arguments::CoordinatorUrl;
use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::runtime;

/// Grant no more leases of a sweep
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The sweep's name
    sweep: String,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
}

impl Pause {
    /// Runs the command.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.pause())
    }

    async fn pause(&self) -> Result<Exit, CliError> {
        let name = &self.sweep;
        let mut client = client::connect(&self.coordinator).await?;
        let request = v1::PauseRequest { name: name.clone() };
        client.pause(request).await?;
        say!("{name}: paused; running trials end, `parsimony resume {name}` goes on");
        Ok(Exit::Done)
    }
}
