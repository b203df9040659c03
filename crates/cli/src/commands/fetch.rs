//! `parsimony fetch`: a sweep's tables into a folder of this machine.

use std::path::PathBuf;

use clap::Args;
use rpc::v1;

use crate::arguments::CoordinatorUrl;
use crate::client;
use crate::error::CliError;
use crate::exit::Exit;
use crate::{download, runtime};

/// How often a fetch begins again because the tables were rewritten under it.
const FETCHES: u32 = 3;

/// Copy a sweep's tables to this machine
#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// The sweep's name
    sweep: String,
    /// Target folder: missing, empty, or an earlier fetch of the same sweep
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
}

impl Fetch {
    /// Fetches a sweep.
    ///
    /// # Errors
    /// [`CliError`]; an earlier fetch in the folder is then still there.
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.fetch())
    }

    async fn fetch(&self) -> Result<Exit, CliError> {
        download::refuse_foreign(&self.out, &self.sweep)?;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once().await {
                Err(CliError::Status(status))
                    if status.code() == tonic::Code::Aborted && tries < FETCHES =>
                {
                    say!("{}: {}", self.sweep, status.message());
                }
                other => return other,
            }
        }
    }

    async fn once(&self) -> Result<Exit, CliError> {
        let mut client = client::connect(&self.coordinator).await?;
        let request = v1::FetchRequest {
            name: self.sweep.clone(),
        };
        let parts = client.fetch(request).await?.into_inner();
        let files = download::receive(parts, &self.out).await?;
        say!("{}: {files} files in {}", self.sweep, self.out.display());
        Ok(Exit::Done)
    }
}
