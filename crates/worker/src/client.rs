//! The coordinator's side of the calls.

use rpc::auth::Bearer;
use rpc::v1::worker_service_client::WorkerServiceClient;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

/// The coordinator's side, with this worker's token on every call.
pub(crate) type Client = WorkerServiceClient<InterceptedService<Channel, Bearer>>;
