//! Connections without authentication. Whoever connects has to make an accepted call before long, and only a bounded
//! number may be without one at a time; so connections that say nothing, or never finish what they began to say, hold
//! little and keep nobody out.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Sleep, sleep};
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;
use tonic::transport::server::Connected;

use crate::connection_limits::{AcceptedStream, ConnectionLimits};
use crate::limits;

/// How long a connection that was turned away stays, so that its other end can read why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Who is at the other end of a connection; every request carries it.
#[derive(Clone, Debug)]
pub struct Peer {
    known: Arc<AtomicBool>,
    address: Option<SocketAddr>,
    /// Sent to when the connection is to end.
    end: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    workers: SessionSlots,
}

/// ConnectionLimits of workers' sessions.
#[derive(Clone, Debug)]
struct SessionSlots {
    free: Arc<Semaphore>,
    places: ConnectionLimits,
}

impl Peer {
    /// A call of this peer was let in: it is no stranger any more.
    pub fn admit(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Where it comes from, as far as the system knows.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// A worker's place, for as long as what is returned lives.
    ///
    /// # Errors
    /// UNAVAILABLE where every place is taken; the connection ends soon after, and makes room for others.
    pub fn session(&self) -> Result<OwnedSemaphorePermit, Status> {
        if let Ok(place) = Arc::clone(&self.workers.free).try_acquire_owned() {
            return Ok(place);
        }
        let peer = self.clone();
        tokio::spawn(async move {
            sleep(LAST_WORDS).await;
            peer.end();
        });
        let ConnectionLimits {
            sessions, files, ..
        } = self.workers.places;
        Err(Status::unavailable(format!(
            "{sessions} workers are connected, as many as the coordinator's limit of open files ({files}) allows; raise it (`ulimit -n`)"
        )))
    }

    /// Ends the connection.
    fn end(&self) {
        if let Some(end) = self.sender().take() {
            // It may have ended by itself.
            let _ = end.send(());
        }
    }

    fn has_ended(&self) -> bool {
        self.sender()
            .as_ref()
            .is_none_or(oneshot::Sender::is_closed)
    }

    fn sender(&self) -> MutexGuard<'_, Option<oneshot::Sender<()>>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that ends by itself if its peer stays a stranger, or is turned away.
#[derive(Debug)]
pub struct GuardedStream {
    stream: TcpStream,
    peer: Peer,
    /// `None` once the peer is known.
    probation: Option<Pin<Box<Sleep>>>,
    ended: oneshot::Receiver<()>,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl GuardedStream {
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.peer.is_known() {
            self.probation = None;
        }
        let waits = self.probation.as_mut();
        self.is_over = self.is_over
            || Pin::new(&mut self.ended).poll(cx).is_ready()
            || waits.is_some_and(|ends| ends.as_mut().poll(cx).is_ready());
        self.is_over
    }
}

/// Watches over connections as they come. Strangers beyond their places take the place of the oldest.
pub fn guard<S>(
    incoming: S,
    places: ConnectionLimits,
) -> impl Stream<Item = io::Result<GuardedStream>>
where
    S: Stream<Item = io::Result<AcceptedStream>>,
{
    let mut unauthenticated: VecDeque<Peer> = VecDeque::new();
    let workers = SessionSlots {
        free: Arc::new(Semaphore::new(places.sessions)),
        places,
    };
    incoming.map(
        move |connection: io::Result<AcceptedStream>| -> io::Result<GuardedStream> {
            let (stream, place) = connection?;
            unauthenticated.retain(|peer| !peer.is_known() && !peer.has_ended());
            if unauthenticated.len() >= places.unauthenticated
                && let Some(oldest) = unauthenticated.pop_front()
            {
                oldest.end();
            }
            let (end, ended) = oneshot::channel();
            let peer = Peer {
                known: Arc::default(),
                address: stream.peer_addr().ok(),
                end: Arc::new(Mutex::new(Some(end))),
                workers: workers.clone(),
            };
            unauthenticated.push_back(peer.clone());
            Ok(GuardedStream {
                stream,
                peer,
                probation: Some(Box::pin(sleep(limits::STRANGER_TIMEOUT))),
                ended,
                is_over: false,
                _place: place,
            })
        },
    )
}

impl Connected for GuardedStream {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for GuardedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_over(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for GuardedStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::connection_limits::accept;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Runtime::new().unwrap()
    }

    #[test]
    fn the_oldest_stranger_makes_room_and_who_is_known_stays() {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let places = ConnectionLimits::of_files(64);
            let mut guarded = Box::pin(guard(accept(listener, places), places));
            let mut clients = Vec::new();
            let mut served = Vec::new();
            for _ in 0..places.unauthenticated + 1 {
                clients.push(TcpStream::connect(address).await.unwrap());
                let connection = guarded.next().await.unwrap().unwrap();
                if served.is_empty() {
                    connection.peer.admit();
                }
                served.push(connection);
            }
            // The first is known, so nobody had to go; one more, and the second has to.
            clients.push(TcpStream::connect(address).await.unwrap());
            served.push(guarded.next().await.unwrap().unwrap());
            let mut byte = [0; 1];
            let error = served[1].read(&mut byte).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            for k in [0, 2, served.len() - 1] {
                clients[k].write_all(b"x").await.unwrap();
                let read = tokio::time::timeout(PATIENCE, served[k].read(&mut byte));
                assert_eq!(read.await.unwrap().unwrap(), 1, "connection {k}");
            }
        });
    }

    #[test]
    fn workers_beyond_their_places_are_sent_away_and_people_find_room() {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let places = ConnectionLimits::of_files(16);
            let mut guarded = Box::pin(guard(accept(listener, places), places));
            let mut clients = Vec::new();
            let mut sessions = Vec::new();
            let mut refused = None;
            for k in 0..=places.sessions {
                clients.push(TcpStream::connect(address).await.unwrap());
                let mut connection = guarded.next().await.unwrap().unwrap();
                connection.peer.admit();
                match connection.peer.session() {
                    Ok(place) => sessions.push((connection, place)),
                    Err(status) => {
                        assert_eq!(
                            (k, status.code()),
                            (places.sessions, tonic::Code::Unavailable)
                        );
                        let mut byte = [0; 1];
                        let read = tokio::time::timeout(PATIENCE, connection.read(&mut byte));
                        let error = read.await.unwrap().unwrap_err();
                        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                        refused = Some(k);
                    }
                }
            }
            assert!(refused.is_some());
            // A worker that leaves makes room for another.
            let (connection, _) = sessions.pop().unwrap();
            assert!(connection.peer.session().is_ok());
        });
    }

    #[test]
    fn connections_beyond_all_places_wait_for_one() {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let places = ConnectionLimits::of_files(8);
            let mut guarded = Box::pin(guard(accept(listener, places), places));
            let mut clients = Vec::new();
            let mut served = Vec::new();
            for _ in 0..places.connections {
                clients.push(TcpStream::connect(address).await.unwrap());
                let connection = guarded.next().await.unwrap().unwrap();
                connection.peer.admit();
                served.push(connection);
            }
            clients.push(TcpStream::connect(address).await.unwrap());
            let soon = Duration::from_millis(200);
            assert!(tokio::time::timeout(soon, guarded.next()).await.is_err());
            served.pop();
            let next = tokio::time::timeout(PATIENCE, guarded.next()).await;
            assert!(next.unwrap().unwrap().is_ok());
        });
    }
}
