//! Connections that no later try can make: a certificate that does not fit, TLS against plain text and the reverse.
//! Whoever reconnects by itself asks here first.

use std::error::Error;
use std::io;
use std::time::Duration;

use rustls::{CertificateError, InvalidMessage};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Why a connection cannot be made as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermanentFailure {
    #[error(
        "its certificate is not of the authority given with --ca; give the ca.pem of the folder that the coordinator was started with"
    )]
    Authority,
    #[error(
        "its certificate is for other names than the one in the address; use one of those names, or make certificates with that --host"
    )]
    Name,
    #[error("its certificate has expired; renew it with `parsimony certs DIR --renew --host NAME`")]
    Expired,
    #[error("its certificate is not good yet; check this machine's clock")]
    NotYet,
    #[error("its certificate is refused ({0})")]
    Certificate(String),
    #[error("it does not speak TLS; write http:// instead of https://")]
    NoTls,
    #[error("{0} wants TLS; write https:// and give --ca")]
    WantsTls(String),
}

/// Why no later try can succeed after this error; `None` where one may.
pub fn permanent_failure(error: &(dyn Error + 'static)) -> Option<PermanentFailure> {
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return of_tls(error);
    }
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    if let Some(found) = inner.and_then(|inner| permanent_failure(inner)) {
        return Some(found);
    }
    permanent_failure(error.source()?)
}

fn of_tls(error: &rustls::Error) -> Option<PermanentFailure> {
    match error {
        rustls::Error::InvalidCertificate(why) => Some(match why {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                PermanentFailure::Authority
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                PermanentFailure::Name
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                PermanentFailure::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                PermanentFailure::NotYet
            }
            other => PermanentFailure::Certificate(other.to_string()),
        }),
        // The first bytes of another protocol.
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Some(PermanentFailure::NoTls)
        }
        _ => None,
    }
}

/// What a client of HTTP/2 says first, with empty settings. A server of TLS answers with an alert, one of HTTP/2 with
/// its own settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// First byte of a TLS alert and of a TLS handshake; a frame of settings begins with its length, which is below 2^16.
const TLS_RECORDS: [u8; 2] = [0x15, 0x16];

/// A server that is there answers within this time.
const ANSWER: Duration = Duration::from_secs(3);

/// Whether a server of TLS listens at `HOST:PORT`. One that is not there, or says nothing, is none.
pub async fn speaks_tls(address: &str) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(PREFACE).await.ok()?;
        stream.read_u8().await.ok()
    };
    let first = tokio::time::timeout(ANSWER, asked).await;
    first
        .ok()
        .flatten()
        .is_some_and(|byte| TLS_RECORDS.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stays_wrong_is_hopeless() {
        let of = |why| {
            let error = io::Error::other(rustls::Error::InvalidCertificate(why));
            let status = tonic::Status::from_error(Box::new(error));
            permanent_failure(&status)
        };
        assert_eq!(
            of(CertificateError::UnknownIssuer),
            Some(PermanentFailure::Authority)
        );
        assert_eq!(
            of(CertificateError::NotValidForName),
            Some(PermanentFailure::Name)
        );
        assert_eq!(
            of(CertificateError::Expired),
            Some(PermanentFailure::Expired)
        );
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(permanent_failure(&refused), None);
        assert_eq!(
            permanent_failure(&tonic::Status::unavailable("stopping")),
            None
        );
    }

    #[test]
    fn a_server_of_tls_is_distinguished_from_one_of_http() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let answers: [(&'static [u8], bool); 3] = [
                (&[0x15, 3, 3, 0, 2, 2, 10], true),
                (&[0, 0, 0, 4, 0], false),
                (&[], false),
            ];
            for (answer, is_tls) in answers {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap().to_string();
                let server = tokio::spawn(async move {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    stream.write_all(answer).await.unwrap();
                });
                assert_eq!(speaks_tls(&address).await, is_tls, "{answer:?}");
                server.await.unwrap();
            }
        });
        // Nobody is there.
        assert!(!runtime.block_on(speaks_tls("127.0.0.1:1")));
    }
}
