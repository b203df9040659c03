//! What people ask of a coordinator: list, look, watch, change.

use std::time::Duration;

use rpc::auth::{self, Bearer};
use rpc::v1::SweepState;
use rpc::v1::sweep_service_client::SweepServiceClient;
use rpc::{limits, v1};
use serde_json::{Value, json};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

use crate::args::{CoordinatorUrl, Listing, Named, Retry, Status};
use crate::error::CliError;
use crate::exit::Exit;
use crate::{address, output, verify, waiting};

/// A coordinator that does not answer within this time cannot be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The people's service, with the person's token on every call.
pub(crate) type Client = SweepServiceClient<InterceptedService<Channel, Bearer>>;

/// A client of the people's service over a channel.
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

pub(crate) async fn list(options: &Listing) -> Result<Exit, CliError> {
    let mut client = connect(&options.coordinator).await?;
    let sweeps = client.list(v1::ListRequest {}).await?.into_inner().sweeps;
    tell_sweeps(&sweeps, options.json)?;
    Ok(Exit::Done)
}

pub(crate) async fn status(options: &Status) -> Result<Exit, CliError> {
    let mut client = connect(&options.coordinator).await?;
    let Some(name) = options.sweep.clone() else {
        let sweeps = client.list(v1::ListRequest {}).await?.into_inner().sweeps;
        tell_sweeps(&sweeps, options.json)?;
        return Ok(Exit::Done);
    };
    let status = client
        .status(v1::StatusRequest { name })
        .await?
        .into_inner();
    let status = status.status.unwrap_or_default();
    if options.json {
        output::json(&as_json(&status))?;
    } else {
        tell_sweeps(std::slice::from_ref(&status), false)?;
        if let Some(words) = waiting::words(&status) {
            say!("waiting: {words}");
        }
        for words in [&status.problem].into_iter().chain(&status.notes) {
            if !words.is_empty() {
                say!("{words}");
            }
        }
        if let Some(comparisons) = &status.comparisons {
            crate::talk::write(format_args!("{}", verify::as_text(comparisons)));
        }
    }
    Ok(Exit::Done)
}

pub(crate) async fn pause(options: &Named) -> Result<Exit, CliError> {
    let name = options.sweep.clone();
    let mut client = connect(&options.coordinator).await?;
    client
        .pause(v1::PauseRequest { name: name.clone() })
        .await?;
    say!("{name}: paused; running trials end, `parsimony resume {name}` goes on");
    Ok(Exit::Done)
}

pub(crate) async fn resume(options: &Named) -> Result<Exit, CliError> {
    let name = options.sweep.clone();
    let mut client = connect(&options.coordinator).await?;
    client
        .resume(v1::ResumeRequest { name: name.clone() })
        .await?;
    say!("{name}: running");
    Ok(Exit::Done)
}

pub(crate) async fn cancel(options: &Named) -> Result<Exit, CliError> {
    let name = options.sweep.clone();
    let mut client = connect(&options.coordinator).await?;
    client
        .cancel(v1::CancelRequest { name: name.clone() })
        .await?;
    say!("{name}: cancelled; what is done stays, `parsimony resume {name}` takes it up again");
    Ok(Exit::Done)
}

pub(crate) async fn retry(options: &Retry) -> Result<Exit, CliError> {
    let name = options.sweep.clone();
    let mut client = connect(&options.coordinator).await?;
    let retried = client.retry(v1::RetryRequest { name }).await?.into_inner();
    say!("{} failed trials run again", retried.trials);
    Ok(Exit::Done)
}

