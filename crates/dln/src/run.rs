//! One trial in progress: steps, rows, stop rules, divergence, checkpoints.
//!
//! This file owns the order of things. What a step or a row is, is the business of the engines.

use ndarray::Array2;

use crate::batch::Epoch;
use crate::checkpoint::{
    put_bool, put_f64, put_option_f64, put_option_u64, put_u64, take_bool, take_f64,
    take_option_f64, take_option_u64, take_u64,
};
use crate::config::Trial;
use crate::data::Data;
use crate::engine::{self, Engine};
use crate::error::{CheckpointError, TrialError};
use crate::exported::Exported;
use crate::kernel::Threads;
use crate::measure::Rows;
use crate::outcome::{self, Measurements, Outcome, Scalars, Status};

/// Format of a checkpoint, raised whenever its bytes change.
const FORMAT: u32 = 3;
/// The oldest format that is read: its rows have the columns of tables of version 3 and before.
const OLDEST: u32 = 2;
/// The version of the tables whose columns the rows of format [`OLDEST`] have.
const OLDEST_TABLES: u32 = 3;
/// Steps between the states kept to go back to when the loss stops being finite: the copy costs less than
/// a thousandth of the steps, and going back repeats at most this many.
const SAFE_EVERY: u64 = 1024;

/// Seconds since any fixed moment.
pub type Clock<'a> = &'a (dyn Fn() -> f64 + Sync);

/// Whether a run has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Running,
    Done,
}

/// One trial in progress. Its numbers depend on the trial and its data alone, not on threads, on how
/// [`Run::advance`] slices it, or on checkpoints in between.
pub struct Run<'a> {
    trial: &'a Trial,
    clock: Clock<'a>,
    engine: Box<dyn Engine + 'a>,
    rows: Rows,
    /// Whether updates see a batch each, so that the loss is known at measured steps alone.
    batched: bool,
    /// Of the reduction whose certificate left the trial to the full engine.
    refused_residual: Option<f64>,
    /// Updates taken.
    step: u64,
    /// Whether the loss of the current step is known and its rows are pushed.
    evaluated: bool,
    status: Option<Status>,
    /// The last state known to have a finite loss that is kept: its step and the engine's bytes.
    safe: (u64, Vec<u8>),
    tolerance_steps: Option<u64>,
    tolerance_seconds: Option<f64>,
    setup_seconds: f64,
    train_seconds: f64,
    measure_seconds: f64,
    /// When the current stretch of training began.
    since: f64,
}

