//! One connection from its first message to its end.

use std::time::{Duration, Instant};

use rpc::trust::{self, PermanentFailure};
use rpc::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::connection::{Built, Connection};
use super::state::drain_requested;
use super::{Ended, Session};
use crate::config::WorkerError;
use crate::executor::LeaseRun;
use crate::wire::Incoming;
use crate::{fault_point, status_text, wire};

/// Messages queued towards the connection: one being written and one ready.
const OUTGOING: usize = 2;

/// A coordinator may take so long to hear the last words of a worker that leaves.
const GOODBYE: Duration = Duration::from_secs(5);

impl Session {
    /// One connection, from its first message to its end.
    ///
    /// # Errors
    /// [`WorkerError`] where a new connection would not help.
    pub(crate) async fn run(&mut self) -> Result<Ended, WorkerError> {
        let (outgoing, outgoing_end) = mpsc::channel(OUTGOING);
        // What waited for a lost connection's spec or checkpoints would wait for ever: not named as held, it
        // goes back.
        self.held.retain(|_, held| held.started);
        let held = self.held.values();
        let held = held.map(|held| held.lease.to_held(&held.outstanding));
        // The channel is new and empty: it cannot refuse.
        let _ = outgoing.try_send(wire::register(&self.config, self.walltime_ms(), held));
        let requests = ReceiverStream::new(outgoing_end);
        let mut inbound = match self.client.session(requests).await {
            Ok(response) => response.into_inner(),
            Err(status) if refused_for_good(&status) => {
                return Err(WorkerError::Refused(status.message().to_owned()));
            }
            Err(status) => {
                return Ok(Ended::Lost {
                    welcomed: false,
                    why: status_text::innermost(&status),
                    permanent: permanent_failure(&status, self.config.plain_address.as_deref())
                        .await,
                });
            }
        };
        let (built_sender, built) = mpsc::channel(1);
        let (ready_sender, ready) = mpsc::channel(1);
        let mut connection = Connection::new(outgoing, built_sender, ready_sender);
        self.outbox.reconnect();
        match self
            .converse(&mut connection, &mut inbound, built, ready)
            .await?
        {
            Some(ended) => Ok(ended),
            None => {
                self.leave_reports();
                // The last words are on their way: the coordinator closes its side once it has heard them.
                drop(connection);
                let heard = async { while let Ok(Some(_)) = inbound.message().await {} };
                // One that does not answer gives the lease to others by itself.
                let _ = tokio::time::timeout(GOODBYE, heard).await;
                Ok(Ended::Drained)
            }
        }
    }

