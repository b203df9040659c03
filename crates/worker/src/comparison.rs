//! A trial that `[train] verify` takes: both engines train it with the measurements that are compared, then it is
//! trained as itself. A checkpoint says how far all that is.

use std::sync::{Mutex, PoisonError};

use dln::verify::{self, Differences, NotCompared};
use dln::{EngineChoice, Outcome, Run, Trial, TrialError};
use table::{ComparisonRow, Verdict};

use crate::trial::{IGNORE_END, TrialContext, TrialEnd, advance, guarded};

/// First byte of the state of a comparison that is under way.
const COMPARING: u8 = 1;

/// First byte of the state of a trial whose comparison is made.
const COMPARED: u8 = 2;

/// How long a run of a comparison takes still says nothing of the trial, which begins after it.
const IGNORE_TIME_LEFT: &(dyn Fn(f64) + Sync) = &|_| ();

/// Predicted seconds of the parts.
pub(crate) struct Predicted {
    pub(crate) trial: f64,
    pub(crate) comparison: f64,
}

/// Where a trial and its comparison stand: the states of runs.
#[derive(Debug, PartialEq)]
enum Stage {
    /// The wide run begins once the reduced one has come to its end; its state is empty before that.
    Comparing {
        reduced: Vec<u8>,
        wide: Vec<u8>,
    },
    Compared(Box<ComparisonRow>, Vec<u8>),
}

/// Compares and trains one trial. What goes wrong in a comparison is the comparison's, not the trial's.
pub(crate) fn train(
    trial: &Trial,
    predicted: &Predicted,
    context: &TrialContext<'_>,
) -> (Option<ComparisonRow>, TrialEnd) {
    let (reduced, wide, made) = match context.resume.as_deref().and_then(decoded) {
        Some(Stage::Compared(row, state)) => (None, None, Some((row, Some(state)))),
        Some(Stage::Comparing { reduced, wide }) => (
            Some(reduced),
            Some(wide).filter(|wide| !wide.is_empty()),
            None,
        ),
        None => (None, None, None),
    };
    let (row, state) = match made {
        Some(made) => made,
        None => match compare(trial, predicted.comparison, context, [reduced, wide]) {
            Some(row) => (Box::new(row), None),
            None => return (None, TrialEnd::GivenBack),
        },
    };
    let save = |step: u64, state: Vec<u8>| {
        (context.save)(step, encoded(&Stage::Compared(row.clone(), state)));
    };
    let own = context.with(state, &save, IGNORE_END);
    let trained = crate::trial::train(trial, predicted.trial, &own);
    (Some(*row), trained)
}

/// `None` where it is to be continued elsewhere, or is not wanted any more.
fn compare(
    trial: &Trial,
    predicted: f64,
    context: &TrialContext<'_>,
    [reduced, wide]: [Option<Vec<u8>>; 2],
) -> Option<ComparisonRow> {
    let mut found = None;
    let trained = guarded(|begun| {
        let mut compared = verify::compared(trial);
        let save = |step: u64, reduced: Vec<u8>| {
            let wide = Vec::new();
            (context.save)(step, encoded(&Stage::Comparing { reduced, wide }));
        };
        let end = Mutex::new(Vec::new());
        let keep = |run: &Run<'_>| {
            *end.lock().unwrap_or_else(PoisonError::into_inner) = run.checkpoint();
        };
        let small = TrialContext {
            left: IGNORE_TIME_LEFT,
            rows: None,
            ..context.with(reduced, &save, &keep)
        };
        let reduced = verify::on_reduced(&mut compared, |trial| {
            advance(trial, predicted, &small, begun)
        });
        let Some(reduced) = outcome(reduced, &mut found) else {
            return Ok(TrialEnd::GivenBack);
        };
        let save = |step: u64, wide: Vec<u8>| {
            let reduced = end.lock().unwrap_or_else(PoisonError::into_inner).clone();
            (context.save)(step, encoded(&Stage::Comparing { reduced, wide }));
        };
        let wide = TrialContext {
            left: IGNORE_TIME_LEFT,
            rows: None,
            ..context.with(wide, &save, IGNORE_END)
        };
        let on_full = verify::on(&compared, EngineChoice::Full);
        let full = advance(&on_full, predicted, &wide, begun);
        if let Some(full) = outcome(full, &mut found) {
            let precision = trial.train.precision;
            found = Some(verify::between(&full, &reduced, precision));
        }
        Ok(TrialEnd::GivenBack)
    });
    match (found, trained) {
        (Some(found), _) => Some(row(found)),
        // A panic.
        (None, TrialEnd::Failed { error, .. }) => {
            Some(ComparisonRow::without(Verdict::Beyond(Some(error))))
        }
        (None, _) => None,
    }
}

