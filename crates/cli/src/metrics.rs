//! `coordinator --metrics`: the coordinator's numbers over plain HTTP, for Prometheus.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use coordinator::Observer;
use tokio::net::TcpListener;

use crate::bounded::Bounded;
use crate::error::CliError;

/// Prometheus' text format.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Listens where the flags say; `None` where they do not. `open`: everybody may see what sweeps there are.
///
/// # Errors
/// An address off loopback, unless everybody may see what sweeps there are; one that cannot be had.
pub(crate) async fn listen(
    address: Option<SocketAddr>,
    open: bool,
) -> Result<Option<(TcpListener, SocketAddr)>, CliError> {
    let Some(address) = address else {
        return Ok(None);
    };
    if !address.ip().is_loopback() && !open {
        return Err(CliError::Request(format!(
            "metrics are served without TLS and token, and {address} is not a loopback address: give --metrics-open if everybody who reaches it may see what sweeps there are"
        )));
    }
    let failed = |error| CliError::Request(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Some((listener, address)))
}

/// Serves `/metrics` until the process ends.
pub(crate) async fn serve(listener: TcpListener, observer: Observer) {
    let begun = SystemTime::now();
    let page = move || {
        let observer = observer.clone();
        async move { answer(observer.metrics().await, begun) }
    };
    let served = axum::serve(
        Bounded::new(listener),
        Router::new().route("/metrics", get(page)),
    )
    .await;
    if let Err(error) = served {
        tracing::error!(%error, "metrics are no longer served");
    }
}

fn answer(page: Option<String>, begun: SystemTime) -> Response {
    match page {
        Some(mut page) => {
            process(&mut page, begun);
            ([(header::CONTENT_TYPE, FORMAT)], page).into_response()
        }
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the coordinator starts or stops\n",
        )
            .into_response(),
    }
}

/// Numbers of the process, under the names that every exporter uses. Writing to a string cannot fail.
fn process(page: &mut String, begun: SystemTime) {
    let start = begun
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64());
    let mut family = |name: &str, help: &str, value: f64| {
        let _ = write!(
            page,
            "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n"
        );
    };
    family(
        "process_start_time_seconds",
        "Start of the process, in seconds since 1970.",
        start,
    );
    if let Some(bytes) = std::fs::read_to_string("/proc/self/status")
        .ok()
        .as_deref()
        .and_then(resident)
    {
        family(
            "process_resident_memory_bytes",
            "Memory of the process.",
            bytes as f64,
        );
    }
}

/// Reads resident memory, in bytes, from the kernel's table of a process.
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_kernels_table() {
        assert_eq!(
            resident("Name:\tx\nVmRSS:\t    5120 kB\nThreads:\t2\n"),
            Some(5 << 20)
        );
        assert_eq!(resident("Name:\tx\n"), None);
        assert_eq!(resident("VmRSS:\tmuch kB"), None);
    }
}
