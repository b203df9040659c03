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

/// First byte of the state of a comparison that trains the wide network once more, from a start one rounding away.
const JUDGING: u8 = 3;

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
    /// Both have come to their ends and are apart.
    Judging {
        reduced: Vec<u8>,
        wide: Vec<u8>,
        nudged: Vec<u8>,
    },
    Compared(Box<ComparisonRow>, Vec<u8>),
}

/// States of the runs of a comparison to continue from: the reduced one, the wide one, the wide one from a start one
/// rounding away.
type States = [Option<Vec<u8>>; 3];

/// Compares and trains one trial. What goes wrong in a comparison is the comparison's, not the trial's.
pub(crate) fn train(
    trial: &Trial,
    predicted: &Predicted,
    context: &TrialContext<'_>,
) -> (Option<ComparisonRow>, TrialEnd) {
    let (states, made): (States, _) = match context.resume.as_deref().and_then(decoded) {
        Some(Stage::Compared(row, state)) => ([None, None, None], Some((row, Some(state)))),
        Some(Stage::Comparing { reduced, wide }) => {
            let wide = Some(wide).filter(|wide| !wide.is_empty());
            ([Some(reduced), wide, None], None)
        }
        Some(Stage::Judging {
            reduced,
            wide,
            nudged,
        }) => ([Some(reduced), Some(wide), Some(nudged)], None),
        None => ([None, None, None], None),
    };
    let (row, state) = match made {
        Some(made) => made,
        None => match compare(trial, predicted.comparison, context, states) {
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

/// What is done with a run at its end.
type Keep<'k> = &'k (dyn Fn(&Run<'_>) + Sync);

/// `None` where it is to be continued elsewhere, or is not wanted any more.
fn compare(
    trial: &Trial,
    predicted: f64,
    context: &TrialContext<'_>,
    [reduced, wide, nudged]: States,
) -> Option<ComparisonRow> {
    let mut found = None;
    let trained = guarded(|begun| {
        let mut compared = verify::compared(trial);
        let ends = [Mutex::new(Vec::new()), Mutex::new(Vec::new())];
        let end = |run: usize| ends[run].lock().unwrap_or_else(PoisonError::into_inner);
        let advanced =
            |trial: &Trial, state, save: &(dyn Fn(u64, Vec<u8>) + Sync), keep: Keep<'_>| {
                let own = TrialContext {
                    left: IGNORE_TIME_LEFT,
                    rows: None,
                    ..context.with(state, save, keep)
                };
                advance(trial, predicted, &own, begun)
            };
        let save = |step: u64, reduced: Vec<u8>| {
            (context.save)(step, comparing(reduced, Vec::new()));
        };
        let keep = |run: &Run<'_>| *end(0) = run.checkpoint();
        let reduced = verify::on_reduced(&mut compared, |trial| {
            advanced(trial, reduced.clone(), &save, &keep)
        });
        let Some(reduced) = outcome(reduced, &mut found) else {
            return Ok(TrialEnd::GivenBack);
        };
        let save = |step: u64, wide: Vec<u8>| {
            (context.save)(step, comparing(end(0).clone(), wide));
        };
        let keep = |run: &Run<'_>| *end(1) = run.checkpoint();
        let full = advanced(
            &verify::on(&compared, EngineChoice::Full),
            wide,
            &save,
            &keep,
        );
        let Some(full) = outcome(full, &mut found) else {
            return Ok(TrialEnd::GivenBack);
        };
        let precision = trial.train.precision;
        let between = verify::between(&full, &reduced, precision);
        if !verify::is_open(&between) {
            found = Some(between);
            return Ok(TrialEnd::GivenBack);
        }
        let save = |step: u64, nudged: Vec<u8>| {
            (context.save)(step, judging(end(0).clone(), end(1).clone(), nudged));
        };
        let trained = advanced(&verify::nudged(&compared)?, nudged, &save, IGNORE_END);
        if let Some(nudged) = outcome(trained, &mut found) {
            found = Some(verify::between_until(&full, &reduced, &nudged, precision));
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
            verdict: match (found.is_kept(), found.until) {
                (true, None) => Verdict::Within,
                (true, Some(step)) => Verdict::WithinUntil(step),
                (false, _) => Verdict::Beyond(None),
            },
            differences: found.found,
            full_seconds: Some(found.full_seconds),
            reduced_seconds: Some(found.reduced_seconds),
        },
        Err(why) if why.breaks() => ComparisonRow::without(Verdict::Beyond(Some(why.to_string()))),
        Err(why) => ComparisonRow::without(Verdict::NotCompared(why.to_string())),
    }
}

fn comparing(reduced: Vec<u8>, wide: Vec<u8>) -> Vec<u8> {
    encoded(&Stage::Comparing { reduced, wide })
}

fn judging(reduced: Vec<u8>, wide: Vec<u8>, nudged: Vec<u8>) -> Vec<u8> {
    encoded(&Stage::Judging {
        reduced,
        wide,
        nudged,
    })
}

fn encoded(stage: &Stage) -> Vec<u8> {
    match stage {
        Stage::Comparing { reduced, wide } => {
            let mut bytes = vec![COMPARING];
            put(&mut bytes, reduced);
            bytes.extend_from_slice(wide);
            bytes
        }
        Stage::Judging {
            reduced,
            wide,
            nudged,
        } => {
            let mut bytes = vec![JUDGING];
            put(&mut bytes, reduced);
            put(&mut bytes, wide);
            bytes.extend_from_slice(nudged);
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
        JUDGING => {
            let wide = take_slice(&mut rest)?.to_vec();
            Some(Stage::Judging {
                reduced: first.to_vec(),
                wide,
                nudged: rest.to_vec(),
            })
        }
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
        let judging = Stage::Judging {
            reduced: b"small".to_vec(),
            wide: b"at its end".to_vec(),
            nudged: b"state".to_vec(),
        };
        for stage in [made, under_way, judging] {
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
                until: None,
                full_seconds: 2.0,
                reduced_seconds: 1.0,
            })
        };
        let in_part = |loss| {
            found(loss).map(|found| Differences {
                until: Some(150),
                ..found
            })
        };
        assert_eq!(
            super::row(in_part(1e-13)).verdict,
            Verdict::WithinUntil(150)
        );
        assert_eq!(super::row(in_part(1e-3)).verdict, Verdict::Beyond(None));
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
    fn a_run_that_amplifies_rounding_moves_from_worker_to_worker_too() {
        // Past the edge of stability, where the one mode moves without order.
        let wild = "name = \"v\"\n[problem]\ndim = 12\nrank = 1\nloss = \"sum\"\nsingular_values = \"flat\"\n\
                    [network]\nwidth = 12\n[init]\nscale = 0.7\n[train]\nsteps = 120\nengine = \"reduced\"\n\
                    [optimizer]\nrate = 0.95\n";
        let spec = sweep::Spec::parse(wild, "v.toml", &[]).unwrap();
        let grid = sweep::Grid::new(spec, sweep::Arrays::new()).unwrap();
        let trial = grid.trial(0).unwrap();
        let data = dln::prepare(&trial).unwrap();
        let still = || 0.0;
        let together = verify::both(&trial, &data, dln::Threads::Seq, &still).unwrap();
        let until = together.until.expect("chaotic");
        let (row, _, left) = in_pieces(&trial);
        assert_eq!(row.verdict, Verdict::WithinUntil(until));
        assert_eq!(row.differences, together.found);
        // Four runs of 120 steps, the last of which ends each.
        assert_eq!(left, 4 * 119);
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
