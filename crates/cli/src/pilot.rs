//! A worker that is to run elsewhere: its address, its program, its token, checked here before anything is started.

use std::path::{Path, PathBuf};

use launch::Pilot;
use launch::batch::{BatchSystem, Submitted};
use rpc::auth::{self, Role};
use tonic::transport::Endpoint;

use crate::arguments::{CoordinatorUrl, Elsewhere};
use crate::error::CliError;

/// Where this user's launches are remembered; none without a home.
pub(crate) fn state_folder() -> Option<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
    Some(state?.join("parsimony"))
}

/// Where the ids of a batch system's jobs are kept; none without a home, where pilots are found by their comment alone.
pub(crate) fn submitted(system: &dyn BatchSystem) -> Option<Submitted> {
    Some(Submitted::of_system(&state_folder()?, system.words().name))
}

/// Warns of a job that is there and cannot be remembered.
pub(crate) fn warn_not_kept(job: &str, why: &str) {
    say!(
        "warning: job {job} is not remembered, and is found again only while its comment stays: {why}"
    );
}

/// The worker that is to run elsewhere.
///
/// # Errors
/// [`CliError::Request`] where an address or a path cannot be used.
pub(crate) fn new(elsewhere: &Elsewhere, coordinator: &CoordinatorUrl) -> Result<Pilot, CliError> {
    let url = url(&coordinator.url)?;
    crate::address::check(coordinator)?;
    if url.starts_with("https://") && coordinator.ca.is_none() {
        return Err(CliError::Request(
            "https needs the lab's authority: --ca FILE or PARSIMONY_CA".to_owned(),
        ));
    }
    warn_of_loopback(url);
    Ok(Pilot {
        program: program(elsewhere.program.as_deref())?,
        coordinator: url.to_owned(),
        ca: coordinator.ca.as_deref().map(absolute).transpose()?,
        token_file: coordinator
            .token_file
            .as_deref()
            .map(absolute)
            .transpose()?,
        threads: elsewhere.threads,
        idle_timeout: elsewhere.idle_timeout,
        reconnect: elsewhere.reconnect,
    })
}

/// A coordinator's address, checked.
///
/// # Errors
/// Where it is none.
pub(crate) fn url(url: &str) -> Result<&str, CliError> {
    let url = url.trim_end_matches('/');
    let is_http = url.starts_with("http://") || url.starts_with("https://");
    match Endpoint::from_shared(url.to_owned()) {
        Ok(_) if is_http => Ok(url),
        _ => Err(CliError::Request(format!(
            "`{url}` is no address of a coordinator; write http://HOST:PORT"
        ))),
    }
}

/// Says so where other machines cannot reach an address.
pub(crate) fn warn_of_loopback(url: &str) {
    let host = url.split("://").nth(1).unwrap_or_default();
    if ["127.", "localhost", "[::1]"]
        .iter()
        .any(|loopback| host.starts_with(loopback))
    {
        say!("note: {url} is this machine itself; workers on other machines cannot reach it");
    }
}

/// The program elsewhere: a name is looked up there, a path is made whole here.
///
/// # Errors
/// Where this program's own path is not known.
pub(crate) fn program(given: Option<&Path>) -> Result<PathBuf, CliError> {
    match given {
        Some(name) if name.components().count() == 1 && !name.is_absolute() => Ok(name.to_owned()),
        Some(path) => absolute(path),
        None => std::env::current_exe().map_err(CliError::Runtime),
    }
}

/// A path that does not depend on where a process runs.
///
/// # Errors
/// Where this process has no working folder.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|source| CliError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The token that workers will show, if a file of one is named; a user's own token would be refused only
/// once the workers are there.
///
/// # Errors
/// [`CliError`] where the file cannot be read or holds another token.
pub(crate) fn worker_token(coordinator: &CoordinatorUrl) -> Result<Option<String>, CliError> {
    let Some(path) = &coordinator.token_file else {
        return Ok(None);
    };
    let token = auth::read_token(path)?;
    if token.split('.').next() != Some(Role::Worker.name()) {
        return Err(CliError::Request(format!(
            "{} holds no token for workers; they need the worker.token of `parsimony certs`",
            path.display()
        )));
    }
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).map_or(0, |metadata| metadata.permissions().mode());
    if mode & 0o077 != 0 {
        say!("note: others may read {}: chmod 600 it", path.display());
    }
    Ok(Some(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_before_anything_is_started() {
        let check = |text, expected: Option<&str>| assert_eq!(url(text).ok(), expected, "{text}");
        check("http://head:7070", Some("http://head:7070"));
        check("https://head.lab:7070/", Some("https://head.lab:7070"));
        check("http://[::1]:7070", Some("http://[::1]:7070"));
        for bad in [
            "",
            "head:7070",
            "ftp://head",
            "http://a b",
            "http://x\"\n#SBATCH --uid=0",
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn a_program_is_a_name_to_look_up_or_a_whole_path() {
        assert_eq!(
            program(Some(Path::new("parsimony"))).unwrap(),
            Path::new("parsimony")
        );
        assert_eq!(
            program(Some(Path::new("/opt/p"))).unwrap(),
            Path::new("/opt/p")
        );
        assert!(program(Some(Path::new("bin/p"))).unwrap().is_absolute());
        assert!(program(None).unwrap().is_absolute());
    }
}
