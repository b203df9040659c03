//! Planning of submitted sweeps: on threads of their own, some at a time, and only while the client waits for the answer.
//!
//! What is written once a sweep is planned is the business of `users` and `open`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;
use tonic::Status;

use crate::recovery::OpenError;
use crate::wire;

/// Sweeps planned at a time. A plan takes at most some ten seconds ([`sweep::MAX_WORK`]), so a short one is not held
/// up for long even behind as many long ones.
const PLANS: usize = 4;

/// Runs plans.
#[derive(Clone)]
pub(crate) struct Planner {
    places: Arc<Semaphore>,
    stopping: Arc<AtomicBool>,
}

/// Ends the plans of a coordinator that stops.
pub(crate) struct StopPlans(Arc<AtomicBool>);

impl StopPlans {
    pub(crate) fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Set when the request that wanted a plan is dropped: its client has left.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Planner {
    pub(crate) fn new() -> (Planner, StopPlans) {
        let stopping = Arc::new(AtomicBool::new(false));
        let planner = Planner {
            places: Arc::new(Semaphore::new(PLANS)),
            stopping: Arc::clone(&stopping),
        };
        (planner, StopPlans(stopping))
    }

    /// Runs `work` once there is a place. It is handed a function that says when to stop.
    ///
    /// # Errors
    /// What the work refuses; a coordinator that stops.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Fn() -> bool) -> Result<T, OpenError> + Send + 'static,
    ) -> Result<T, Status> {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| wire::coordinator_stops())?;
        let left = Arc::new(AtomicBool::new(false));
        let _left = CancelOnDrop(Arc::clone(&left));
        let ending = Arc::clone(&self.stopping);
        let planned = tokio::task::spawn_blocking(move || {
            // The place is taken until the work has ended, wanted or not.
            let _place = place;
            work(&|| left.load(Ordering::Relaxed) || ending.load(Ordering::Relaxed))
        });
        planned
            .await
            .map_err(|error| Status::internal(error.to_string()))?
            .map_err(|error| wire::open_status(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(stop: &dyn Fn() -> bool) -> Result<(), OpenError> {
        while !stop() {
            std::thread::yield_now();
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_plan_ends_when_its_client_leaves() {
        let (planner, _stop) = Planner::new();
        for _ in 0..3 * PLANS {
            let mut plan = Box::pin(planner.run(until));
            // Polled once, so that it runs; then dropped as the request of a client that has left.
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(plan.as_mut().poll(context).is_ready())
            });
            assert!(!polled.await);
            drop(plan);
        }
        let answer = planner.run(|_| Ok(3)).await;
        assert_eq!(answer.ok(), Some(3));
    }

    #[tokio::test]
    async fn plans_end_with_the_coordinator() {
        let (planner, stop) = Planner::new();
        let plans: Vec<_> = (0..PLANS)
            .map(|_| {
                let planner = planner.clone();
                tokio::spawn(async move { planner.run(until).await })
            })
            .collect();
        stop.stop();
        for plan in plans {
            assert!(plan.await.is_ok_and(|answer| answer.is_ok()));
        }
    }
}