impl<'a> Run<'a> {
    /// A run at step 0, nothing evaluated yet.
    ///
    /// `data` are those of [`crate::prepare`] for this trial, or for one whose data serve it.
    ///
    /// # Errors
    /// What is wrong with the initial weights, or why the engine that the trial asks for cannot serve it.
    pub fn new(
        trial: &'a Trial,
        data: &'a Data,
        threads: Threads,
        clock: Clock<'a>,
    ) -> Result<Run<'a>, TrialError> {
        debug_assert!(data.serves(trial), "data of another problem");
        let begun = clock();
        let (engine, refused_residual) = engine::build(trial, data, threads)?;
        let now = clock();
        Ok(Run {
            trial,
            clock,
            engine,
            batched: Epoch::of(trial).is_some(),
            refused_residual,
            rows: Rows::default(),
            step: 0,
            evaluated: false,
            status: None,
            safe: (0, Vec::new()),
            tolerance_steps: None,
            tolerance_seconds: None,
            setup_seconds: now - begun,
            train_seconds: 0.0,
            measure_seconds: 0.0,
            since: now,
        })
    }

    /// Takes up to this many updates; rows and stop rules are seen to at every step on the way, the one
    /// arrived at included.
    ///
    /// # Errors
    /// None in the course of a sound run; the type leaves room for an engine whose state cannot be read back.
    pub fn advance(&mut self, steps: u64) -> Result<Progress, TrialError> {
        self.since = (self.clock)();
        let mut left = steps;
        loop {
            if self.status.is_none() && !self.evaluated {
                self.evaluate()?;
            }
            if self.status.is_some() || left == 0 {
                self.train_seconds += (self.clock)() - self.since;
                return Ok(match self.status {
                    Some(_) => Progress::Done,
                    None => Progress::Running,
                });
            }
            self.engine.update();
            self.step += 1;
            self.evaluated = false;
            left -= 1;
            if !self.engine.sees_finite() {
                self.diverge()?;
            }
        }
    }

    /// Where the blocks of large products run from here on. Changes no bit of what comes out.
    pub fn set_threads(&mut self, threads: Threads) {
        self.engine.set_threads(threads);
    }

    /// Updates taken so far.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Rows measured so far that [`Run::take_rows`] has not taken: of `history`, `spectra` and `layers`.
    pub fn rows(&self) -> [usize; 3] {
        let rows = &self.rows;
        [rows.history.len(), rows.spectra.len(), rows.layers.len()]
    }

    /// Takes the rows measured so far out of the run, save the last of its history. What is taken is neither in
    /// the outcome nor in later checkpoints.
    pub fn take_rows(&mut self) -> Measurements {
        let older = self.rows.history.len().saturating_sub(1);
        Measurements {
            history: self.rows.history.drain(..older).collect(),
            spectra: std::mem::take(&mut self.rows.spectra),
            layers: std::mem::take(&mut self.rows.layers),
        }
    }

    /// The weights `W_1 .. W_L` as they are now, and after them the biases `b_1 .. b_L` (columns) where there are any;
    /// empty where the engine does not train the network itself.
    pub fn parameters(&self) -> Vec<Array2<f64>> {
        self.engine.parameters()
    }

    /// The network at the step arrived at; `None` where the engine has none.
    pub fn exported(&self) -> Option<Exported> {
        self.engine.exported()
    }

    /// What the run leaves behind; of the steps taken so far where it has not ended.
    pub fn finish(self) -> Outcome {
        let report = self.engine.report();
        let last = self.rows.history.last();
        Outcome {
            status: self.status.unwrap_or(Status::Completed),
            steps: self.step,
            last: last.map_or_else(Scalars::default, |row| row.scalars),
            history: self.rows.history,
            spectra: self.rows.spectra,
            layers: self.rows.layers,
            engine: report.engine,
            core_width: report.core_width,
            reduction_residual: report.residual.or(self.refused_residual),
            flops: self.engine.flops_per_step() * self.step as f64,
            tolerance_steps: self.tolerance_steps,
            tolerance_seconds: self.tolerance_seconds,
            setup_seconds: self.setup_seconds,
            train_seconds: self.train_seconds,
            measure_seconds: self.measure_seconds,
        }
    }

    /// The run's state, to be continued by [`Run::restore`] anywhere, to the same bits on one instruction
    /// set.
    pub fn checkpoint(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_u64(&mut out, u64::from(FORMAT));
        put_u64(&mut out, tag(self.engine.report().engine));
        put_u64(&mut out, self.step);
        put_bool(&mut out, self.evaluated);
        let status = match self.status {
            None => 0,
            Some(Status::Completed) => 1,
            Some(Status::Diverged) => 2,
        };
        put_u64(&mut out, status);
        put_option_u64(&mut out, self.tolerance_steps);
        put_option_f64(&mut out, self.tolerance_seconds);
        put_f64(&mut out, self.setup_seconds);
        put_f64(&mut out, self.train_seconds);
        put_f64(&mut out, self.measure_seconds);
        self.rows.save(&mut out);
        if self.batched {
            put_bool(&mut out, !self.safe.1.is_empty());
            put_u64(&mut out, self.safe.0);
            out.extend_from_slice(&self.safe.1);
        }
        self.engine.save(&mut out);
        out
    }

    /// Continues from a checkpoint of the same trial.
    ///
    /// # Errors
    /// As [`Run::new`]; [`CheckpointError`] where the bytes are of another format, trial or engine, or damaged.
    pub fn restore(
        trial: &'a Trial,
        data: &'a Data,
        threads: Threads,
        clock: Clock<'a>,
        bytes: &[u8],
    ) -> Result<Run<'a>, TrialError> {
        let mut run = Run::new(trial, data, threads, clock)?;
        let mut rest = bytes;
        run.load(&mut rest)?;
        if !rest.is_empty() {
            let extra = rest.len();
            return Err(CheckpointError::TooLong { extra }.into());
        }
        if !run.batched {
            run.safe.0 = run.step;
            run.engine.save(&mut run.safe.1);
        }
        if run.evaluated {
            // The kept pass, without its rows: those are in the checkpoint.
            run.forward();
        }
        Ok(run)
    }

    fn load(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        let found = take_u64(bytes)?;
        let found = u32::try_from(found).unwrap_or(u32::MAX);
        if !(OLDEST..=FORMAT).contains(&found) {
            return Err(CheckpointError::Format {
                found,
                wanted: FORMAT,
            }
            .into());
        }
        let tables = if found == OLDEST {
            OLDEST_TABLES
        } else {
            u32::MAX
        };
        if take_u64(bytes)? != tag(self.engine.report().engine) {
            return Err(CheckpointError::OtherTrial.into());
        }
        self.step = take_u64(bytes)?;
        self.evaluated = take_bool(bytes)?;
        self.status = match take_u64(bytes)? {
            0 => None,
            1 => Some(Status::Completed),
            2 => Some(Status::Diverged),
            _ => return Err(CheckpointError::OtherTrial.into()),
        };
        self.tolerance_steps = take_option_u64(bytes)?;
        self.tolerance_seconds = take_option_f64(bytes)?;
        self.setup_seconds += take_f64(bytes)?;
        self.train_seconds = take_f64(bytes)?;
        self.measure_seconds = take_f64(bytes)?;
        self.rows = Rows::load(bytes, tables)?;
        if self.batched {
            self.load_safe(bytes)?;
        }
        self.engine.load(bytes)
    }

    /// The state of the last measured step, which a run on batches cannot make again.
    fn load_safe(&mut self, bytes: &mut &[u8]) -> Result<(), TrialError> {
        let is_kept = take_bool(bytes)?;
        let step = take_u64(bytes)?;
        self.safe = (step, Vec::new());
        if is_kept {
            let before = *bytes;
            self.engine.load(bytes)?;
            let held = before.len() - bytes.len();
            self.safe.1.extend_from_slice(&before[..held]);
        }
        Ok(())
    }

    /// Looks at the step arrived at: its loss, whether a row is due, whether the run ends here.
    fn evaluate(&mut self) -> Result<(), TrialError> {
        if self.batched && !self.is_due() && self.step < self.trial.train.steps {
            self.evaluated = true;
            return Ok(());
        }
        let loss = self.engine.loss();
        if !loss.is_finite() {
            return self.diverge();
        }
        self.evaluated = true;
        self.note_tolerance(loss);
        let ends = self.ends(loss);
        if ends || self.is_due() {
            self.measure();
        }
        if ends {
            self.status = Some(Status::Completed);
        } else if self.batched || self.step.is_multiple_of(SAFE_EVERY) {
            self.safe.0 = self.step;
            self.safe.1.clear();
            self.engine.save(&mut self.safe.1);
        }
        Ok(())
    }

    /// The loss at the current step, and the gradients where a stop rule makes every step look at them:
    /// an update takes the same bits from them only if it is always done this way.
    fn forward(&mut self) {
        if self.batched {
            return;
        }
        self.engine.loss();
        if self.trial.train.stop_gradient_norm.is_some() {
            self.engine.gradient_norm();
        }
    }

    fn ends(&mut self, loss: f64) -> bool {
        let train = &self.trial.train;
        if self.step >= train.steps {
            return true;
        }
        if train.stop_train_loss.is_some_and(|bound| loss <= bound) {
            return true;
        }
        match train.stop_gradient_norm {
            Some(bound) => self.engine.gradient_norm() <= bound,
            None => false,
        }
    }

    fn is_due(&self) -> bool {
        let measure = &self.trial.measure;
        self.step == 0
            || (measure.every > 0 && self.step.is_multiple_of(measure.every))
            || (self.step == 1 && measure.metrics.angles)
    }

    fn note_tolerance(&mut self, loss: f64) {
        let tolerance = self.trial.measure.tolerance;
        if self.tolerance_steps.is_none() && tolerance.is_some_and(|bound| loss <= bound) {
            self.tolerance_steps = Some(self.step);
            let seconds = self.train_seconds + (self.clock)() - self.since;
            self.tolerance_seconds = Some(seconds);
        }
    }

    fn measure(&mut self) {
        let begun = (self.clock)();
        self.train_seconds += begun - self.since;
        self.engine.measure(self.step, &mut self.rows);
        self.since = (self.clock)();
        self.measure_seconds += self.since - begun;
    }

    /// Ends the run at its last step with a finite loss: goes back to the state kept before it and takes the
    /// steps again, which gives the same bits, so that the last rows are those of finite weights. With batches that is
    /// the last measured step with a finite loss, whose state is kept.
    fn diverge(&mut self) -> Result<(), TrialError> {
        self.status = Some(Status::Diverged);
        let Some(last) = self.step.checked_sub(1) else {
            return Ok(());
        };
        let (kept, state) = &self.safe;
        let kept = *kept;
        let last = if self.batched { kept } else { last };
        self.engine.load(&mut state.as_slice())?;
        for _ in kept..last {
            self.forward();
            self.engine.update();
        }
        self.step = last;
        self.engine.loss();
        if self.rows.history.last().is_none_or(|row| row.step != last) {
            self.measure();
        }
        Ok(())
    }
}

/// Trains a trial from beginning to end.
///
/// # Errors
/// As [`Run::new`].
pub fn run(
    trial: &Trial,
    data: &Data,
    threads: Threads,
    clock: Clock<'_>,
) -> Result<Outcome, TrialError> {
    let mut run = Run::new(trial, data, threads, clock)?;
    while run.advance(u64::MAX)? == Progress::Running {}
    Ok(run.finish())
}

fn tag(engine: outcome::EngineKind) -> u64 {
    match engine {
        outcome::EngineKind::Full => 0,
        outcome::EngineKind::Reduced => 1,
        outcome::EngineKind::Factored => 2,
        outcome::EngineKind::Projected => 3,
    }
}

#[cfg(test)]
mod tests;