    /// Messages in both directions until the session ends; `None` once everything is said and this worker is to leave.
    async fn converse(
        &mut self,
        connection: &mut Connection,
        inbound: &mut Streaming<v1::SessionResponse>,
        mut built: mpsc::Receiver<Built>,
        mut ready: mpsc::Receiver<LeaseRun>,
    ) -> Result<Option<Ended>, WorkerError> {
        let mut welcomed = false;
        let mut stop = self.stop.clone();
        let mut heartbeat = tokio::time::interval(connection.heartbeat);
        heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            if welcomed {
                self.next_report(connection);
            }
            self.give_back(connection).await;
            self.begin(connection).await;
            let all_sent = connection.large.is_empty();
            if self.draining && self.nothing_is_due() && all_sent {
                return Ok(None);
            }
            tokio::select! {
                message = inbound.message() => match message {
                    Ok(Some(message)) => {
                        if let Some(ended) = self.handle(connection, message, &mut welcomed)? {
                            return Ok(Some(ended));
                        }
                        if heartbeat.period() != connection.heartbeat {
                            heartbeat = tokio::time::interval(connection.heartbeat);
                        }
                    }
                    Ok(None) => return Ok(Some(stream_ended(welcomed))),
                    Err(status) if refused_for_good(&status) => {
                        return Err(WorkerError::Refused(status.message().to_owned()));
                    }
                    Err(status) => return Ok(Some(lost(welcomed, status_text::innermost(&status)))),
                },
                place = connection.outgoing.clone().reserve_owned(), if welcomed && !all_sent => match place {
                    Ok(place) => {
                        if let Some(message) = connection.large.next()? {
                            place.send(message);
                        }
                    }
                    Err(_) => return Ok(Some(stream_ended(welcomed))),
                },
                Some(output) = self.outputs.recv(), if !self.outbox.is_full() => self.take(connection, output),
                Some(built) = built.recv() => self.built(connection, built)?,
                Some(run) = ready.recv() => connection.runs.push(run),
                _ = heartbeat.tick(), if welcomed => {
                    if connection.outgoing.send(self.heartbeat(connection)).await.is_err() {
                        return Ok(Some(stream_ended(welcomed)));
                    }
                    if all_sent && self.idle() {
                        self.leave_reports();
                        return Ok(Some(Ended::Idle));
                    }
                }
                () = drain_requested(&mut stop), if !self.draining => self.drain(connection).await,
            }
        }
    }

    /// Begins to leave.
    async fn drain(&mut self, connection: &mut Connection) {
        self.draining = true;
        // What runs at this moment is checkpointed or ends here; the coordinator must not
        // take it for something that has not begun.
        let _ = connection.outgoing.send(self.heartbeat(connection)).await;
        self.executor.drain();
        // A closed stream shows at the next message.
        let _ = connection.outgoing.send(wire::drain()).await;
        self.return_unstarted(connection).await;
    }

    fn walltime_ms(&self) -> u64 {
        self.config.walltime.map_or(0, |walltime| {
            let left = walltime.saturating_sub(self.begun.elapsed());
            // Zero means "not known" on the wire.
            u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1)
        })
    }

    fn idle(&self) -> bool {
        let Some(timeout) = self.config.idle_timeout else {
            return false;
        };
        self.nothing_is_due() && self.last_lease.elapsed() >= timeout
    }

    /// Whether nothing is being worked on, and no acknowledgement will come by itself.
    fn nothing_is_due(&self) -> bool {
        self.held.values().all(|held| held.ended) && self.outbox.awaits_nothing()
    }

    /// Says what this worker leaves without.
    fn leave_reports(&self) {
        let reports = self.outbox.deferred();
        if reports > 0 {
            tracing::warn!(
                reports,
                "leaving with reports that the coordinator cannot store: their sweep is stopped"
            );
        }
    }

    /// Handles one message; `Some` where it ends the session.
    fn handle(
        &mut self,
        connection: &mut Connection,
        message: v1::SessionResponse,
        welcomed: &mut bool,
    ) -> Result<Option<Ended>, WorkerError> {
        match wire::incoming(message)? {
            Incoming::Welcome {
                worker_id,
                heartbeat,
                credit_bytes,
            } => {
                tracing::info!(worker_id, "joined the coordinator");
                if let Some(since) = self.away.take() {
                    // As loud as the word that it was away.
                    tracing::warn!("reconnected after {} s", since.elapsed().as_secs());
                }
                *welcomed = true;
                connection.credit_bytes = credit_bytes;
                connection.heartbeat = heartbeat;
                self.last_lease = Instant::now();
            }
            Incoming::Sweep(spec) => self.build(connection, spec),
            Incoming::Lease(lease) => self.lease(connection, lease),
            Incoming::Revoke(revoke) => {
                if let Some(held) = self.held.get(&revoke.lease) {
                    held.revoked.add(&revoke.numbers, revoke.stop_running);
                }
            }
            Incoming::Acknowledge { reports, deferred } => {
                self.pass(fault_point::ACKNOWLEDGED);
                self.outbox.defer(&deferred);
                for body in self.outbox.acknowledge(&reports) {
                    let lease = body.lease.lease;
                    if let Some(held) = self.held.get_mut(&lease) {
                        held.outstanding.subtract(&body.numbers);
                    }
                    self.forget_if_through(lease);
                }
            }
            Incoming::Stopping { finished: true } => return Ok(Some(Ended::Finished)),
            Incoming::Stopping { finished: false } => {
                return Ok(Some(Ended::Lost {
                    welcomed: *welcomed,
                    why: "the coordinator stops".to_owned(),
                    permanent: None,
                }));
            }
            Incoming::Refused(what) => return Err(WorkerError::Refused(what)),
        }
        Ok(None)
    }
}

fn lost(welcomed: bool, why: String) -> Ended {
    Ended::Lost {
        welcomed,
        why,
        permanent: None,
    }
}

fn stream_ended(welcomed: bool) -> Ended {
    lost(welcomed, "the stream ended".to_owned())
}

/// Why no later try can make the connection, if that is so.
async fn permanent_failure(
    status: &tonic::Status,
    plain_address: Option<&str>,
) -> Option<PermanentFailure> {
    if let Some(permanent) = trust::permanent_failure(status) {
        return Some(permanent);
    }
    let address = plain_address?;
    trust::speaks_tls(address)
        .await
        .then(|| PermanentFailure::WantsTls(address.to_owned()))
}

/// Errors that a later try would meet again.
fn refused_for_good(status: &tonic::Status) -> bool {
    matches!(
        status.code(),
        tonic::Code::FailedPrecondition
            | tonic::Code::Unauthenticated
            | tonic::Code::PermissionDenied
            | tonic::Code::InvalidArgument
    )
}
