//! Commands that are one request about one sweep: `parsimony pause`, `resume`, `cancel` and `retry`.
//!
//! Another one is a variant here, with what it sends and what it says; its message in `proto/parsimony/v1/sweep.proto`
//! and its answer in the coordinator's `sweep_service`.

use clap::{Args, Subcommand};
use rpc::v1;

use crate::arguments::CoordinatorUrl;
use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::runtime;

#[derive(Debug, Subcommand)]
pub(crate) enum SweepRequest {
    /// Grant no more leases of a sweep
    Pause(Asked),
    /// Continue a paused, cancelled or stopped sweep
    Resume(Asked),
    /// End a sweep and keep its results
    Cancel(Asked),
    /// Run failed trials again
    Retry {
        /// Which trials: those that failed
        #[arg(long, required = true)]
        failed: bool,
        #[command(flatten)]
        asked: Asked,
    },
}

/// Which sweep, and where.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// The sweep's name
    sweep: String,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
}

impl SweepRequest {
    /// Sends the request.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.send())
    }

    async fn send(&self) -> Result<Exit, CliError> {
        let asked = match self {
            SweepRequest::Pause(asked)
            | SweepRequest::Resume(asked)
            | SweepRequest::Cancel(asked)
            | SweepRequest::Retry { asked, .. } => asked,
        };
        let sweep = &asked.sweep;
        let name = sweep.clone();
        let mut client = client::connect(&asked.coordinator).await?;
        match self {
            SweepRequest::Pause(_) => {
                client.pause(v1::PauseRequest { name }).await?;
                say!("{sweep}: paused; running trials end, `parsimony resume {sweep}` goes on");
            }
            SweepRequest::Resume(_) => {
                client.resume(v1::ResumeRequest { name }).await?;
                say!("{sweep}: running");
            }
            SweepRequest::Cancel(_) => {
                client.cancel(v1::CancelRequest { name }).await?;
                say!(
                    "{sweep}: cancelled; what is done stays, `parsimony resume {sweep}` takes it up again"
                );
            }
            SweepRequest::Retry { .. } => {
                let retried = client.retry(v1::RetryRequest { name }).await?.into_inner();
                say!("{} failed trials run again", retried.trials);
            }
        }
        Ok(Exit::Done)
    }
}
