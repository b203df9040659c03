//! Steps of the full engine allocate nothing, whatever they go by.
//!
//! Alone in its process and without the test harness, whose own thread allocates too: it counts what the whole process
//! does.

#[path = "../benches/setting/mod.rs"]
mod setting;

use dln::{
    Activation, EngineChoice, Given, Inputs, Loss, Problem, Run, Samples, StartKind, Targets, Task,
    Threads, Trial, prepare,
};
use ndarray::Array2;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// 50 samples of 8 inputs and 4 classes.
fn classification(loss: Loss, activation: Activation, bias: bool, batch: usize) -> Trial {
    let mut trial = setting::completion(8, 8, 3, 1.0, 0);
    let inputs = Array2::from_shape_fn((8, 50), |(i, j)| {
        f64::from(u32::try_from((i * 31 + j * 17) % 23).expect("small")) / 11.0 - 1.0
    });
    let targets = Array2::from_shape_fn((4, 50), |(i, j)| f64::from(u8::from(j % 4 == i)));
    trial.problem = Problem {
        inputs_dim: 8,
        outputs_dim: 4,
        loss,
        noise: 0.0,
        task: Task::Classification {
            samples: Samples {
                inputs: Inputs::Given(Given::from(inputs)),
                targets: Targets::Given(Given::from(targets)),
                train: (0, 50),
                test: None,
                whiten: false,
                center: false,
                standardize: false,
                split: None,
            },
        },
    };
    trial.network.widths = vec![12, 9];
    trial.network.activation = activation;
    trial.network.bias = bias;
    trial.init.kind = StartKind::Gaussian;
    trial.init.scales = vec![0.5; 3];
    trial.train.engine = EngineChoice::Full;
    trial.train.batch = batch;
    trial.optimizer.rate = 1e-3;
    trial.measure.every = 0;
    trial
}

fn main() {
    for &loss in Loss::ALL {
        for &activation in Activation::ALL {
            for (bias, batch) in [(false, 0), (true, 0), (true, 8)] {
                let trial = classification(loss, activation, bias, batch);
                let data = prepare(&trial).expect("data");
                let mut run = Run::new(&trial, &data, Threads::Seq, &|| 0.0).expect("a run");
                // The start is measured, and what is set up once in a process is.
                run.advance(20).expect("runs");
                let before = ALLOCATED.current_usage();
                ALLOCATED.reset_peak_usage();
                run.advance(100).expect("runs");
                assert_eq!(ALLOCATED.peak_usage(), before, "{trial:?}");
                assert_eq!(ALLOCATED.current_usage(), before, "{trial:?}");
            }
        }
    }
    eprintln!("a step allocates nothing: ok");
}