/// The outcome of a run that came to its end; what refused it goes to `found`.
fn outcome(
    trained: Result<TrialEnd, TrialError>,
    found: &mut Option<Result<Differences, NotCompared>>,
) -> Option<Box<Outcome>> {
    match trained {
        Ok(TrialEnd::Ran(outcome)) => Some(outcome),
        Ok(TrialEnd::GivenBack | TrialEnd::Failed { .. }) => None,
        Err(error) => {
            *found = Some(Err(error.into()));
            None
        }
    }
}

/// A comparison in the table's own terms.
pub fn row(found: Result<Differences, NotCompared>) -> ComparisonRow {
    match found {
        Ok(found) => ComparisonRow {
            verdict: if found.is_kept() {
                Verdict::Within
            } else {
                Verdict::Beyond(None)
            },
            differences: found.found,
            full_seconds: Some(found.full_seconds),
            reduced_seconds: Some(found.reduced_seconds),
        },
        Err(why) if why.breaks() => ComparisonRow::without(Verdict::Beyond(Some(why.to_string()))),
        Err(why) => ComparisonRow::without(Verdict::NotCompared(why.to_string())),
    }
}

fn encoded(stage: &Stage) -> Vec<u8> {
    match stage {
        Stage::Comparing { reduced, wide } => {
            let mut bytes = vec![COMPARING];
            put(&mut bytes, reduced);
            bytes.extend_from_slice(wide);
            bytes
        }
        Stage::Compared(row, state) => {
            let mut bytes = vec![COMPARED];
            put(&mut bytes, row.verdict.text().as_bytes());
            for number in numbers(row) {
                bytes.push(u8::from(number.is_some()));
                bytes.extend_from_slice(&number.unwrap_or(0.0).to_le_bytes());
            }
            bytes.extend_from_slice(state);
            bytes
        }
    }
}

fn numbers(row: &ComparisonRow) -> impl Iterator<Item = Option<f64>> {
    let seconds = [row.full_seconds, row.reduced_seconds];
    row.differences.into_iter().chain(seconds)
}

/// `None` for anything else than what [`encoded`] makes: the trial begins anew.
fn decoded(bytes: &[u8]) -> Option<Stage> {
    let (&tag, mut rest) = bytes.split_first()?;
    let first = take_slice(&mut rest)?;
    match tag {
        COMPARING => Some(Stage::Comparing {
            reduced: first.to_vec(),
            wide: rest.to_vec(),
        }),
        COMPARED => {
            let mut next = || -> Option<Option<f64>> {
                let [there] = take(&mut rest)?;
                let value = f64::from_le_bytes(take(&mut rest)?);
                Some((there == 1).then_some(value))
            };
            let mut differences = [None; 6];
            for difference in &mut differences {
                *difference = next()?;
            }
            let row = ComparisonRow {
                verdict: Verdict::of(std::str::from_utf8(first).ok()?)?,
                differences,
                full_seconds: next()?,
                reduced_seconds: next()?,
            };
            Some(Stage::Compared(Box::new(row), rest.to_vec()))
        }
        _ => None,
    }
}

/// The length, then the bytes.
fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
    bytes.extend_from_slice(part);
}

