//! A lab's own certificates: an authority, a server certificate for the coordinator's names, two tokens.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tempfile::NamedTempFile;
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

use crate::auth::{self, Role, TokenError};
use crate::validity::{self, Validity};

/// The authority's certificate: workers and people need it.
pub const CA_FILE: &str = "ca.pem";
/// The authority's key: whoever has it can make more servers.
pub const CA_KEY_FILE: &str = "ca.key";
pub const SERVER_FILE: &str = "server.pem";
pub const SERVER_KEY_FILE: &str = "server.key";
pub const WORKER_TOKEN_FILE: &str = "worker.token";
pub const USER_TOKEN_FILE: &str = "user.token";

/// A handshake may take so long: a client that sends nothing holds nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    #[error("{path}: {source}")]
    Io {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{0} exists already; certificates are never overwritten: delete the old ones first, or renew them with --renew"
    )]
    Exists(PathBuf),
    #[error("`{host}` is no host name or address: {source}")]
    Host { host: String, source: rcgen::Error },
    #[error("the certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Expired(#[from] validity::Expired),
}

/// The names of all files, in the order in which they are made.
const FILES: [&str; 6] = [
    CA_FILE,
    CA_KEY_FILE,
    SERVER_FILE,
    SERVER_KEY_FILE,
    WORKER_TOKEN_FILE,
    USER_TOKEN_FILE,
];

/// Makes everything that a coordinator on `hosts` needs, good for `valid`. Files are 0600, the folder 0700.
///
/// # Errors
/// [`CertsError`]; existing files are left as they are.
pub fn make(folder: &Path, hosts: &[String], valid: Duration) -> Result<Vec<PathBuf>, CertsError> {
    let files = FILES.map(|name| folder.join(name));
    if let Some(there) = files.iter().find(|path| path.exists()) {
        return Err(CertsError::Exists(there.clone()));
    }
    let texts = texts(KeyPair::generate()?, hosts, valid)?;
    make_folder(folder)?;
    for (path, text) in files.iter().zip(&texts) {
        write_secret(path, text)?;
    }
    Ok(files.to_vec())
}

/// Makes certificates and tokens anew with the authority's old key, so that whoever has the old `ca.pem` trusts the
/// new server. The old tokens are good no more.
///
/// # Errors
/// [`CertsError`]; a file is either the old one or the new one.
pub fn renew(folder: &Path, hosts: &[String], valid: Duration) -> Result<Vec<PathBuf>, CertsError> {
    let key = String::from_utf8_lossy(&read(&folder.join(CA_KEY_FILE))?).into_owned();
    let texts = texts(KeyPair::from_pem(&key)?, hosts, valid)?;
    let files = FILES.map(|name| folder.join(name));
    let mut staged = Vec::new();
    for (path, text) in files.iter().zip(&texts) {
        staged.push(stage_secret(path, text)?);
    }
    for (new, path) in staged.into_iter().zip(&files) {
        new.persist(path).map_err(|kept| CertsError::Io {
            path: path.clone(),
            source: kept.error,
        })?;
    }
    Ok(files.to_vec())
}

