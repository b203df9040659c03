//! Connections of strangers. Whoever connects has to make a call that is let in before long, and only so many
//! may be without one at a time; so connections that say nothing, or never finish what they began to say, hold
//! little and keep nobody out.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::server::Connected;

use crate::limits;

/// Who is at the other end of a connection; every request carries it.
#[derive(Clone, Debug)]
pub struct Visitor {
    known: Arc<AtomicBool>,
    address: Option<SocketAddr>,
}

impl Visitor {
    fn new(address: Option<SocketAddr>) -> Self {
        Visitor {
            known: Arc::default(),
            address,
        }
    }

    /// A call of this visitor was let in: it is no stranger any more.
    pub fn admit(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// Where it comes from, as far as the system tells.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

/// A connection that ends by itself if its visitor stays a stranger.
#[derive(Debug)]
pub struct Guarded {
    stream: TcpStream,
    visitor: Visitor,
    /// `None` once the visitor is known.
    probation: Option<Probation>,
}

#[derive(Debug)]
struct Probation {
    ends: Pin<Box<Sleep>>,
    /// Ready when its place is wanted for a newer stranger.
    evicted: oneshot::Receiver<()>,
    is_over: bool,
}

impl Probation {
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        self.is_over = self.is_over
            || Pin::new(&mut self.evicted).poll(cx).is_ready()
            || self.ends.as_mut().poll(cx).is_ready();
        self.is_over
    }
}

/// Watches over connections as they come. Strangers beyond [`limits::STRANGERS`] take the place of the oldest.
pub fn guard<S>(incoming: S) -> impl Stream<Item = io::Result<Guarded>>
where
    S: Stream<Item = io::Result<TcpStream>>,
{
    let mut strangers: VecDeque<(Visitor, oneshot::Sender<()>)> = VecDeque::new();
    incoming.map(
        move |connection: io::Result<TcpStream>| -> io::Result<Guarded> {
            let stream = connection?;
            strangers.retain(|(visitor, place)| !visitor.is_known() && !place.is_closed());
            if strangers.len() >= limits::STRANGERS {
                // Its sender is dropped, which its receiver sees.
                strangers.pop_front();
            }
            let visitor = Visitor::new(stream.peer_addr().ok());
            let (place, evicted) = oneshot::channel();
            strangers.push_back((visitor.clone(), place));
            Ok(Guarded {
                stream,
                visitor,
                probation: Some(Probation {
                    ends: Box::pin(sleep(limits::STRANGER_TIMEOUT)),
                    evicted,
                    is_over: false,
                }),
            })
        },
    )
}

impl Connected for Guarded {
    type ConnectInfo = Visitor;

    fn connect_info(&self) -> Visitor {
        self.visitor.clone()
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.visitor.is_known() {
            this.probation = None;
        }
        if let Some(probation) = &mut this.probation
            && probation.is_over(cx)
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Guarded {
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
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_stream::wrappers::TcpListenerStream;

    use super::*;

    #[test]
    fn the_oldest_stranger_makes_room_and_who_is_known_stays() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut guarded = Box::pin(guard(TcpListenerStream::new(listener)));
            let mut clients = Vec::new();
            let mut served = Vec::new();
            for _ in 0..limits::STRANGERS + 1 {
                clients.push(TcpStream::connect(address).await.unwrap());
                let connection = guarded.next().await.unwrap().unwrap();
                if served.is_empty() {
                    connection.visitor.admit();
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
                let read = tokio::time::timeout(Duration::from_secs(10), served[k].read(&mut byte));
                assert_eq!(read.await.unwrap().unwrap(), 1, "connection {k}");
            }
        });
    }
}
