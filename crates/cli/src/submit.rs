//! `parsimony submit`: the sweep to the coordinator, and the files it reads once each.

use rpc::{limits, v1};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::args::Submit;
use crate::client::{self, Client};
use crate::error::CliError;
use crate::exit::Exit;
use crate::load::{self, Begun, Sweep};
use crate::output;
use crate::verify::tell_unasked;

/// Pieces of a file queued for the connection.
const PIECES: usize = 4;

/// Submits and prints the sweep's name.
///
/// # Errors
/// [`CliError`].
pub(crate) async fn submit(options: &Submit) -> Result<Exit, CliError> {
    let sweep = read(options).await?;
    let mut client = client::connect(&options.coordinator).await?;
    let request = v1::SubmitRequest {
        toml: sweep.grid.spec().to_toml(),
        files: sweep.named_files()?,
        priority: options.priority,
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
    say!("{accepted}: {} trials", output::grouped(answer.trials));
    if options.priority.is_some() {
        say!("priority: {}", answer.priority);
    }
    let verify = sweep.grid.spec().verify();
    if verify > 0 && answer.accepted() == v1::Accepted::Continued {
        let name = answer.name.clone();
        let status = client
            .status(v1::StatusRequest { name })
            .await?
            .into_inner();
        tell_unasked(&status.status.unwrap_or_default(), verify, &options.file);
    }
    if options.json {
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
async fn read(options: &Submit) -> Result<Sweep, CliError> {
    let (file, sets) = (&options.file, &options.sets.sets);
    let refused = match load::sweep(file, sets, Begun::Nowhere) {
        Ok(sweep) => return Ok(sweep),
        Err(refused) => refused,
    };
    let Ok(name) = load::name(file, sets) else {
        return Err(refused);
    };
    let Ok(mut client) = client::connect(&options.coordinator).await else {
        return Err(refused);
    };
    match client.status(v1::StatusRequest { name }).await {
        Ok(_) => load::sweep(file, sets, Begun::Remotely),
        Err(_) => Err(refused),
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
