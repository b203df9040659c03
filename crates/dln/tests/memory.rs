//! Memory of the reduced engine: a few columns of the wide network at a time, never a wide matrix.
//!
//! Alone in its binary, because it counts what the whole process allocates.

#[path = "../benches/setting/mod.rs"]
mod setting;

use dln::{EngineChoice, SingularValues, Target, Task, Threads, Trial, prepare, run};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const NUMBER: usize = size_of::<f64>();

/// A factorization of rank 5 at this dimension, on its core of 10.
fn factorization(dim: usize, depth: usize) -> Trial {
    let mut trial = setting::completion(dim, dim, depth, 1.0, 0);
    trial.problem.task = Task::Factorization {
        target: Target::Drawn {
            rank: 5,
            singular_values: SingularValues::Gaussian,
        },
    };
    trial.init.scales = vec![0.1; depth];
    trial.train.engine = EngineChoice::Reduced;
    trial.train.steps = 50;
    trial.measure.every = 10;
    trial.measure.metrics.effective_rank = true;
    trial.measure.metrics.nuclear_norm = true;
    trial.measure.metrics.stable_rank = true;
    trial.measure.metrics.spectrum = true;
    trial.measure.metrics.angles = true;
    trial
}

/// Most bytes that were in use at a time, over those before, while a trial was drawn, set up, trained and
/// measured.
fn peak(dim: usize, depth: usize) -> usize {
    let trial = factorization(dim, depth);
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let data = prepare(&trial).expect("data");
    let outcome = run(&trial, &data, Threads::Seq, &|| 0.0).expect("the law holds");
    assert_eq!(outcome.core_width, Some(10));
    ALLOCATED.peak_usage() - before
}

#[test]
fn memory_grows_with_the_width_and_not_with_its_square() {
    // What is set up once in a process is not a trial's.
    peak(200, 3);
    let (narrow, wide) = (peak(1000, 3), peak(4000, 3));
    eprintln!("{narrow} bytes at d = 1000, {wide} at d = 4000");
    // The measured values in rows depend on the core alone, so four times the width is at most four times the memory.
    assert!(wide <= 4 * narrow, "{narrow} and {wide}");
    // O(d k): 107 columns at k = 10, with 16 reflectors drawn at a time; a wide matrix has 4000.
    assert!(wide <= 128 * 4000 * NUMBER, "{wide}");
    let deep = peak(1000, 6);
    // A layer more is another basis of k columns.
    assert!(
        deep <= narrow + 3 * 2 * 10 * 1000 * NUMBER,
        "{narrow} and {deep}"
    );
}
