//! `parsimony launch ssh`.

use std::path::PathBuf;

use clap::Args;
use launch::Pilot;
use launch::ssh::{self, Member, Membership, SshError, Started, Stopped};
use serde_json::json;

use crate::arguments::{CoordinatorUrl, Elsewhere};
use crate::error::CliError;
use crate::exit::Exit;
use crate::pilot;
use crate::render::hosts::HostReport;

/// Hosts that are spoken to at the same time: below the ten connections in the making at which sshd, on a jump host
/// that all of them go through, begins to drop some (MaxStartups).
const HOSTS_AT_ONCE: usize = 8;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  parsimony launch ssh --hosts hosts.txt --coordinator https://head.lab:7070 \\
      --ca /opt/parsimony/ca.pem --token-file worker.token --program /opt/parsimony/bin/parsimony
  parsimony launch ssh --stop

One host per line, [USER@]NAME; `#` begins a comment. Nothing is copied: the program and the
authority are paths on the hosts. The token is read here and sent over standard input. Failures
are reported per host; run the command again to start the missing workers.")]
pub(crate) struct LaunchSsh {
    /// File with the hosts; with --stop, only these hosts
    #[arg(long, value_name = "FILE", required_unless_present = "stop")]
    hosts: Option<PathBuf>,
    /// Stop the workers that this command started
    #[arg(long)]
    stop: bool,
    /// File that keeps hosts and process ids [default: parsimony/ssh.json in XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    coordinator: CoordinatorUrl,
    /// Options for ssh, passed unchanged
    #[arg(last = true, value_name = "SSH OPTIONS")]
    ssh: Vec<String>,
}

impl LaunchSsh {
    /// Starts workers, or lets them go.
    ///
    /// # Errors
    /// [`CliError`].
    pub(super) fn run(&self) -> Result<Exit, CliError> {
        if self.stop { self.stop() } else { self.start() }
    }

    fn start(&self) -> Result<Exit, CliError> {
        let hosts = self.read_hosts()?.unwrap_or_default();
        if hosts.is_empty() {
            return Err(CliError::Request("the hosts file names no host".to_owned()));
        }
        let token = pilot::worker_token(&self.coordinator)?;
        // The token's file is here, and what it holds goes to the worker itself.
        let worker = Pilot {
            token_file: None,
            ..pilot::new(&self.elsewhere, &self.coordinator)?
        };
        let membership = self.membership()?;
        // A list that cannot be written is better known before workers are started that it should hold.
        membership.remove(&[])?;
        let known = membership.read()?;
        let of_host = |host: &str| -> Vec<Member> {
            let here =
                |entry: &&Member| entry.host == host && entry.coordinator == worker.coordinator;
            known.iter().filter(here).cloned().collect()
        };
        let start = |host: &String| -> Result<Started, SshError> {
            let known = of_host(host);
            let processes: Vec<u32> = known.iter().map(|entry| entry.process).collect();
            let started = ssh::start(host, &self.ssh, &worker, token.as_deref(), &processes)?;
            if let Some(log) = &started.log {
                membership.remove(&known)?;
                membership.add(Member {
                    host: host.clone(),
                    process: started.process,
                    coordinator: worker.coordinator.clone(),
                    log: log.clone(),
                })?;
            }
            Ok(started)
        };
        let mut report = HostReport::new(self.elsewhere.json);
        launch::for_each_parallel(&hosts, HOSTS_AT_ONCE, start, |host, result| match result {
            Ok(started) => {
                let log = started.log.as_deref().unwrap_or_default();
                let state = if started.log.is_some() {
                    "started"
                } else {
                    "there already"
                };
                report.done(
                    &format!("{host} {}", started.process),
                    &format!("{host}: process {} {state} {log}", started.process),
                    json!({ "host": host, "process": started.process, "state": state, "log": started.log }),
                );
                for line in started.words.lines() {
                    say!("{host}: it says: {line}");
                }
            }
            Err(error) => report.failed(host, &error),
        });
        report.end(hosts.len())
    }

    fn stop(&self) -> Result<Exit, CliError> {
        let only = self.read_hosts()?;
        let membership = self.membership()?;
        let mut entries = membership.read()?;
        entries.retain(|entry| only.as_ref().is_none_or(|only| only.contains(&entry.host)));
        if entries.is_empty() {
            say!("no worker is remembered in {}", membership.path().display());
        }
        let stop = |entry: &Member| -> Result<Stopped, SshError> {
            let stopped = ssh::stop(&entry.host, &self.ssh, &entry.coordinator, entry.process)?;
            membership.remove(std::slice::from_ref(entry))?;
            Ok(stopped)
        };
        let mut report = HostReport::new(self.elsewhere.json);
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
                    report.done(
                        &format!("{host} {process} {state}"),
                        &format!("{host}: process {process} is {state}"),
                        json!({ "host": host, "process": process, "state": state }),
                    );
                }
                Err(error) => report.failed(&entry.host, &error),
            },
        );
        report.end(entries.len())
    }

    /// Hosts of the file that is named, if one is.
    fn read_hosts(&self) -> Result<Option<Vec<String>>, CliError> {
        let Some(path) = &self.hosts else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path).map_err(|source| CliError::Read {
            path: path.clone(),
            source,
        })?;
        Ok(Some(ssh::hosts(&text)?))
    }

    /// Where workers are remembered.
    fn membership(&self) -> Result<Membership, CliError> {
        if let Some(path) = &self.state {
            return Ok(Membership::at(path.clone()));
        }
        let state = pilot::state_folder().ok_or_else(|| {
            CliError::Request("no HOME to remember workers in: name a file with --state".to_owned())
        })?;
        Ok(Membership::at(state.join("ssh.json")))
    }
}
