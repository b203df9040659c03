//! `parsimony launch`: workers on a Slurm cluster, or on hosts reached over SSH.

use std::path::{Path, PathBuf};
use std::time::Duration;

use launch::ssh::{Member, Membership, SshError, Started, Stopped};
use launch::{Pilot, slurm, ssh};
use rpc::auth::{self, Role};
use serde_json::{Value, json};
use tonic::transport::Endpoint;

use crate::args::{CoordinatorUrl, Elsewhere, Launch, LaunchSlurm, LaunchSsh, LaunchTo};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;

/// Hosts that are spoken to at the same time: below the ten connections in the making at which sshd, on a jump host
/// that all of them go through, begins to drop some (MaxStartups).
const HOSTS_AT_ONCE: usize = 8;

/// Slurm counts walltimes in minutes.
const LEAST_TIME: Duration = Duration::from_secs(60);

/// Starts workers elsewhere, or lets them go.
///
/// # Errors
/// [`CliError`]; with SSH, some hosts may have started.
pub(crate) fn launch(options: &Launch) -> Result<Exit, CliError> {
    match &options.to {
        LaunchTo::Slurm(options) if options.stop => stop_slurm(options),
        LaunchTo::Slurm(options) => start_slurm(options),
        LaunchTo::Ssh(options) if options.stop => stop_ssh(options),
        LaunchTo::Ssh(options) => start_ssh(options),
    }
}

fn start_slurm(options: &LaunchSlurm) -> Result<Exit, CliError> {
    check_time(options.time)?;
    let pilot = pilot(&options.elsewhere, &options.coordinator)?;
    worker_token(&options.coordinator)?;
    let workers = options.workers.unwrap_or(1);
    let submitted = submitted();
    let job = slurm::submit(&pilot, workers, options.time, &options.sbatch)?;
    remember(submitted.as_ref(), &pilot.coordinator, &job);
    say!(
        "job {job}: {workers} worker{}, {job}_1 to {job}_{workers}",
        plural(workers as usize)
    );
    if options.elsewhere.json {
        output::json(&json!({ "job": job, "workers": workers }))?;
    } else {
        output::data(&format!("{job}\n"))?;
    }
    Ok(Exit::Done)
}

fn stop_slurm(options: &LaunchSlurm) -> Result<Exit, CliError> {
    let url = url(&options.coordinator.url)?;
    let known = match submitted() {
        Some(submitted) => submitted.of(url)?,
        None => Vec::new(),
    };
    let jobs = slurm::jobs(url, &known)?;
    let stopped = slurm::drain(&jobs)?;
    if stopped.is_empty() {
        say!("no worker of {url} in the queue");
    } else {
        say!("asked to leave: {}", stopped.join(" "));
    }
    if options.elsewhere.json {
        output::json(&json!({ "stopped": stopped }))?;
    } else {
        output::data(
            &stopped
                .iter()
                .map(|job| format!("{job}\n"))
                .collect::<String>(),
        )?;
    }
    Ok(Exit::Done)
}

fn start_ssh(options: &LaunchSsh) -> Result<Exit, CliError> {
    let hosts = read_hosts(options)?.unwrap_or_default();
    if hosts.is_empty() {
        return Err(CliError::Request("the hosts file names no host".to_owned()));
    }
    let token = worker_token(&options.coordinator)?;
    // The token's file is here, and what it holds goes to the worker itself.
    let pilot = Pilot {
        token_file: None,
        ..pilot(&options.elsewhere, &options.coordinator)?
    };
    let membership = membership(options)?;
    // A list that cannot be written is better known before workers are started that it should hold.
    membership.remove(&[])?;
    let known = membership.read()?;
    let of_host = |host: &str| -> Vec<Member> {
        let here = |entry: &&Member| entry.host == host && entry.coordinator == pilot.coordinator;
        known.iter().filter(here).cloned().collect()
    };
    let start = |host: &String| -> Result<Started, SshError> {
        let known = of_host(host);
        let processes: Vec<u32> = known.iter().map(|entry| entry.process).collect();
        let started = ssh::start(host, &options.ssh, &pilot, token.as_deref(), &processes)?;
        if let Some(log) = &started.log {
            membership.remove(&known)?;
            membership.add(Member {
                host: host.clone(),
                process: started.process,
                coordinator: pilot.coordinator.clone(),
                log: log.clone(),
            })?;
        }
        Ok(started)
    };
    let mut told = Told::new(options.elsewhere.json);
    launch::for_each_parallel(&hosts, HOSTS_AT_ONCE, start, |host, result| match result {
        Ok(started) => {
            let log = started.log.as_deref().unwrap_or_default();
            let state = if started.log.is_some() {
                "started"
            } else {
                "there already"
            };
            told.well(
                &format!("{host} {}", started.process),
                &format!("{host}: process {} {state} {log}", started.process),
                json!({ "host": host, "process": started.process, "state": state, "log": started.log }),
            );
            for line in started.words.lines() {
                say!("{host}: it says: {line}");
            }
        }
        Err(error) => told.ill(host, &error),
    });
    told.end(hosts.len())
}

