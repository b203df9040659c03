//! Where time and operations went, and what the reduction to a core saved: the operations of the full engine against
//! those that were done.

use sweep::Cost;

use super::ask::{Ask, Row, named_columns};
use super::asked::{Asked, Axis};
use super::folder::folder;
use super::outcome::place;
use crate::error::ReportError;

/// Combinations of axes that cost depends on: planning one takes microseconds. Trials of further combinations are left
/// out of the saving, and counted.
const COMBINATIONS: u64 = 50_000;

/// Levels of the axis that moves the time most.
const LEVELS: u64 = 12;

/// What a trial takes in seconds, all its phases.
const SECONDS: &str = "coalesce(setup_seconds, 0) + coalesce(train_seconds, 0) + coalesce(measure_seconds, 0) + \
                       coalesce(failed_seconds, 0)";

#[derive(Clone, Debug)]
pub struct Expense {
    /// The engines, the one with the most seconds first.
    pub engines: Vec<EngineShare>,
    /// The axis along which a trial's time differs most, with mean seconds of a trial at each of its values.
    pub slow_axis: Option<SlowAxis>,
    pub saving: Saving,
}

/// An axis: its name, and of each value its trials and their mean seconds.
pub type SlowAxis = (String, Vec<(String, u64, f64)>);

/// Trials of one engine, added up.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineShare {
    /// None for trials that failed before one was chosen.
    pub engine: Option<String>,
    pub trials: u64,
    pub steps: f64,
    pub flops: f64,
    pub setup_seconds: f64,
    pub train_seconds: f64,
    pub measure_seconds: f64,
    /// In attempts that failed.
    pub failed_seconds: f64,
}

/// What the trials on a core saved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Saving {
    /// Trials on a core.
    pub trials: u64,
    /// Of those, completed trials whose cost on the full engine is known: their sweep and data are at hand.
    pub known: u64,
    /// Operations that these did, and would have done on the full engine.
    pub done_flops: f64,
    pub wide_flops: f64,
    /// Seconds that these took, and that the plan expects of the full engine on one core.
    pub done_seconds: f64,
    pub wide_seconds: f64,
    /// Trials that ran on both engines, and their seconds on the full and on the reduced one.
    pub measured: Option<(u64, f64, f64)>,
    /// Largest residual of a certificate that held.
    pub residual: Option<f64>,
    /// Trials whose certificate did not hold, so that the full engine ran; their largest residual.
    pub refused: u64,
    pub refused_residual: Option<f64>,
    /// Widest core.
    pub core_width: Option<u64>,
}

impl Expense {
    pub(crate) fn read(
        ask: &Ask<'_>,
        asked: &[Asked],
        axes: &[Axis],
    ) -> Result<Expense, ReportError> {
        Ok(Expense {
            engines: engines(ask)?,
            slow_axis: slow_axis(ask, axes)?,
            saving: saving(ask, asked, axes)?,
        })
    }

    /// Seconds of all trials together.
    pub fn seconds(&self) -> f64 {
        self.engines.iter().map(EngineShare::seconds).sum()
    }

    /// Operations of all trials together.
    pub fn flops(&self) -> f64 {
        self.engines.iter().map(|engine| engine.flops).sum()
    }
}

impl EngineShare {
    pub fn seconds(&self) -> f64 {
        self.setup_seconds + self.train_seconds + self.measure_seconds + self.failed_seconds
    }
}

impl Saving {
    /// Energy that the saved seconds would have taken, in kWh, at a power of each core in watts.
    pub fn kwh(&self, watts: f64) -> f64 {
        kwh(self.wide_seconds - self.done_seconds, watts)
    }

    /// The full engine's cost is known of some trial.
    pub fn is_known(&self) -> bool {
        self.known > 0 && self.wide_flops > 0.0
    }
}

/// Energy of a time at a power, in kWh.
pub fn kwh(seconds: f64, watts: f64) -> f64 {
    seconds * watts / 3.6e6
}

fn engines(ask: &Ask<'_>) -> Result<Vec<EngineShare>, ReportError> {
    let sql = format!(
        "SELECT engine, count(*) AS n, sum(steps) AS steps, sum(flops) AS flops, sum(setup_seconds) AS setup, \
         sum(train_seconds) AS train, sum(measure_seconds) AS measure, sum(failed_seconds) AS failed, \
         sum({SECONDS}) AS seconds FROM trials GROUP BY engine ORDER BY seconds DESC, engine"
    );
    let answer = ask.rows(&sql)?;
    let share = |row: Row<'_>| {
        let number = |column| row.number(column).unwrap_or(0.0);
        EngineShare {
            engine: row.text("engine").map(str::to_owned),
            trials: row.count("n"),
            steps: number("steps"),
            flops: number("flops"),
            setup_seconds: number("setup"),
            train_seconds: number("train"),
            measure_seconds: number("measure"),
            failed_seconds: number("failed"),
        }
    };
    Ok(Row::all(&answer).map(share).collect())
}

