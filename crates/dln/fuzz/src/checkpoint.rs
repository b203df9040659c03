//! Bytes that claim to be a checkpoint: they are refused, or the run goes on from there, to the same bits each time.
//!
//! The first byte chooses the trial; an even second byte gives the rest as the checkpoint, an odd one takes a sound
//! checkpoint and changes it at places.

use std::sync::LazyLock;

use dln::{Data, Run, Threads, Trial, TrialError};
use sweep::{Arrays, Grid, Spec};

/// Each engine with each optimizer that it takes, and rows of every table.
const SWEEP: &str = r#"
name = "fuzz"
[axes]
"train.engine" = ["full", "reduced", "factored"]
"optimizer.kind" = ["gd", "momentum", "adam"]
[problem]
kind = "factorization"
dim = 8
rank = 1
[network]
depth = 3
[init]
kind = "orthogonal"
scale = 0.5
[train]
steps = 40
[measure]
every = 4
metrics = ["train_loss", "spectrum", "balancedness", "angles"]
[filter]
where = "train.engine == 'full' or optimizer.kind != 'adam'"
"#;

/// Updates before the sound checkpoint is made, and after one is taken up.
const STEPS: u64 = 6;

/// Changes to one checkpoint.
const CHANGES: usize = 64;

struct Known {
    trial: Trial,
    data: Data,
    sound: Vec<u8>,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let spec = Spec::parse(SWEEP, "fuzz.toml", &[]).expect("a sweep");
    let grid = Grid::new(spec, Arrays::new()).expect("a grid");
    let trials = (0..grid.size()).filter(|index| grid.kept(*index));
    trials
        .map(|index| {
            let trial = grid.trial(index).expect("a trial");
            let data = dln::prepare(&trial).expect("its data");
            let mut run = Run::new(&trial, &data, Threads::Seq, &clock).expect("a run");
            run.advance(STEPS).expect("some steps");
            let sound = run.checkpoint();
            drop(run);
            Known { trial, data, sound }
        })
        .collect()
});

fn clock() -> f64 {
    0.0
}

pub fn fuzz(data: &[u8]) {
    let Some(([choice, kind], rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let known = &KNOWN[usize::from(*choice) % KNOWN.len()];
    let bytes = if kind % 2 == 0 {
        rest.to_vec()
    } else {
        changed(&known.sound, rest)
    };
    match (continued(known, &bytes), continued(known, &bytes)) {
        (Ok(one), Ok(other)) => assert_eq!(one, other),
        (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
        (one, other) => panic!("{one:?} and then {other:?}"),
    }
    if bytes == known.sound {
        assert!(continued(known, &bytes).is_ok(), "a sound checkpoint");
    }
}

/// The checkpoint of the run that went on from these bytes.
fn continued(known: &Known, bytes: &[u8]) -> Result<Vec<u8>, TrialError> {
    let mut run = Run::restore(&known.trial, &known.data, Threads::Seq, &clock, bytes)?;
    run.advance(STEPS)?;
    Ok(run.checkpoint())
}

/// The sound checkpoint, changed: four bytes say what is done, where, and with what.
fn changed(sound: &[u8], recipe: &[u8]) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for change in recipe.chunks_exact(4).take(CHANGES) {
        let at = usize::from(u16::from_le_bytes([change[1], change[2]]));
        if at >= bytes.len() {
            continue;
        }
        match change[0] % 6 {
            0 => bytes[at] = change[3],
            1 => bytes[at] ^= 1 << (change[3] % 8),
            2 => bytes.truncate(at),
            3 => drop(bytes.remove(at)),
            4 => bytes.insert(at, change[3]),
            _ => bytes[at] = bytes[at].wrapping_add(change[3]),
        }
    }
    bytes
}
