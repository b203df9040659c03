//! Descriptors are what a coordinator runs out of first: how many connections may take, and a listener that
//! waits where there are none, instead of trying again at once.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use crate::limits;

/// Descriptors that no connection takes: about 20 of the process, and for 200 sweeps that run a lock and a journal
/// each, with the part that is being written.
const RESERVE: u64 = 512;

/// Pauses after a connection could not be accepted: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A refusal that lasts is reported this often.
const REPORT_EVERY: Duration = Duration::from_secs(60);

/// How many connections there may be, and of what kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// All.
    pub connections: usize,
    /// Those without a call that was let in.
    pub unauthenticated: usize,
    /// Workers. What is left is for people: `list` answers on a coordinator that is full.
    pub sessions: usize,
    /// The limit of open files that these follow from.
    pub files: u64,
}

impl ConnectionLimits {
    /// Of a process that may open this many files. Where these are few, half are for connections: a quarter of those for
    /// unauthenticated and a quarter for people.
    pub fn of_files(files: u64) -> Self {
        let connections = files - RESERVE.min(files / 2);
        let connections = usize::try_from(connections)
            .unwrap_or(usize::MAX)
            .clamp(4, Semaphore::MAX_PERMITS);
        let unauthenticated = limits::STRANGERS.min(connections / 4);
        let people = limits::PEOPLE.min(connections / 4);
        ConnectionLimits {
            connections,
            unauthenticated,
            sessions: connections - unauthenticated - people,
            files,
        }
    }
}

/// A connection and its place.
pub type AcceptedStream = (TcpStream, OwnedSemaphorePermit);

/// Accepts connections while there are places; those beyond wait in the system's queue.
pub fn accept(
    listener: TcpListener,
    places: ConnectionLimits,
) -> ReceiverStream<io::Result<AcceptedStream>> {
    let (sender, accepted) = mpsc::channel(1);
    let free = Arc::new(Semaphore::new(places.connections));
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = accept_all(&listener, &free, &sender) => {}
        }
    });
    ReceiverStream::new(accepted)
}

async fn accept_all(
    listener: &TcpListener,
    free: &Arc<Semaphore>,
    sender: &mpsc::Sender<io::Result<AcceptedStream>>,
) {
    let mut pause = FIRST_PAUSE;
    let mut reported: Option<Instant> = None;
    while let Ok(place) = Arc::clone(free).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                pause = FIRST_PAUSE;
                // Messages leave at once instead of waiting for one another; a socket that refuses works, only slower.
                let _ = stream.set_nodelay(true);
                if sender.send(Ok((stream, place))).await.is_err() {
                    return;
                }
            }
            // Whoever connected has gone again.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if reported.is_none_or(|at| at.elapsed() >= REPORT_EVERY) {
                    reported = Some(Instant::now());
                    tracing::warn!(%error, "no connection can be accepted; raise the limit of open files (`ulimit -n`) if there are too few");
                }
                drop(place);
                tokio::time::sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_find_a_place_whatever_the_limit() {
        for files in [0, 1, 16, 64, 256, 1024, 65_536, u64::MAX] {
            let places = ConnectionLimits::of_files(files);
            let people = places.connections - places.unauthenticated - places.sessions;
            assert!(
                people > 0 && places.unauthenticated > 0 && places.sessions > 0,
                "{places:?}"
            );
            if files >= 8 {
                assert!(places.connections as u64 <= files, "{places:?}");
            }
        }
        let few = ConnectionLimits::of_files(64);
        assert_eq!(
            (few.connections, few.unauthenticated, few.sessions),
            (32, 8, 16)
        );
        let many = ConnectionLimits::of_files(65_536);
        assert_eq!(many.sessions, 65_536 - 512 - 256 - 64);
    }

    #[test]
    fn accepted_connections_do_not_wait() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut accepted = accept(listener, ConnectionLimits::of_files(64));
            let _near = TcpStream::connect(address).await.unwrap();
            let (far, _place) = tokio_stream::StreamExt::next(&mut accepted)
                .await
                .unwrap()
                .unwrap();
            assert!(far.nodelay().unwrap());
        });
    }
}
