//! A look at a running coordinator from inside its own process: for metrics and for starting workers.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use tokio::sync::{Notify, mpsc, oneshot};

use crate::event_loop::events::{Event, SweepRequest};
use crate::event_loop::view::View;
use crate::load::{Load, PilotLimits, Pilots};
use crate::metrics::Process;

/// Asks the coordinator that was given a clone of it. Before that one serves, and after, there is no answer.
#[derive(Clone, Default)]
pub struct Observer(Arc<Attachment>);

#[derive(Default)]
struct Attachment {
    events: OnceLock<mpsc::WeakSender<Event>>,
    attached: Notify,
}

impl Observer {
    /// What there is to do for workers of these limits; `None` where no coordinator runs. What the limits leave open is
    /// taken from the workers that have come so far.
    pub async fn load(&self, limits: PilotLimits) -> Option<Load> {
        self.inspect(move |view| view.load(limits)).await
    }

    /// Keeps what the batch system says, for those who ask why nothing runs.
    pub async fn pilots(&self, pilots: Pilots) {
        let events = self.0.events.get().and_then(mpsc::WeakSender::upgrade);
        if let Some(events) = events {
            // A closed loop means that the coordinator is ending.
            let _ = events
                .send(Event::Request(SweepRequest::Pilots(pilots)))
                .await;
        }
    }

    /// Metrics in Prometheus' text format, of a process that began at that time; `None` where no coordinator runs.
    pub async fn metrics(&self, begun: SystemTime) -> Option<String> {
        let process = Process::read(begun);
        self.inspect(move |view| view.metrics_page(process)).await
    }

    /// Weak: looking on keeps no coordinator alive.
    pub(crate) fn attach(&self, events: &mpsc::Sender<Event>) {
        // A second coordinator with the same observer is not seen; there is one a process.
        let _ = self.0.events.set(events.downgrade());
        self.0.attached.notify_waiters();
    }

    /// Completes once a coordinator has its data folder and takes calls.
    pub async fn attached(&self) {
        let attached = self.0.attached.notified();
        if self.0.events.get().is_none() {
            attached.await;
        }
    }

    /// `None` where no coordinator runs.
    pub(crate) async fn send(&self, request: SweepRequest) -> Option<()> {
        let events = self.0.events.get()?.upgrade()?;
        events.send(Event::Request(request)).await.ok()
    }

    pub(crate) async fn inspect<T: Send + 'static>(
        &self,
        read: impl FnOnce(View<'_>) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        let inspect = Box::new(move |view: View<'_>| {
            // Whoever asked may have gone.
            let _ = reply.send(read(view));
        });
        self.send(SweepRequest::Inspect(inspect)).await?;
        answer.await.ok()
    }
}
