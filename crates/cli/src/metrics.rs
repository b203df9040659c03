//! `coordinator --metrics`: the coordinator's numbers over plain HTTP, for Prometheus.

use std::net::SocketAddr;
use std::time::SystemTime;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use coordinator::Observer;
use tokio::net::TcpListener;

use crate::bounded::Bounded;
use crate::error::CliError;

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
        async move { answer(observer.metrics(begun).await) }
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

fn answer(page: Option<String>) -> Response {
    match page {
        Some(page) => {
            let format = [(header::CONTENT_TYPE, coordinator::METRICS_CONTENT_TYPE)];
            (format, page).into_response()
        }
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the coordinator starts or stops\n",
        )
            .into_response(),
    }
}
