//! An in-memory transport: local mode is the same coordinator and worker over it.

use std::io;

use hyper_util::rt::TokioIo;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::{Channel, Endpoint, Uri};

/// Bytes that one direction may hold: a full report passes without a second wake-up.
const PIPE_BYTES: usize = 1 << 20;

/// Connections waiting to be accepted.
const BACKLOG: usize = 16;

/// Where a client end comes from.
#[derive(Clone, Debug)]
pub struct MemoryConnector(mpsc::Sender<DuplexStream>);

/// Connections made by the connector, for `coordinator::serve`.
#[derive(Debug)]
pub struct MemoryListener(mpsc::Receiver<DuplexStream>);

/// A connector and the listener that it reaches.
pub fn pair() -> (MemoryConnector, MemoryListener) {
    let (sender, receiver) = mpsc::channel(BACKLOG);
    (MemoryConnector(sender), MemoryListener(receiver))
}

impl MemoryConnector {
    /// A channel over a new connection; it reconnects by the same connector.
    pub fn channel(&self) -> Channel {
        let sender = self.0.clone();
        Endpoint::from_static("http://local.invalid")
            .initial_stream_window_size(PIPE_WINDOW)
            .initial_connection_window_size(PIPE_WINDOW)
            .connect_with_connector_lazy(tower::service_fn(move |_: Uri| {
                let sender = sender.clone();
                async move {
                    let (client, server) = tokio::io::duplex(PIPE_BYTES);
                    sender
                        .send(server)
                        .await
                        .map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
                    Ok::<_, io::Error>(TokioIo::new(client))
                }
            }))
    }
}

/// HTTP/2 window of both ends: a report fits.
pub const PIPE_WINDOW: u32 = 16 << 20;

impl MemoryListener {
    /// Connections as they come; ends once every connector is gone.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<DuplexStream>> {
        ReceiverStream::new(self.0).map(Ok)
    }
}