fn slow_axis(ask: &Ask<'_>, axes: &[Axis]) -> Result<Option<SlowAxis>, ReportError> {
    let mut found: Option<(f64, SlowAxis)> = None;
    for axis in axes.iter().filter(|axis| axis.costs && !axis.is_replicate) {
        let keys = named_columns(&axis.columns);
        let sql = format!(
            "SELECT {keys}, count(*) AS n, avg({SECONDS}) AS mean FROM trials GROUP BY {keys} \
             ORDER BY mean DESC, {keys} LIMIT {LEVELS}"
        );
        let answer = ask.rows(&sql)?;
        let one = std::slice::from_ref(axis);
        let levels: Vec<(String, u64, f64)> = Row::all(&answer)
            .filter_map(|row| {
                Some((
                    place(&row, one).remove(0).1,
                    row.count("n"),
                    row.number("mean")?,
                ))
            })
            .collect();
        let least = levels
            .iter()
            .map(|level| level.2)
            .fold(f64::INFINITY, f64::min);
        let most = levels.first().map_or(0.0, |level| level.2);
        if levels.len() > 1
            && found
                .as_ref()
                .is_none_or(|(spread, _)| most - least > *spread)
        {
            found = Some((most - least, (axis.name.clone(), levels)));
        }
    }
    Ok(found.map(|(_, axis)| axis))
}

fn saving(ask: &Ask<'_>, asked: &[Asked], axes: &[Axis]) -> Result<Saving, ReportError> {
    let answer = ask.rows(&format!(
        "SELECT sum(CASE WHEN engine <> 'full' THEN 1 ELSE 0 END) AS n, \
         max(CASE WHEN engine <> 'full' THEN reduction_residual END) AS residual, \
         max(CASE WHEN engine <> 'full' THEN core_width END) AS core, \
         sum(CASE WHEN engine = 'full' AND reduction_residual IS NOT NULL THEN 1 ELSE 0 END) AS refused, \
         max(CASE WHEN engine = 'full' THEN reduction_residual END) AS refused_residual, \
         sum(CASE WHEN {BOTH} THEN 1 ELSE 0 END) AS compared, \
         sum(CASE WHEN {BOTH} THEN verify_full_seconds END) AS full_seconds, \
         sum(CASE WHEN {BOTH} THEN verify_reduced_seconds END) AS reduced_seconds FROM trials"
    ))?;
    let mut saving = Saving::default();
    if let Some(row) = Row::first(&answer) {
        saving.trials = row.count("n");
        saving.residual = row.number("residual");
        saving.core_width = Some(row.count("core")).filter(|&core| core > 0);
        saving.refused = row.count("refused");
        saving.refused_residual = row.number("refused_residual");
        let times = row
            .number("full_seconds")
            .zip(row.number("reduced_seconds"));
        saving.measured = times.map(|(full, reduced)| (row.count("compared"), full, reduced));
    }
    if saving.trials > 0 {
        let several = asked.len() > 1;
        for asked in asked {
            wide(ask, asked, axes, several, &mut saving)?;
        }
    }
    Ok(saving)
}

/// Trials that ran on both engines.
const BOTH: &str = "verify_full_seconds IS NOT NULL AND verify_reduced_seconds IS NOT NULL";

/// Adds what a run's trials on a core did and would have cost, one plan for each combination of axes that cost
/// depends on.
fn wide(
    ask: &Ask<'_>,
    asked: &Asked,
    axes: &[Axis],
    several: bool,
    saving: &mut Saving,
) -> Result<(), ReportError> {
    let Some(folder) = folder(&asked.dir) else {
        return Ok(());
    };
    let own = axes.iter().filter(|axis| axis.costs && axis.name != "run");
    let keys = named_columns(own.flat_map(|axis| &axis.columns));
    let group = if keys.is_empty() {
        String::new()
    } else {
        format!("GROUP BY {keys}")
    };
    let run = asked.run.replace('\'', "''");
    let of_run = if several {
        format!("AND run = '{run}'")
    } else {
        String::new()
    };
    let answer = ask.rows(&format!(
        "SELECT min(trial) AS example, arg_min(id, trial) AS id, count(*) AS n, sum(steps) AS steps, \
         sum(flops) AS flops, sum({SECONDS}) AS seconds FROM trials \
         WHERE engine <> 'full' AND status = 'completed' {of_run} {group} ORDER BY n DESC, example LIMIT {COMBINATIONS}"
    ))?;
    for row in Row::all(&answer) {
        let example = row.count("example");
        let is_same = folder
            .id_of(example)
            .is_ok_and(|id| Some(id.as_str()) == row.text("id"));
        let Some(trial) = is_same.then(|| folder.trial(example).ok()).flatten() else {
            continue;
        };
        let planned = trial.train.steps as f64;
        let steps = row.number("steps").unwrap_or(0.0);
        let wide = Cost::of_full_engine(&trial);
        // A stop rule may have ended trials early.
        let share = if planned > 0.0 {
            steps / planned
        } else {
            row.count("n") as f64
        };
        saving.known += row.count("n");
        saving.wide_flops += wide.flops * share;
        saving.wide_seconds += wide.seconds * share;
        saving.done_flops += row.number("flops").unwrap_or(0.0);
        saving.done_seconds += row.number("seconds").unwrap_or(0.0);
    }
    Ok(())
}
