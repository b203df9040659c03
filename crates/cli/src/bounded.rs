//! A listener whose connections are few and short-lived, so that those who hold one open, or send it byte by byte,
//! take nothing from anybody but each other.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Sleep, sleep};

/// Connections at a time: some pairs of collectors and a few people. The next one takes the place of the oldest.
const CONNECTIONS: usize = 16;

/// Life of a connection: a page takes milliseconds. Collectors connect again without a word.
const LIFE: Duration = Duration::from_secs(5);

/// Has a bounded number of connections of a listener at a time.
pub(crate) struct Bounded {
    listener: TcpListener,
    connections: usize,
    /// The oldest first.
    places: VecDeque<oneshot::Sender<()>>,
    life: Duration,
}

impl Bounded {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Bounded::with(listener, CONNECTIONS, LIFE)
    }

    /// One with other bounds.
    pub(crate) fn with(listener: TcpListener, connections: usize, life: Duration) -> Self {
        Bounded {
            listener,
            connections,
            places: VecDeque::new(),
            life,
        }
    }
}

impl Listener for Bounded {
    type Io = ShortLived;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (ShortLived, SocketAddr) {
        // Waits a second where the system has no more descriptors.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        self.places.retain(|place| !place.is_closed());
        if self.places.len() >= self.connections {
            // Its sender is dropped, which its receiver sees.
            self.places.pop_front();
        }
        let (place, evicted) = oneshot::channel();
        self.places.push_back(place);
        let connection = ShortLived {
            stream,
            ends: Box::pin(sleep(self.life)),
            evicted,
            over: false,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that reads as closed once its time is over, or its place is wanted.
pub(crate) struct ShortLived {
    stream: TcpStream,
    ends: Pin<Box<Sleep>>,
    evicted: oneshot::Receiver<()>,
    over: bool,
}

impl ShortLived {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.over = self.over
            || Pin::new(&mut self.evicted).poll(cx).is_ready()
            || self.ends.as_mut().poll(cx).is_ready();
        if self.over {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

impl AsyncRead for ShortLived {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ShortLived {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn page(address: SocketAddr) -> String {
        let mut asking = TcpStream::connect(address).await.unwrap();
        asking
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        let read = asking.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(30), read)
            .await
            .expect("no place was found")
            .unwrap();
        answer
    }

    #[tokio::test]
    async fn silent_connections_make_room_at_once_and_end_by_themselves() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut bounded = Bounded::new(listener);
        // One that is not sent away would stay for the whole test.
        bounded.life = Duration::from_secs(600);
        let router = axum::Router::new().route("/", axum::routing::get(|| async { "here" }));
        tokio::spawn(async move { axum::serve(bounded, router).await });
        let mut silent = Vec::new();
        for _ in 0..300 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HT").await.unwrap();
            silent.push(stream);
        }
        let answer = page(address).await;
        assert!(answer.ends_with("here"), "{answer}");
    }

    #[tokio::test]
    async fn a_half_sent_request_ends_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut bounded = Bounded::new(listener);
        bounded.life = Duration::from_millis(100);
        let router = axum::Router::new().route("/", axum::routing::get(|| async { "here" }));
        tokio::spawn(async move { axum::serve(bounded, router).await });
        let mut silent = TcpStream::connect(address).await.unwrap();
        silent.write_all(b"GET / HT").await.unwrap();
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(30), silent.read_to_end(&mut rest));
        // Closed or reset, as the system likes it.
        assert!(read.await.is_ok());
    }
}
