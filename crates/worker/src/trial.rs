//! One trial, from its number to its row: decode, prepare, train in slices, and turn any mishap into words.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use dln::{Clock, Data, Progress, Run, Threads, Trial, TrialError};

use crate::cache::Cache;
use crate::lease::Flag;
use crate::rows::Rows;

/// Seconds of predicted work between two looks at the flag and the checkpoint clock.
const SLICE_SECONDS: f64 = 0.25;

/// How a trial left the hands of this worker.
pub(crate) enum TrialEnd {
    Ran(Box<dln::Outcome>),
    Failed {
        error: String,
        seconds: f64,
    },
    /// Not wanted any more, or to be continued elsewhere from `checkpoint`.
    GivenBack,
}

/// What training needs besides the trial.
pub(crate) struct TrialContext<'a> {
    pub(crate) cache: &'a Cache,
    /// For products, while some of the worker's threads are idle.
    pub(crate) pool: &'a rayon::ThreadPool,
    /// Whether some are.
    pub(crate) idle: &'a (dyn Fn() -> bool + Sync),
    /// True once the trial's result would be of no use.
    pub(crate) unwanted: &'a (dyn Fn() -> bool + Sync),
    /// Raised: checkpoint and give back trials that would take long.
    pub(crate) draining: &'a Flag,
    pub(crate) checkpoint_every: Duration,
    /// State to continue from.
    pub(crate) resume: Option<Vec<u8>>,
    /// Takes (steps, state).
    pub(crate) save: &'a (dyn Fn(u64, Vec<u8>) + Sync),
    /// Where the rows of a long history go; nowhere where they all stay in the run.
    pub(crate) rows: Option<&'a Rows>,
    /// Sees a run that has come to its end.
    pub(crate) ended: &'a (dyn Fn(&Run<'_>) + Sync),
    /// Takes the seconds that the run is expected to take still, by its pace so far.
    pub(crate) left: &'a (dyn Fn(f64) + Sync),
}

/// For those who have no use for the end of a run but its outcome.
pub(crate) const IGNORE_END: &(dyn Fn(&Run<'_>) + Sync) = &|_| ();

impl<'a> TrialContext<'a> {
    /// With another state to continue from, another place for states and another look at the end.
    pub(crate) fn with(
        &self,
        resume: Option<Vec<u8>>,
        save: &'a (dyn Fn(u64, Vec<u8>) + Sync),
        ended: &'a (dyn Fn(&Run<'_>) + Sync),
    ) -> TrialContext<'a> {
        TrialContext {
            resume,
            save,
            ended,
            ..*self
        }
    }
}

/// Trains one trial. A panic is a failed trial with the panic's message.
pub(crate) fn train(trial: &Trial, predicted_seconds: f64, context: &TrialContext<'_>) -> TrialEnd {
    guarded(|begun| advance(trial, predicted_seconds, context, begun))
}

/// Turns errors and panics of a trial into words.
pub(crate) fn guarded(work: impl FnOnce(Instant) -> Result<TrialEnd, TrialError>) -> TrialEnd {
    let begun = Instant::now();
    let caught = catch_unwind(AssertUnwindSafe(|| work(begun)));
    let error = match caught {
        Ok(Ok(trained)) => return trained,
        Ok(Err(error)) => error.to_string(),
        Err(panic) => format!("panicked: {}", panic_message(panic.as_ref())),
    };
    TrialEnd::Failed {
        error,
        seconds: begun.elapsed().as_secs_f64(),
    }
}

