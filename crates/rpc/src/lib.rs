//! The wire: generated code of `proto/`, its limits, and the transports that carry it.
//!
//! Owns how bytes travel: the version of the protocol, bounds on messages, an in-memory transport for local
//! mode, TLS and tokens. What the messages mean is the business of `coordinator` and `worker`.

pub mod auth;
pub mod backoff;
pub mod certs;
pub mod connection_limits;
pub mod convert;
pub mod guard;
pub mod lease;
pub mod limits;
pub mod memory;
pub mod pieces;
pub mod sealed;
pub mod trust;
pub mod validity;

/// Generated from `proto/parsimony/v1`.
#[expect(clippy::allow_attributes, missing_docs, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("parsimony.v1");
}

/// Descriptors of every message and service, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Version of the protocol in `proto/parsimony/v1`. Raised by any change that an older peer would misread.
pub const PROTOCOL_VERSION: u32 = 6;