/// The texts of [`FILES`].
fn texts(
    authority_key: KeyPair,
    hosts: &[String],
    valid: Duration,
) -> Result<[String; 6], CertsError> {
    let now = SystemTime::now();
    // A day back: clocks of a lab's machines differ.
    let begin = now - Duration::from_secs(86_400);
    let end = now + valid;

    let mut authority = CertificateParams::new(Vec::<String>::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority
        .distinguished_name
        .push(DnType::CommonName, "parsimony lab authority");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.not_before = begin.into();
    authority.not_after = end.into();
    let authority_certificate = authority.self_signed(&authority_key)?;
    let authority_key_pem = authority_key.serialize_pem();
    let issuer = Issuer::new(authority, authority_key);

    let mut server = CertificateParams::new(hosts.to_vec()).map_err(|source| CertsError::Host {
        host: hosts.join(", "),
        source,
    })?;
    server
        .distinguished_name
        .push(DnType::CommonName, "parsimony coordinator");
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.not_before = begin.into();
    server.not_after = end.into();
    let server_key = KeyPair::generate()?;
    let server_certificate = server.signed_by(&server_key, &issuer)?;

    let expires = end
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    Ok([
        authority_certificate.pem(),
        authority_key_pem,
        server_certificate.pem(),
        server_key.serialize_pem(),
        auth::new_token(Role::Worker, expires)? + "\n",
        auth::new_token(Role::User, expires)? + "\n",
    ])
}

/// Refuses a server certificate whose time is over.
///
/// # Errors
/// [`CertsError::Expired`].
pub fn check_server(folder: &Path) -> Result<Validity, CertsError> {
    let path = folder.join(SERVER_FILE);
    match validity::of_file(&path) {
        Validity::Expired { on } => Err(validity::Expired { path, on }.into()),
        standing => Ok(standing),
    }
}

/// TLS of a coordinator from its folder.
///
/// # Errors
/// [`CertsError::Io`].
pub fn server_tls(folder: &Path) -> Result<ServerTlsConfig, CertsError> {
    let identity = Identity::from_pem(
        read(&folder.join(SERVER_FILE))?,
        read(&folder.join(SERVER_KEY_FILE))?,
    );
    Ok(ServerTlsConfig::new()
        .identity(identity)
        .timeout(HANDSHAKE_TIMEOUT))
}

/// TLS of a client that trusts one authority.
///
/// # Errors
/// [`CertsError::Io`].
pub fn client_tls(ca: &Path) -> Result<ClientTlsConfig, CertsError> {
    Ok(ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read(ca)?))
        .timeout(HANDSHAKE_TIMEOUT))
}

fn read(path: &Path) -> Result<Vec<u8>, CertsError> {
    std::fs::read(path).map_err(|source| CertsError::Io {
        path: path.to_owned(),
        source,
    })
}

fn make_folder(folder: &Path) -> Result<(), CertsError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(|source| CertsError::Io {
        path: folder.to_owned(),
        source,
    })
}

/// A secret that waits for its name, under a name in which a renewal that is cut short leaves it to the next one. The
/// library makes files of mode 0600.
fn stage_secret(path: &Path, text: &str) -> Result<NamedTempFile, CertsError> {
    let new = path.with_added_extension("new");
    let failed = |source| CertsError::Io {
        path: new.clone(),
        source,
    };
    let _ = std::fs::remove_file(&new);
    let mut file = tempfile::Builder::new()
        .prefix(new.file_name().unwrap_or_default())
        .rand_bytes(0)
        .tempfile_in(new.parent().unwrap_or(Path::new("")))
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    Ok(file)
}

fn write_secret(path: &Path, text: &str) -> Result<(), CertsError> {
    let failed = |source| CertsError::Io {
        path: path.to_owned(),
        source,
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_for_their_owner_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("certs");
        let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let day = Duration::from_secs(86_400);
        let files = make(&folder, &hosts, day).unwrap();
        assert_eq!(files.len(), 6);
        #[cfg(unix)]
        for path in &files {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
        let before = std::fs::read(&files[0]).unwrap();
        assert!(matches!(
            make(&folder, &hosts, day),
            Err(CertsError::Exists(_))
        ));
        assert_eq!(std::fs::read(&files[0]).unwrap(), before);
        assert!(server_tls(&folder).is_ok());
        assert!(client_tls(&folder.join(CA_FILE)).is_ok());
    }

    #[test]
    fn a_renewal_keeps_the_authoritys_key_and_makes_the_rest_anew() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("certs");
        let hosts = ["localhost".to_owned()];
        let day = Duration::from_secs(86_400);
        assert!(matches!(
            renew(&folder, &hosts, day),
            Err(CertsError::Io { .. })
        ));
        let files = make(&folder, &hosts, day).unwrap();
        let old: Vec<_> = files.iter().map(|p| std::fs::read(p).unwrap()).collect();
        assert_eq!(renew(&folder, &hosts, 100 * day).unwrap(), files);
        for (path, old) in files.iter().zip(&old) {
            let kept = path.ends_with(CA_KEY_FILE);
            assert_eq!(
                std::fs::read(path).unwrap() == *old,
                kept,
                "{}",
                path.display()
            );
        }
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 6);
        assert_eq!(check_server(&folder).unwrap(), Validity::Good);
    }
}