fn stop_ssh(options: &LaunchSsh) -> Result<Exit, CliError> {
    let only = read_hosts(options)?;
    let membership = membership(options)?;
    let mut entries = membership.read()?;
    entries.retain(|entry| only.as_ref().is_none_or(|only| only.contains(&entry.host)));
    if entries.is_empty() {
        say!("no worker is remembered in {}", membership.path().display());
    }
    let stop = |entry: &Member| -> Result<Stopped, SshError> {
        let stopped = ssh::stop(&entry.host, &options.ssh, &entry.coordinator, entry.process)?;
        membership.remove(std::slice::from_ref(entry))?;
        Ok(stopped)
    };
    let mut told = Told::new(options.elsewhere.json);
    launch::for_each_parallel(
        &entries,
        HOSTS_AT_ONCE,
        stop,
        |entry, result| match result {
            Ok(stopped) => {
                let state = match stopped {
                    Stopped::Draining => "draining",
                    Stopped::Gone => "gone",
                };
                let (host, process) = (&entry.host, entry.process);
                told.well(
                    &format!("{host} {process} {state}"),
                    &format!("{host}: process {process} is {state}"),
                    json!({ "host": host, "process": process, "state": state }),
                );
            }
            Err(error) => told.ill(&entry.host, &error),
        },
    );
    told.end(entries.len())
}

/// What is told of hosts, as it comes; as JSON, at the end.
struct Told {
    as_json: bool,
    records: Vec<Value>,
    failed: usize,
    /// Standard output is gone.
    broken: Option<CliError>,
}

impl Told {
    fn new(as_json: bool) -> Self {
        Told {
            as_json,
            records: Vec::new(),
            failed: 0,
            broken: None,
        }
    }

    fn well(&mut self, data: &str, talk: &str, record: Value) {
        say!("{}", talk.trim_end());
        if self.as_json {
            self.records.push(record);
        } else if let Err(error) = output::announce(&format!("{data}\n")) {
            self.broken = Some(error);
        }
    }

    fn ill(&mut self, host: &str, error: &SshError) {
        say!("{host}: {error}");
        self.failed += 1;
        self.records
            .push(json!({ "host": host, "error": error.to_string() }));
    }

    fn end(self, of: usize) -> Result<Exit, CliError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        if self.as_json {
            output::json(&Value::from(self.records))?;
        }
        match self.failed {
            0 => Ok(Exit::Done),
            failed => Err(CliError::Hosts { failed, of }),
        }
    }
}

/// Hosts of the file that is named, if one is.
fn read_hosts(options: &LaunchSsh) -> Result<Option<Vec<String>>, CliError> {
    let Some(path) = &options.hosts else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Read {
        path: path.clone(),
        source,
    })?;
    Ok(Some(ssh::hosts(&text)?))
}

/// Where workers are remembered.
fn membership(options: &LaunchSsh) -> Result<Membership, CliError> {
    if let Some(path) = &options.state {
        return Ok(Membership::at(path.clone()));
    }
    let state = state_folder().ok_or_else(|| {
        CliError::Request("no HOME to remember workers in: name a file with --state".to_owned())
    })?;
    Ok(Membership::at(state.join("ssh.json")))
}

/// Where this user's launches are remembered; none without a home.
fn state_folder() -> Option<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
    Some(state?.join("parsimony"))
}

/// Where the ids of Slurm jobs are remembered; none without a home, where pilots are found by their comment alone.
pub(crate) fn submitted() -> Option<slurm::Submitted> {
    Some(slurm::Submitted::at(state_folder()?.join("slurm.json")))
}

/// Remembers a job. It is there already: that it cannot be remembered is a warning.
pub(crate) fn remember(submitted: Option<&slurm::Submitted>, coordinator: &str, job: &str) {
    if let Some(Err(error)) = submitted.map(|submitted| submitted.add(coordinator, job)) {
        say!(
            "warning: job {job} is not remembered, and is found again only while its comment stays: {error}"
        );
    }
}

/// The worker that is to run elsewhere.
fn pilot(elsewhere: &Elsewhere, coordinator: &CoordinatorUrl) -> Result<Pilot, CliError> {
    let url = url(&coordinator.url)?;
    crate::address::check(coordinator)?;
    if url.starts_with("https://") && coordinator.ca.is_none() {
        return Err(CliError::Request(
            "https needs the lab's authority: --ca FILE or PARSIMONY_CA".to_owned(),
        ));
    }
    tell_loopback(url);
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
pub(crate) fn tell_loopback(url: &str) {
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
pub(crate) fn program(told: Option<&Path>) -> Result<PathBuf, CliError> {
    match told {
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

/// Refuses a walltime that Slurm would take for none.
///
/// # Errors
/// Below a minute.
pub(crate) fn check_time(time: Option<Duration>) -> Result<(), CliError> {
    if time.is_some_and(|time| time < LEAST_TIME) {
        return Err(CliError::Request(
            "a walltime is at least a minute".to_owned(),
        ));
    }
    Ok(())
}

/// The token that workers will show, if a file of one is named; a person's own token would be refused only
/// once the workers are there.
fn worker_token(coordinator: &CoordinatorUrl) -> Result<Option<String>, CliError> {
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

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
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