fn take_slice<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(u64::from_le_bytes(take(bytes)?)).ok()?;
    let (head, tail) = bytes.split_at_checked(length)?;
    *bytes = tail;
    Some(head)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = bytes.split_first_chunk::<N>()?;
    *bytes = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cache::Cache;
    use crate::lease::Flag;

    const SWEEP: &str = "name = \"v\"\n[problem]\ndim = 24\nrank = 2\n[network]\nwidth = 40\n[train]\n\
                         steps = 300\nengine = \"reduced\"\n";

    fn trial() -> Trial {
        let spec = sweep::Spec::parse(SWEEP, "v.toml", &[]).unwrap();
        let grid = sweep::Grid::new(spec, sweep::Arrays::new()).unwrap();
        grid.trial(0).unwrap()
    }

    #[test]
    fn the_tables_names_are_those_of_what_is_compared() {
        let compared = verify::COMPARED.map(|compared| compared.name);
        assert_eq!(table::Comparison::names(), compared);
    }

    #[test]
    fn states_read_back_and_nothing_else_does() {
        let row = ComparisonRow {
            verdict: Verdict::Beyond(Some("words".to_owned())),
            differences: [
                Some(1e-13),
                None,
                Some(0.0),
                None,
                Some(-0.0),
                Some(f64::MAX),
            ],
            full_seconds: Some(2.5),
            reduced_seconds: None,
        };
        let made = Stage::Compared(Box::new(row), b"state".to_vec());
        let under_way = Stage::Comparing {
            reduced: b"small".to_vec(),
            wide: b"state".to_vec(),
        };
        for stage in [made, under_way] {
            let bytes = encoded(&stage);
            assert_eq!(decoded(&bytes), Some(stage));
            for end in 0..bytes.len() - b"state".len() {
                assert!(decoded(&bytes[..end]).is_none(), "{end}");
            }
        }
        assert!(decoded(&[9; 40]).is_none() && decoded(&[]).is_none());
    }

    #[test]
    fn verdicts_are_those_of_what_was_found() {
        let found = |loss| {
            Ok(Differences {
                found: [Some(loss), None, None, None, None, None],
                coarser: 1.0,
                full_seconds: 2.0,
                reduced_seconds: 1.0,
            })
        };
        assert_eq!(super::row(found(1e-13)).verdict, Verdict::Within);
        let beyond = super::row(found(1e-3));
        assert_eq!(beyond.verdict, Verdict::Beyond(None));
        assert_eq!(
            (beyond.differences[0], beyond.full_seconds),
            (Some(1e-3), Some(2.0))
        );
        let of = |why| super::row(Err(why)).verdict;
        assert!(matches!(
            of(NotCompared::OneDiverged),
            Verdict::Beyond(Some(_))
        ));
        assert!(matches!(of(NotCompared::Diverged), Verdict::NotCompared(_)));
        let outside = TrialError::from(dln::NotReducible::Metrics);
        assert!(matches!(of(outside.into()), Verdict::NotCompared(_)));
    }

    /// Trains in slices, leaving with a checkpoint after each, until the end; what was found and how often it left.
    fn in_pieces(trial: &Trial) -> (ComparisonRow, Box<Outcome>, usize) {
        let cache = Cache::default();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .build()
            .unwrap();
        // So long that every slice is of one step.
        let predicted = Predicted {
            trial: 1e3,
            comparison: 1e3,
        };
        let mut resume = None;
        for left in 0..2000 {
            let draining = Flag::default();
            draining.raise();
            let saved = Mutex::new(None);
            let save = |step: u64, state: Vec<u8>| *saved.lock().unwrap() = Some((step, state));
            let context = TrialContext {
                cache: &cache,
                pool: &pool,
                idle: &|| false,
                unwanted: &|| false,
                draining: &draining,
                checkpoint_every: Duration::from_secs(3600),
                resume: resume.take().map(|(_, state)| state),
                save: &save,
                rows: None,
                ended: IGNORE_END,
                left: &|_| (),
            };
            match super::train(trial, &predicted, &context) {
                (Some(row), TrialEnd::Ran(outcome)) => return (row, outcome, left),
                (_, TrialEnd::GivenBack) => resume = saved.into_inner().unwrap(),
                _ => panic!("it failed"),
            }
        }
        panic!("no end");
    }

    #[test]
    fn a_comparison_that_moves_from_worker_to_worker_comes_to_the_same_end() {
        let mut trial = trial();
        trial.train.steps = 12;
        trial.train.engine = EngineChoice::Full;
        let (row, outcome, left) = in_pieces(&trial);
        assert_eq!(row.verdict, Verdict::Within);
        let data = dln::prepare(&trial).unwrap();
        let still = || 0.0;
        let whole = dln::run(&trial, &data, dln::Threads::Seq, &still).unwrap();
        assert_eq!(whole.history, outcome.history);
        let together = verify::both(&trial, &data, dln::Threads::Seq, &still).unwrap();
        assert_eq!(row.differences, together.found);
        // Three runs of twelve steps, the last of which ends each.
        assert_eq!(left, 3 * 11);
    }
}
