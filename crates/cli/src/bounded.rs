//! A listener whose connections are few and short-lived, so that those who hold one open, or send it byte by byte,
//! take nothing from anybody but each other.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};

/// Connections at a time: some pairs of collectors and a few people. Those beyond wait in the system's queue.
const CONNECTIONS: usize = 32;

/// Life of a connection. Collectors connect again without a word.
const LIFE: Duration = Duration::from_secs(20);

/// Takes [`CONNECTIONS`] at a time from a listener.
pub(crate) struct Bounded {
    listener: TcpListener,
    places: Arc<Semaphore>,
    life: Duration,
}

impl Bounded {
    pub(crate) fn new(listener: TcpListener) -> Self {
        Bounded {
            listener,
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            life: LIFE,
        }
    }
}

impl Listener for Bounded {
    type Io = ShortLived;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (ShortLived, SocketAddr) {
        // Nobody closes the semaphore; without a place there would be no bound, so wait for ever.
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return std::future::pending().await;
        };
        // Waits a second where the system has no more descriptors.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let connection = ShortLived {
            stream,
            ends: Box::pin(sleep(self.life)),
            over: false,
            _place: place,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that reads as closed once its time is over.
pub(crate) struct ShortLived {
    stream: TcpStream,
    ends: Pin<Box<Sleep>>,
    over: bool,
    _place: OwnedSemaphorePermit,
}

impl ShortLived {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.over = self.over || self.ends.as_mut().poll(cx).is_ready();
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

    #[tokio::test]
    async fn silent_connections_end_and_make_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut bounded = Bounded::new(listener);
        bounded.life = Duration::from_millis(200);
        let page = || async { "here" };
        let router = axum::Router::new().route("/", axum::routing::get(page));
        tokio::spawn(async move { axum::serve(bounded, router).await });
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS + 8 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HT").await.unwrap();
            silent.push(stream);
        }
        let mut asking = TcpStream::connect(address).await.unwrap();
        asking
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        let read = asking.read_to_string(&mut answer);
        tokio::time::timeout(Duration::from_secs(30), read)
            .await
            .expect("no place was given back")
            .unwrap();
        assert!(answer.ends_with("here"), "{answer}");
    }
}