pub(crate) fn advance(
    trial: &Trial,
    predicted_seconds: f64,
    context: &TrialContext<'_>,
    begun: Instant,
) -> Result<TrialEnd, TrialError> {
    let clock = move || begun.elapsed().as_secs_f64();
    let data = context.cache.get(trial)?;
    let mut run = if (context.idle)() {
        context
            .pool
            .install(|| begin(trial, &data, context, Threads::Pool, &clock))?
    } else {
        begin(trial, &data, context, Threads::Seq, &clock)?
    };
    let slices = context.rows.map_or(0.0, Rows::slices);
    let slice = slice_steps(trial, slices.max(predicted_seconds / SLICE_SECONDS));
    let mut saved = Instant::now();
    let (first, since) = (run.steps(), Instant::now());
    loop {
        // Threads change nothing but the time that a slice takes.
        let progress = if (context.idle)() {
            run.set_threads(Threads::Pool);
            context.pool.install(|| run.advance(slice))
        } else {
            run.set_threads(Threads::Seq);
            run.advance(slice)
        };
        if progress? == Progress::Done {
            (context.ended)(&run);
            return Ok(TrialEnd::Ran(Box::new(run.finish())));
        }
        if let Some(Err(error)) = context.rows.map(|rows| rows.take(&mut run)) {
            return Ok(TrialEnd::Failed {
                error: error.to_string(),
                seconds: clock(),
            });
        }
        let (taken, left) = (run.steps() - first, trial.train.steps - run.steps());
        (context.left)(since.elapsed().as_secs_f64() * left as f64 / taken.max(1) as f64);
        if (context.unwanted)() {
            return Ok(TrialEnd::GivenBack);
        }
        let leaving = context.draining.is_raised();
        if leaving || saved.elapsed() >= context.checkpoint_every {
            let state = run.checkpoint();
            let state = match context.rows {
                Some(rows) => rows.checkpoint(state),
                None => Some(state),
            };
            if let Some(state) = state {
                (context.save)(run.steps(), state);
            }
            saved = Instant::now();
        }
        if leaving {
            return Ok(TrialEnd::GivenBack);
        }
    }
}

/// A run from its checkpoint, or from the start: a checkpoint that does not fit only costs its steps.
fn begin<'a>(
    trial: &'a Trial,
    data: &'a Data,
    context: &TrialContext<'_>,
    threads: Threads,
    clock: Clock<'a>,
) -> Result<Run<'a>, TrialError> {
    let state = context
        .resume
        .as_deref()
        .and_then(|state| match context.rows {
            Some(rows) => rows.restored(state),
            None => Some(state),
        });
    if let Some(state) = state {
        match Run::restore(trial, data, threads, clock, state) {
            Ok(run) => {
                tracing::info!(step = run.steps(), "a trial continues from its checkpoint");
                return Ok(run);
            }
            Err(TrialError::Checkpoint(error)) => {
                tracing::warn!(%error, "a checkpoint does not fit: its trial begins anew");
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(rows) = context.rows {
        rows.forget();
    }
    Run::new(trial, data, threads, clock)
}

/// Steps in one of this number of slices; a prediction wrong by a factor only moves how often the flag is seen.
fn slice_steps(trial: &Trial, slices: f64) -> u64 {
    let steps = trial.train.steps.max(1);
    if slices <= 1.0 {
        return steps + 1;
    }
    // Saturating: a slice is at least one step and at most all.
    ((steps as f64 / slices.ceil()) as u64).clamp(1, steps)
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_trial_reports_after_each_slice_how_long_it_still_takes() {
        let text = "name = \"v\"\n[problem]\ndim = 8\n[train]\nsteps = 9\n";
        let spec = sweep::Spec::parse(text, "v.toml", &[]).unwrap();
        let grid = sweep::Grid::new(spec, sweep::Arrays::new()).unwrap();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        let reported = Mutex::new(Vec::new());
        let context = TrialContext {
            cache: &Cache::default(),
            pool: &pool,
            idle: &|| true,
            unwanted: &|| false,
            draining: &Flag::default(),
            checkpoint_every: Duration::from_secs(3600),
            resume: None,
            save: &|_, _| (),
            rows: None,
            ended: IGNORE_END,
            left: &|seconds| reported.lock().unwrap().push(seconds),
        };
        // So long that every slice is of one step.
        let trained = train(&grid.trial(0).unwrap(), 1e3, &context);
        assert!(matches!(trained, TrialEnd::Ran(_)));
        let reported = reported.into_inner().unwrap();
        // The ninth ends it.
        assert_eq!(reported.len(), 8);
        assert!(
            reported.iter().all(|seconds| (0.0..10.0).contains(seconds)),
            "{reported:?}"
        );
    }
}
