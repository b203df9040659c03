//! The ready sweep `loss-and-batch`, small: whatever the loss and the batch, the core and the wide network have one curve.

use crate::figures::{column, small};

#[test]
fn the_core_has_the_wide_networks_curve_for_every_loss_and_batch() {
    let small = small("loss-and-batch", &["network.width=80", "train.steps=60"]);
    let apart = column(
        &small.run,
        "SELECT (max(h.train_loss) - min(h.train_loss)) / max(h.train_loss) FROM history h JOIN trials t ON \
         t.trial = h.trial GROUP BY t.problem_loss, t.train_batch, h.step",
    );
    // Two losses, three batches, four measured steps.
    assert_eq!(apart.len(), 24);
    for difference in apart {
        assert!(difference <= 1e-11, "{difference:e}");
    }
    let cores = "SELECT core_width FROM trials WHERE engine = 'reduced'";
    assert_eq!(column(&small.run, cores), [66.0; 6]);
    let cheaper = "SELECT min(f.flops / r.flops) FROM trials f JOIN trials r ON f.problem_loss = r.problem_loss AND \
                   f.train_batch = r.train_batch WHERE f.engine = 'full' AND r.engine = 'reduced'";
    assert!(column(&small.run, cheaper)[0] > 1.2);
    let falls = "SELECT max(b.train_loss / a.train_loss) FROM history a JOIN history b ON a.trial = b.trial WHERE a.step \
                 = 0 AND b.step = 60";
    assert!(column(&small.run, falls)[0] < 1.0);
}
