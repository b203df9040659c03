//! The connection to a coordinator.

use std::time::Duration;

use rpc::auth::{self, Bearer};
use rpc::limits;
use rpc::v1::sweep_service_client::SweepServiceClient;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use crate::address;
use crate::arguments::CoordinatorUrl;
use crate::error::CliError;

/// A coordinator that does not answer within this time cannot be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The service for users, with the user's token on every call.
pub(crate) type Client = SweepServiceClient<InterceptedService<Channel, Bearer>>;

/// A client of that service over a channel.
pub(crate) fn over(channel: Channel, bearer: Bearer) -> Client {
    SweepServiceClient::with_interceptor(channel, bearer)
        .max_decoding_message_size(limits::REQUEST_BYTES)
        .max_encoding_message_size(limits::REQUEST_BYTES)
}

/// The token to show, if a file of one is named.
///
/// # Errors
/// Where the file cannot be read or holds no token.
pub(crate) fn bearer(coordinator: &CoordinatorUrl) -> Result<Bearer, CliError> {
    let token = coordinator
        .token_file
        .as_deref()
        .map(auth::read_token)
        .transpose()?;
    Bearer::new(token.as_deref())
        .map_err(|error| CliError::Request(format!("the token file holds no token: {error}")))
}

/// Settings of a connection.
///
/// # Errors
/// Where the address is not sound, or the authority's file cannot be read.
pub(crate) fn endpoint(coordinator: &CoordinatorUrl) -> Result<Endpoint, CliError> {
    Ok(address::endpoint(coordinator)?
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(10))
        .initial_stream_window_size(rpc::memory::PIPE_WINDOW)
        .initial_connection_window_size(rpc::memory::PIPE_WINDOW))
}

/// Connects.
///
/// # Errors
/// [`CliError::Unreachable`].
pub(crate) async fn connect(coordinator: &CoordinatorUrl) -> Result<Client, CliError> {
    let url = &coordinator.url;
    let channel = endpoint(coordinator)?.connect().await.map_err(|error| {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        CliError::Unreachable {
            url: url.clone(),
            why: source.unwrap_or_else(|| error.to_string()),
        }
    })?;
    Ok(over(channel, bearer(coordinator)?))
}