pub(crate) async fn workers(options: &Listing) -> Result<Exit, CliError> {
    let mut client = connect(&options.coordinator).await?;
    let workers = client
        .workers(v1::WorkersRequest {})
        .await?
        .into_inner()
        .workers;
    if options.json {
        let workers: Vec<Value> = workers
            .iter()
            .map(|worker| {
                json!({
                    "worker": worker.worker_id, "name": worker.name, "host": worker.host,
                    "threads": worker.threads, "isa": worker.isa, "version": worker.program_version,
                    "leases": worker.leases, "trials": worker.trials,
                    "silent_seconds": worker.silent_ms as f64 / 1e3,
                    "connected_seconds": worker.connected_ms as f64 / 1e3,
                    "draining": worker.draining,
                    "problem": if worker.problem.is_empty() { Value::Null } else { json!(worker.problem) },
                    "memory_bytes": if worker.memory_bytes == 0 { Value::Null } else { json!(worker.memory_bytes) },
                })
            })
            .collect();
        output::json(&Value::from(workers))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = workers
        .iter()
        .map(|worker| {
            vec![
                worker.name.clone(),
                worker.host.clone(),
                worker.threads.to_string(),
                worker.leases.to_string(),
                worker.trials.to_string(),
                match worker.memory_bytes {
                    0 => "?".to_owned(),
                    bytes => worker::memory::words(bytes as f64),
                },
                output::duration(worker.silent_ms as f64 / 1e3),
                output::duration(worker.connected_ms as f64 / 1e3),
                worker.isa.clone(),
                match (worker.draining, worker.problem.as_str()) {
                    (true, "") => "draining".to_owned(),
                    (true, problem) => format!("draining; {problem}"),
                    (false, problem) => problem.to_owned(),
                },
            ]
        })
        .collect();
    let header = [
        "WORKER",
        "HOST",
        "THREADS",
        "LEASES",
        "TRIALS",
        "MEMORY",
        "SILENT",
        "CONNECTED",
        "ISA",
        "",
    ];
    output::data(&output::columns(&header, &rows))?;
    Ok(Exit::Done)
}

/// Words before a sweep's progress.
pub(crate) fn tell_start(status: &v1::SweepStatus, accepted: v1::Accepted) {
    for note in &status.notes {
        say!("note: {note}");
    }
    let done = status.completed + status.diverged + status.failed;
    match accepted {
        v1::Accepted::Continued if done > 0 => {
            say!(
                "continuing: {} of {} trials are done",
                output::grouped(done),
                output::grouped(status.trials)
            );
        }
        v1::Accepted::Grown => say!(
            "grown: {} of {} trials are done",
            output::grouped(done),
            output::grouped(status.trials)
        ),
        _ => {}
    }
}

/// Words after it.
pub(crate) fn tell_end(status: &v1::SweepStatus, as_data: bool) -> Result<(), CliError> {
    if as_data {
        output::announce(&format!("{:#}\n", as_json(status)))?;
    }
    let seconds = status.elapsed_ms as f64 / 1e3;
    let rate = if seconds > 0.0 {
        status.reported as f64 / seconds
    } else {
        0.0
    };
    say!(
        "{} {}: {} completed, {} diverged, {} failed of {} trials; {} computed in {} ({} trials/s)",
        status.name,
        state_name(status.state()),
        output::grouped(status.completed),
        output::grouped(status.diverged),
        output::grouped(status.failed),
        output::grouped(status.trials),
        output::grouped(status.reported),
        output::duration(seconds),
        output::scaled((rate * 10.0).round() / 10.0)
    );
    if !status.problem.is_empty() {
        say!("problem: {}", status.problem);
    }
    if let Some(comparisons) = &status.comparisons {
        crate::talk::write(format_args!("{}", verify::as_text(comparisons)));
    }
    Ok(())
}

/// The exit code that a sweep's end calls for.
pub(crate) fn exit_of(status: &v1::SweepStatus) -> Exit {
    let kept = status.comparisons.as_ref().is_none_or(verify::is_kept);
    match status.state() {
        SweepState::Finished if !kept => Exit::Unexpected,
        SweepState::Finished if status.failed > 0 => Exit::TrialsFailed,
        SweepState::Finished => Exit::Done,
        SweepState::Cancelled => Exit::Interrupted,
        SweepState::Unspecified
        | SweepState::Running
        | SweepState::Paused
        | SweepState::Stopped
        | SweepState::Opening
        | SweepState::Unopened
        | SweepState::Gone => Exit::Unexpected,
    }
}

pub(crate) fn state_name(state: SweepState) -> &'static str {
    match state {
        SweepState::Unspecified => "unknown",
        SweepState::Running => "running",
        SweepState::Paused => "paused",
        SweepState::Cancelled => "cancelled",
        SweepState::Finished => "finished",
        SweepState::Stopped => "stopped",
        SweepState::Opening => "opening",
        SweepState::Unopened => "unopened",
        SweepState::Gone => "gone",
    }
}

fn tell_sweeps(sweeps: &[v1::SweepStatus], as_data: bool) -> Result<(), CliError> {
    if as_data {
        return output::json(&Value::from(sweeps.iter().map(as_json).collect::<Vec<_>>()));
    }
    let rows: Vec<Vec<String>> = sweeps
        .iter()
        .map(|sweep| {
            vec![
                sweep.name.clone(),
                state_name(sweep.state()).to_owned(),
                sweep.trials.to_string(),
                (sweep.completed + sweep.diverged).to_string(),
                sweep.failed.to_string(),
                sweep.leased.to_string(),
                match (sweep.eta_seconds, sweep.state()) {
                    (eta, _) if eta >= 0.0 => output::duration(eta),
                    (_, SweepState::Running) => "?".to_owned(),
                    _ => "-".to_owned(),
                },
                waiting::short(sweep),
            ]
        })
        .collect();
    let header = [
        "SWEEP", "STATE", "TRIALS", "DONE", "FAILED", "LEASED", "ETA", "WAITING",
    ];
    output::data(&output::columns(&header, &rows))
}

/// A sweep's status under names that stay.
pub(crate) fn as_json(status: &v1::SweepStatus) -> Value {
    json!({
        "name": status.name,
        "state": state_name(status.state()),
        "trials": status.trials,
        "completed": status.completed,
        "diverged": status.diverged,
        "failed": status.failed,
        "leased": status.leased,
        "leases": status.leases,
        "reported": status.reported,
        "elapsed_seconds": status.elapsed_ms as f64 / 1e3,
        "eta_seconds": if status.eta_seconds < 0.0 { Value::Null } else { json!(status.eta_seconds) },
        "predicted_seconds": status.predicted_seconds,
        "waiting": waiting::as_json(status),
        "priority": status.priority,
        "folder": status.folder,
        "problem": if status.problem.is_empty() { Value::Null } else { json!(status.problem) },
        "notes": status.notes,
        "verify": status.comparisons.as_ref().map(verify::as_json),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_that_does_not_hold_is_no_success() {
        let mut status = v1::SweepStatus {
            state: SweepState::Finished.into(),
            ..v1::SweepStatus::default()
        };
        assert_eq!(exit_of(&status) as i32, 0);
        status.comparisons = Some(v1::Comparisons::default());
        assert_eq!(exit_of(&status) as i32, 0);
        status.comparisons = Some(v1::Comparisons {
            beyond: 1,
            ..v1::Comparisons::default()
        });
        assert_eq!(exit_of(&status) as i32, 1);
    }
}
