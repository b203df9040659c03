//! Bearer tokens: one for workers, one for people. A token is secret text that names its role and its end;
//! the coordinator compares hashes in constant time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::guard::Peer;

/// Header that carries a token.
const HEADER: &str = "authorization";

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The worker's service.
    Worker,
    /// The people's service.
    User,
}

impl Role {
    /// First word of a token.
    pub fn name(self) -> &'static str {
        match self {
            Role::Worker => "worker",
            Role::User => "user",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("{path}: {source}")]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} holds no token: one is `{role}.SECONDS.SECRET`, as `parsimony certs` writes it", role = .role.name())]
    Malformed { path: PathBuf, role: Role },
    #[error("no randomness from the operating system: {0}")]
    Random(getrandom::Error),
}

/// A new token of a role, good until `expires` (seconds since 1970).
///
/// # Errors
/// [`TokenError::Random`].
pub fn new_token(role: Role, expires: u64) -> Result<String, TokenError> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(TokenError::Random)?;
    let secret = blake3::Hash::from_bytes(secret).to_hex();
    Ok(format!("{}.{expires}.{secret}", role.name()))
}

/// Reads a token from its file; only the first line counts.
///
/// # Errors
/// [`TokenError`].
pub fn read_token(path: &Path) -> Result<String, TokenError> {
    let text = std::fs::read_to_string(path).map_err(|source| TokenError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// What the coordinator keeps of a token.
#[derive(Clone, Debug)]
struct Known {
    hash: blake3::Hash,
    expires: u64,
}

/// Lets calls of one role in, or everybody where no token is asked for.
#[derive(Clone, Debug)]
pub struct Gate {
    role: Role,
    known: Option<Arc<Known>>,
}

impl Gate {
    /// Lets everybody in: loopback, or a network that the lab trusts.
    pub fn open(role: Role) -> Self {
        Gate { role, known: None }
    }

    /// Lets in whoever has the token of this file.
    ///
    /// # Errors
    /// [`TokenError`] where the file holds no token of the role.
    pub fn of_file(role: Role, path: &Path) -> Result<Self, TokenError> {
        let token = read_token(path)?;
        let malformed = || TokenError::Malformed {
            path: path.to_owned(),
            role,
        };
        let mut parts = token.split('.');
        let (name, expires, secret) = (parts.next(), parts.next(), parts.next());
        if name != Some(role.name()) || secret.is_none_or(|secret| secret.len() < 32) {
            return Err(malformed());
        }
        let expires = expires
            .and_then(|text| text.parse().ok())
            .ok_or_else(malformed)?;
        let known = Known {
            hash: blake3::hash(token.as_bytes()),
            expires,
        };
        Ok(Gate {
            role,
            known: Some(Arc::new(known)),
        })
    }

    /// Whether the text of the header `Authorization` lets its bearer in.
    pub fn admits(&self, header: &str) -> bool {
        self.admit(Some(header)).is_ok()
    }

    /// Whether the header's text lets its bearer in.
    ///
    /// # Errors
    /// UNAUTHENTICATED, with what is wrong but not what was sent.
    fn admit(&self, header: Option<&str>) -> Result<(), Status> {
        let Some(known) = &self.known else {
            return Ok(());
        };
        let refuse = |why: &str| {
            Err(Status::unauthenticated(format!(
                "{why}: a {} token is needed",
                self.role.name()
            )))
        };
        let Some(token) = header.and_then(|text| text.strip_prefix("Bearer ")) else {
            return refuse("no token");
        };
        // Equality of `blake3::Hash` takes the same time wherever two hashes differ.
        if blake3::hash(token.as_bytes()) != known.hash {
            return refuse("wrong token");
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(u64::MAX, |since| since.as_secs());
        if now >= known.expires {
            return refuse("expired token");
        }
        Ok(())
    }
}

impl Interceptor for Gate {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let header = request
            .metadata()
            .get(HEADER)
            .and_then(|value| value.to_str().ok());
        let peer = request.extensions().get::<Peer>();
        if let Err(status) = self.admit(header) {
            let from = peer.and_then(Peer::address);
            tracing::warn!(?from, why = status.message(), "call refused");
            return Err(status);
        }
        if let Some(peer) = peer {
            peer.admit();
        }
        Ok(request)
    }
}

/// Puts a token on every call of a client.
#[derive(Clone, Debug, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// Calls go out with the token, or bare without one.
    ///
    /// # Errors
    /// Where the token holds characters that a header cannot.
    pub fn new(token: Option<&str>) -> Result<Self, tonic::metadata::errors::InvalidMetadataValue> {
        let header = token.map(|token| format!("Bearer {token}").parse());
        let mut header = header.transpose()?;
        if let Some(header) = &mut header {
            MetadataValue::set_sensitive(header, true);
        }
        Ok(Bearer(header))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(header) = &self.0 {
            request.metadata_mut().insert(HEADER, header.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(token: &str) -> Gate {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, token).unwrap();
        Gate::of_file(Role::Worker, &path).unwrap()
    }

    #[test]
    fn only_the_right_token_of_the_right_role_in_time_is_let_in() {
        let token = new_token(Role::Worker, u64::MAX).unwrap();
        let gate = gate(&token);
        let bearer = |token: &str| format!("Bearer {token}");
        assert!(gate.admit(Some(&bearer(&token))).is_ok());
        let other = new_token(Role::Worker, u64::MAX).unwrap();
        let user = token.replacen("worker", "user", 1);
        for wrong in [&other, &user, &token[1..], "", &format!("{token}x")] {
            assert!(
                gate.admit(Some(&bearer(wrong))).is_err(),
                "{wrong} was let in"
            );
        }
        assert!(gate.admit(None).is_err());
        assert!(gate.admit(Some(&token)).is_err());
    }

    #[test]
    fn an_expired_token_is_refused() {
        let token = new_token(Role::Worker, 1).unwrap();
        let status = gate(&token)
            .admit(Some(&format!("Bearer {token}")))
            .unwrap_err();
        assert!(status.message().starts_with("expired"), "{status}");
    }

    #[test]
    fn a_token_of_another_role_is_no_worker_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, new_token(Role::User, u64::MAX).unwrap()).unwrap();
        assert!(Gate::of_file(Role::Worker, &path).is_err());
        std::fs::write(&path, "worker.1.short").unwrap();
        assert!(Gate::of_file(Role::Worker, &path).is_err());
    }
}
