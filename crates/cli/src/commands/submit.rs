//! `parsimony submit`: the sweep to the coordinator, and the files it reads once each.

use std::path::PathBuf;

use clap::Args;
use rpc::{limits, v1};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::arguments::{CoordinatorUrl, Sets};
use crate::client::{self, Client};
use crate::error::CliError;
use crate::exit::Exit;
use crate::load::{self, Begun, Sweep};
use crate::render::{comparisons, numbers};
use crate::{output, runtime};

/// Pieces of a file queued for the connection.
const PIECES: usize = 4;

/// Submit a sweep to a coordinator
#[derive(Debug, Args)]
#[command(after_help = "Example:
  parsimony submit sweep.toml && parsimony watch NAME")]
pub(crate) struct Submit {
    /// The sweep file
    file: PathBuf,
    #[command(flatten)]
    sets: Sets,
    /// Sweeps of a higher priority go first [default: 0; an existing sweep keeps its own]
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i32>,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
    /// Machine-readable output
    #[arg(long)]
    json: bool,
}

impl Submit {
    /// Submits and prints the sweep's name.
    ///
    /// # Errors
    /// [`CliError`].
    pub(crate) fn run(&self) -> Result<Exit, CliError> {
        runtime::one_thread()?.block_on(self.submit())
    }

    async fn submit(&self) -> Result<Exit, CliError> {
        let sweep = self.read().await?;
        let mut client = client::connect(&self.coordinator).await?;
        let request = v1::SubmitRequest {
            toml: sweep.grid.spec().to_toml(),
            files: sweep.named_files()?,
            priority: self.priority,
        };
        let mut answer = client.submit(request.clone()).await?.into_inner();
        if !answer.missing.is_empty() {
            for file in &request.files {
                if answer.missing.contains(&file.hash) {
                    upload(&mut client, &sweep, file).await?;
                }
            }
            answer = client.submit(request).await?.into_inner();
        }
        let accepted = match answer.accepted() {
            v1::Accepted::New => "new",
            v1::Accepted::Continued => "continued",
            v1::Accepted::Grown => "grown",
            v1::Accepted::Unspecified => {
                return Err(CliError::Ended(
                    "the coordinator still lacks files".to_owned(),
                ));
            }
        };
        say!("{accepted}: {} trials", numbers::grouped(answer.trials));
        if self.priority.is_some() {
            say!("priority: {}", answer.priority);
        }
        let verify = sweep.grid.spec().verify();
        if verify > 0 && answer.accepted() == v1::Accepted::Continued {
            let name = answer.name.clone();
            let status = client
                .status(v1::StatusRequest { name })
                .await?
                .into_inner();
            comparisons::print_fewer_than_asked(
                &status.status.unwrap_or_default(),
                verify,
                &self.file,
            );
        }
        if self.json {
            output::json(&serde_json::json!({
                "name": answer.name, "accepted": accepted, "trials": answer.trials,
                "priority": answer.priority,
            }))?;
        } else {
            output::data(&format!("{}\n", answer.name))?;
        }
        Ok(Exit::Done)
    }

    /// Reads the sweep. What would be refused as new is left to a coordinator that has a sweep of that name.
    async fn read(&self) -> Result<Sweep, CliError> {
        let (file, sets) = (&self.file, &self.sets.sets);
        let refused = match load::sweep(file, sets, Begun::Nowhere) {
            Ok(sweep) => return Ok(sweep),
            Err(refused) => refused,
        };
        let Ok(name) = load::name(file, sets) else {
            return Err(refused);
        };
        let Ok(mut client) = client::connect(&self.coordinator).await else {
            return Err(refused);
        };
        match client.status(v1::StatusRequest { name }).await {
            Ok(_) => load::sweep(file, sets, Begun::Remotely),
            Err(_) => Err(refused),
        }
    }
}

async fn upload(client: &mut Client, sweep: &Sweep, file: &v1::FileName) -> Result<(), CliError> {
    let path = sweep.files.path(&file.name);
    let failed = |source| CliError::Read {
        path: path.clone(),
        source,
    };
    let mut reader = tokio::fs::File::open(&path).await.map_err(failed)?;
    let (sender, receiver) = mpsc::channel(PIECES);
    let first = v1::UploadFileRequest {
        part: Some(v1::upload_file_request::Part::File(file.clone())),
    };
    let reading = tokio::spawn(async move {
        let mut sent = sender.send(first).await;
        while sent.is_ok() {
            let mut piece = vec![0; limits::PIECE_BYTES];
            let read = reader.read(&mut piece).await?;
            if read == 0 {
                break;
            }
            piece.truncate(read);
            let part = v1::upload_file_request::Part::Piece(piece.into());
            sent = sender
                .send(v1::UploadFileRequest { part: Some(part) })
                .await;
        }
        Ok::<_, std::io::Error>(())
    });
    client.upload_file(ReceiverStream::new(receiver)).await?;
    match reading.await {
        Ok(read) => read.map_err(failed),
        Err(error) => Err(CliError::Ended(error.to_string())),
    }
}
